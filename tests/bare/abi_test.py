#!/usr/bin/python3
"""What the bare x86-64 kernel makes of calls that other tests do not try is what Linux makes of them: the same program says the
same on both. Run with the build folder."""
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
from compared import Compared, main  # noqa: E402


class Abi(Compared):
    program = "abi"

    def test_it_prints_what_it_prints_on_linux(self):
        expected = self.on_linux(least=60)
        self.assertEqual(expected[-1], "abi: done")
        self.check(expected, processors=(1, 4))

    @unittest.skipUnless(os.geteuid() == 0, "it mounts, which only user 0 may")
    def test_mounts_in_use_stay(self):
        expected = self.on_linux(["mounts"], least=13)
        self.check(expected, ["mounts"], processors=(2,))


class Others(Compared):
    program = "others"

    def test_it_prints_what_it_prints_on_linux(self):
        expected = self.on_linux(least=50)
        self.assertEqual(expected[-1], "others: done")
        self.check(expected, processors=(1, 4))

    @unittest.skipUnless(os.geteuid() == 0, "it becomes another user, which only user 0 may")
    def test_strangers_are_not_reached(self):
        expected = self.on_linux(["strangers"], least=10)
        self.check(expected, ["strangers"], processors=(2,))


if __name__ == "__main__":
    main("abi")
