#!/usr/bin/python3
"""/proc and /sys on the bare x86-64 kernel: a program finds in them what it finds on Linux. Run with the build folder."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
from compared import Compared, main  # noqa: E402


class Proc(Compared):
    program = "proc"
    path = "bin/bare-proc"  # it tells its name

    def test_it_prints_what_it_prints_on_linux(self):
        self.check(self.on_linux(least=20), processors=(1, 2))


if __name__ == "__main__":
    main("proc")
