#!/usr/bin/python3
"""
Programs that nobody here wrote do real work on the bare x86-64 kernel: Debian's busybox, bash, dash, Lua, SQLite and Python, as
real/scripts has it. What they print is what they print on Linux. Run with the build folder, as root.
"""
import os
import re
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
from image import ROOT, make, on_linux  # noqa: E402
from machine import Boot, DEADLINE_S, PASSED, QEMU, kernel_in  # noqa: E402

BUILD = "build"
NEEDED = ("/bin/busybox", "/bin/bash-static", "/bin/dash", "/usr/bin/lua5.4", "/usr/bin/sqlite3", "/usr/bin/python3.11")
SCRIPT = "/work/all.sh"
PARTS = 6


def parts_of(text):
    """What each program printed, by its name; a part ends with its exit status."""
    found = re.findall(r"^== (.+?)\n(.*?)^-- (\d+)$", text, re.M | re.S)
    return {name: said + status for name, said, status in found}


class RealPrograms(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.initramfs = os.path.join(folder.name, "initramfs")
        make(cls.initramfs, os.path.join(ROOT, "tests", "bare", "real", "programs.table"))
        cls.expected = parts_of(on_linux(cls.initramfs, ["/bin/sh", SCRIPT], DEADLINE_S))

    def test_they_print_what_they_print_on_linux(self):
        self.maxDiff = None
        self.assertEqual(len(self.expected), PARTS, self.expected)
        for processors in 1, 4:
            machine = Boot(kernel_in(BUILD), f"run=/bin/busybox -- sh {SCRIPT}", initramfs=self.initramfs, memory_mib=256,
                           processors=processors)
            self.assertEqual(machine.status, PASSED, machine.console)
            said = parts_of(machine.console)
            for name, expected in self.expected.items():
                with self.subTest(program=name, processors=processors):
                    self.assertEqual(said.get(name), expected)


if __name__ == "__main__":
    if len(sys.argv) > 1 and os.path.isdir(sys.argv[1]):
        BUILD = sys.argv.pop(1)
    if QEMU is None or not os.path.exists(kernel_in(BUILD)) or os.geteuid() != 0:
        print("skipped: qemu-system-x86_64, the kernel (make build MACHINE=x86_64), or root's rights are not there")
        sys.exit(77)
    missing = [path for path in NEEDED if not os.path.exists(path)]
    if missing:
        print("skipped: not installed: " + " ".join(missing))
        sys.exit(77)
    unittest.main()
