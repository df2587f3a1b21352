#!/usr/bin/python3
"""The program that compares kernels (bench/kernel) runs on ours, and counts the same twice. Run with the build folder."""
import os
import re
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
from machine import Boot, PASSED, QEMU, archive, kernel_in  # noqa: E402

BUILD = "build"
ROWS = ("null-call", "signal", "page-fault", "mmap", "open-close", "stat", "create-write-unlink", "pipe", "socket", "tcp", "futex", "channel",
        "context-switch", "thread-create", "fork-exec-wait", "lateness")
NOT_THERE = 38  # ENOSYS


def program_in(build):
    return os.path.join(build, "musl", "bench", "kernel", "kernel-bench")


class Bench(unittest.TestCase):
    def measure(self):
        with tempfile.TemporaryDirectory() as folder:
            initramfs = os.path.join(folder, "initramfs")
            archive(initramfs, {"init": program_in(BUILD)})
            machine = Boot(kernel_in(BUILD), "nokaslr -- batches=3", initramfs=initramfs,
                           extra=("-icount", "shift=0,sleep=off"))
        self.assertEqual(machine.status, PASSED, machine.console)
        self.assertIn("kernel-bench: done", machine.lines)
        return machine

    def test_each_row_is_measured_or_not_there_yet(self):
        machine = self.measure()
        for name in ROWS:
            said = re.findall(rf"^kernel-bench: {name} (not yet )?(\d+)", machine.console, re.M)
            self.assertEqual(len(said), 1, machine.console)
            missing, number = said[0]
            if missing:
                self.assertEqual(int(number), NOT_THERE, f"{name} failed")

    def test_instructions_are_counted_the_same_twice(self):
        """But for what addresses cost, which are random for each program: a tree or a table more or less."""
        first, second = ({name: int(count) for name, count in
                          re.findall(r"^kernel-bench: (null-call|mmap|page-fault) (\d+)", self.measure().console, re.M)}
                         for _ in range(2))
        self.assertEqual(first["null-call"], second["null-call"])
        self.assertEqual(first.keys(), second.keys())
        for name, count in first.items():
            self.assertAlmostEqual(count, second[name], delta=count / 1000, msg=name)


if __name__ == "__main__":
    if len(sys.argv) > 1 and os.path.isdir(sys.argv[1]):
        BUILD = sys.argv.pop(1)
    if QEMU is None or not os.path.exists(kernel_in(BUILD)) or not os.path.exists(program_in(BUILD)):
        print("skipped: qemu-system-x86_64, or the kernel (make build MACHINE=x86_64), is not there")
        sys.exit(77)
    unittest.main()
