#!/usr/bin/python3
"""
Debian's stress-ng on the bare x86-64 kernel: so many operations of each kind, on 1, 2 and 4 processors, without a hang. The kernel
itself compares its memory before and after, and panics if some is left in use. Run with the build folder; --long: ten times as
many operations, and all stressors.

Left out, as they do not end by a count of operations on Linux either or want what no kernel of its own is for: sem, yield, cpu.

Left out as well are two that race with their own threads, and fail on Linux too when they lose (stress-ng 0.15.06). pthread does
not join the last thread that it makes, which faults if it begins after the function has returned that has its arguments on the
stack. mutex says "could not create any pthreads" if its first thread, which asks for SCHED_FIFO, is done with all operations
before pthread_create returns; that has not failed. What they do, programs/threads.c does instead: its part "crowd".
"""
import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
from image import ROOT, make  # noqa: E402
from machine import Boot, PASSED, QEMU, kernel_in  # noqa: E402

BUILD = "build"
NEEDED = ("/bin/busybox", "/usr/bin/stress-ng")
MEMORY_MIB = 384
# Instances and operations: threads and processes meet in these.
SHORT = {"futex": (2, 100), "switch": (2, 200), "fork": (2, 10), "vfork": (2, 10), "clone": (2, 10), "pipe": (2, 200),
         "poll": (2, 50), "eventfd": (2, 100), "signal": (2, 100), "sigq": (2, 100), "mmap": (1, 1), "timerfd": (1, 5),
         "wait": (2, 5), "sockpair": (2, 20), "brk": (1, 100), "dup": (2, 5)}
MORE = {"sigrt": (2, 50), "sigsuspend": (2, 50), "sigpending": (2, 50), "sigfd": (2, 50), "getdent": (2, 20), "dentry": (2, 20),
        "open": (2, 10), "rename": (2, 50), "chmod": (2, 20), "access": (2, 20), "fcntl": (2, 20), "flock": (2, 50),
        "lockf": (2, 50), "seek": (2, 50), "fault": (2, 50), "mlock": (1, 20), "msync": (1, 20), "mprotect": (2, 50),
        "mincore": (2, 50), "vm": (1, 20), "fifo": (2, 100), "sockfd": (2, 50), "nice": (2, 5), "kill": (2, 100),
        "session": (2, 10), "schedpolicy": (2, 50), "affinity": (2, 50), "zombie": (2, 20), "daemon": (2, 10),
        "nanosleep": (2, 20), "procfs": (1, 5), "personality": (2, 20), "hdd": (1, 5), "sysinfo": (2, 20), "mremap": (1, 5)}
LONG = "--long" in sys.argv


def words(stressors, times):
    return " ".join(f"{name}:{instances}:{operations * times}" for name, (instances, operations) in stressors.items())


class Stress(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.initramfs = os.path.join(folder.name, "initramfs")
        make(cls.initramfs, os.path.join(ROOT, "tests", "bare", "stress", "stress.table"))

    def stress(self, stressors, times, processors):
        """In boots of a few stressors each, as the kernel's command line has room for so many."""
        names = list(stressors)
        for at in range(0, len(names), 20):
            some = {name: stressors[name] for name in names[at:at + 20]}
            machine = Boot(kernel_in(BUILD), f"run=/stress.sh -- {words(some, times)}", initramfs=self.initramfs,
                           memory_mib=MEMORY_MIB, processors=processors)
            self.assertEqual(machine.status, PASSED, machine.console)
            self.assertEqual([line[6:] for line in machine.lines if line.startswith("done: ")], list(some), machine.console)

    def test_few_operations_of_each(self):
        for processors in 1, 2, 4:
            with self.subTest(processors=processors):
                self.stress(SHORT, 1, processors)

    @unittest.skipUnless(LONG, "only with --long")
    def test_many_operations_of_all(self):
        for processors in 1, 2, 4:
            with self.subTest(processors=processors):
                self.stress({**SHORT, **MORE}, 10, processors)


if __name__ == "__main__":
    if LONG:
        sys.argv.remove("--long")
    if len(sys.argv) > 1 and os.path.isdir(sys.argv[1]):
        BUILD = sys.argv.pop(1)
    if QEMU is None or not os.path.exists(kernel_in(BUILD)) or not all(os.path.exists(path) for path in NEEDED):
        print("skipped: qemu-system-x86_64, the kernel (make build MACHINE=x86_64), busybox or stress-ng is not there")
        sys.exit(77)
    unittest.main()
