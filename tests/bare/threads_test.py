#!/usr/bin/python3
"""Programs of many threads on the bare x86-64 kernel: they print what they print on Linux. Run with the build folder."""
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
PARTS = ("mutexes", "robust", "conditions", "meetings", "own", "times", "words", "storm")


def program_in(build, name):
    return os.path.join(build, "musl", "tests", "bare", f"bare-{name}")


class Threads(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.initramfs = os.path.join(cls.folder.name, "initramfs")
        archive(cls.initramfs, {"bin/threads": program_in(BUILD, "threads")})

    def on_linux(self, parts):
        ended = subprocess.run([program_in(BUILD, "threads"), *parts], stdout=subprocess.PIPE, check=True, timeout=DEADLINE_S)
        return ended.stdout.decode().splitlines()

    def here(self, parts, **how):
        machine = Boot(kernel_in(BUILD), "run=/bin/threads -- " + " ".join(parts), initramfs=self.initramfs, memory_mib=128, **how)
        self.assertEqual(machine.status, PASSED, machine.console)
        return [line for line in machine.lines if line and not re.match("grove: |boot: ", line)]

    def test_they_print_what_they_print_on_linux(self):
        expected = self.on_linux(PARTS)
        self.assertGreater(len(expected), 40)
        for processors in 1, 2, 4:
            with self.subTest(processors=processors):
                self.assertEqual(self.here(PARTS, processors=processors), expected)

    def test_an_old_processor_whose_registers_are_saved_in_the_old_way(self):
        parts = ("own", "mutexes")
        self.assertEqual(self.here(parts, processors=2, cpu="qemu64"), self.on_linux(parts))

    def test_threads_are_scheduled_as_they_ask(self):
        """Linux lets only root ask for most of this, so what it says is written down here."""
        self.assertEqual(self.here(["schedules"]), [
            "policy 1: set, is 1", "policy 2: set, is 2", "policy 3: set, is 3", "policy 5: set, is 5", "policy 0: set, is 0",
            "policy 77: Invalid argument, is 0", "priority 100: Invalid argument", "most 99, least 1", "nice: 0, is 5",
            "no thread: No such process"])


if __name__ == "__main__":
    if len(sys.argv) > 1 and os.path.isdir(sys.argv[1]):
        BUILD = sys.argv.pop(1)
    if QEMU is None or not os.path.exists(kernel_in(BUILD)) or not os.path.exists(program_in(BUILD, "threads")):
        print("skipped: qemu-system-x86_64, the kernel (make build MACHINE=x86_64) or its programs are not there")
        sys.exit(77)
    unittest.main()
