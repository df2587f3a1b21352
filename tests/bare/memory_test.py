#!/usr/bin/python3
"""Programs about their memory on the bare x86-64 kernel: they print what they print on Linux. Run with the build folder."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
from compared import Compared, main  # noqa: E402

ALONE = ("protections", "moves", "advice", "sparse", "heap", "clocks")
THREADS = ("together", "forgotten", "beside")


class Memory(Compared):
    program = "memory"

    def test_one_thread_sees_what_it_sees_on_linux(self):
        self.check(self.on_linux(ALONE, least=40), ALONE, processors=(1,))

    def test_many_threads_see_what_they_see_on_linux(self):
        expected = self.on_linux(THREADS)
        self.assertIn("forgotten: 0 failures", expected)
        self.check(expected, THREADS)

    def test_nothing_is_writable_and_executable(self):
        self.assertEqual(self.here(["strict"]), ["both: Permission denied", "both later: Permission denied"])


if __name__ == "__main__":
    main("memory")
