#!/usr/bin/python3
"""Programs about their memory on the bare x86-64 kernel: they print what they print on Linux. Run with the build folder."""
import os
import re
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
from machine import Boot, DEADLINE_S, PASSED, QEMU, archive, kernel_in  # noqa: E402

BUILD = "build"
ALONE = ("protections", "moves", "advice", "sparse", "heap", "clocks")
THREADS = ("together", "forgotten", "beside")


def program_in(build, name):
    return os.path.join(build, "musl", "tests", "bare", f"bare-{name}")


class Memory(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.initramfs = os.path.join(cls.folder.name, "initramfs")
        archive(cls.initramfs, {"bin/memory": program_in(BUILD, "memory")})

    def on_linux(self, parts):
        ended = subprocess.run([program_in(BUILD, "memory"), *parts], stdout=subprocess.PIPE, check=True, timeout=DEADLINE_S)
        return ended.stdout.decode().splitlines()

    def here(self, parts, **how):
        machine = Boot(kernel_in(BUILD), "run=/bin/memory -- " + " ".join(parts), initramfs=self.initramfs, **how)
        self.assertEqual(machine.status, PASSED, machine.console)
        return [line for line in machine.lines if line and not re.match("grove: |boot: ", line)]

    def test_one_thread_sees_what_it_sees_on_linux(self):
        expected = self.on_linux(ALONE)
        self.assertGreater(len(expected), 40)
        self.assertEqual(self.here(ALONE), expected)

    def test_many_threads_see_what_they_see_on_linux(self):
        expected = self.on_linux(THREADS)
        self.assertIn("forgotten: 0 failures", expected)
        for processors in 1, 2, 4:
            with self.subTest(processors=processors):
                self.assertEqual(self.here(THREADS, processors=processors), expected)

    def test_nothing_is_writable_and_executable(self):
        self.assertEqual(self.here(["strict"]), ["both: Permission denied", "both later: Permission denied"])


if __name__ == "__main__":
    if len(sys.argv) > 1 and os.path.isdir(sys.argv[1]):
        BUILD = sys.argv.pop(1)
    if QEMU is None or not os.path.exists(kernel_in(BUILD)) or not os.path.exists(program_in(BUILD, "memory")):
        print("skipped: qemu-system-x86_64, the kernel (make build MACHINE=x86_64) or its programs are not there")
        sys.exit(77)
    unittest.main()
