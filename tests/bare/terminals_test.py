#!/usr/bin/python3
"""Terminals and sockets on the bare x86-64 kernel: a program of them prints what it prints on Linux. Run with the build folder."""
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
PARTS = ("lines", "jobs", "sockets", "trips")


def program():
    return os.path.join(BUILD, "musl", "tests", "bare", "bare-terminals")


class Terminals(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.initramfs = os.path.join(cls.folder.name, "initramfs")
        archive(cls.initramfs, {"bin/terminals": program()})

    def test_it_prints_what_it_prints_on_linux(self):
        ended = subprocess.run([program(), *PARTS], stdout=subprocess.PIPE, check=True, timeout=DEADLINE_S)
        expected = ended.stdout.decode().splitlines()
        self.assertGreater(len(expected), 20)
        for processors in 1, 4:
            with self.subTest(processors=processors):
                machine = Boot(kernel_in(BUILD), "run=/bin/terminals -- " + " ".join(PARTS), initramfs=self.initramfs,
                               memory_mib=64, processors=processors)
                self.assertEqual(machine.status, PASSED, machine.console)
                self.assertEqual([line for line in machine.lines if line and not re.match("grove: |boot: ", line)], expected)


if __name__ == "__main__":
    if len(sys.argv) > 1 and os.path.isdir(sys.argv[1]):
        BUILD = sys.argv.pop(1)
    if QEMU is None or not os.path.exists(kernel_in(BUILD)) or not os.path.exists(program()):
        print("skipped: qemu-system-x86_64, the kernel (make build MACHINE=x86_64) or its programs are not there")
        sys.exit(77)
    unittest.main()
