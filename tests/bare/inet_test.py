#!/usr/bin/python3
"""TCP and UDP on the bare x86-64 kernel: a program of them prints what it prints on Linux. Run with the build folder."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
from compared import Compared, main  # noqa: E402

PARTS = ("names", "ends", "flags", "options", "datagrams", "versions", "interfaces", "many", "large", "edges", "forks")


class Inet(Compared):
    program = "inet"

    def test_it_prints_what_it_prints_on_linux(self):
        self.check(self.on_linux(PARTS, least=100), PARTS)


if __name__ == "__main__":
    main("inet")
