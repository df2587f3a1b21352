#!/usr/bin/python3
"""Files that programs serve: a program finds on the bare x86-64 kernel what it finds on Linux. Run with the build folder."""
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
import compared  # noqa: E402
from machine import DEADLINE_S  # noqa: E402

PARTS = ("names", "contents", "direct", "told", "rights", "program", "stuck", "wrong")


class Fuse(compared.Compared):
    program = "fuse"

    def on_linux(self, parts=(), least=1):
        """In a view of its own, whose mounts go with it."""
        command = ["unshare", "--mount", compared.program_in(compared.build, self.program), *parts]
        ended = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=DEADLINE_S)
        lines = ended.stdout.decode().splitlines()
        self.assertGreaterEqual(len(lines), least)
        return lines

    @unittest.skipUnless(os.geteuid() == 0 and os.path.exists("/dev/fuse"), "mounting on Linux needs root and its FUSE")
    def test_a_program_finds_what_it_finds_on_linux(self):
        expected = self.on_linux(("/tmp/grove-fuse-test", *PARTS), 200)
        expected = [line.replace("/tmp/grove-fuse-test", "/tmp/served") for line in expected]
        self.check(expected, ("/tmp/served", *PARTS), processors=(1, 2))

    def test_a_kill_ends_a_wait_for_a_server_that_is_silent(self):
        self.check(["-- killed", "stuck: 5", "close: 0", "still there: 1", "killed by 9",
                    "stuck: mode 100644 links 1 size 5 user 0", "server ended with 0"], ("/tmp/served", "killed"), processors=(1, 2))


if __name__ == "__main__":
    compared.main("fuse")
