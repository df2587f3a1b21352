"""What the tests share that run one program on the bare kernel and on this computer's Linux and compare what it prints."""
import os
import re
import subprocess
import sys
import tempfile
import unittest

from machine import Boot, DEADLINE_S, PASSED, QEMU, archive, kernel_in

build = "build"


def program_in(folder, name):
    return os.path.join(folder, "musl", "tests", "bare", f"bare-{name}")


class Compared(unittest.TestCase):
    """`program` is alone in the initramfs, as `path` (bin/PROGRAM); its parts are its arguments."""
    program = None
    path = None
    memory_mib = 64

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.initramfs = os.path.join(folder.name, "initramfs")
        cls.path = cls.path or f"bin/{cls.program}"
        archive(cls.initramfs, {cls.path: program_in(build, cls.program)})

    def on_linux(self, parts=(), least=1):
        """What it prints there, `least` lines at least: a comparison of nothing says nothing."""
        ended = subprocess.run([program_in(build, self.program), *parts], stdout=subprocess.PIPE, check=True, timeout=DEADLINE_S)
        lines = ended.stdout.decode().splitlines()
        self.assertGreaterEqual(len(lines), least)
        return lines

    def boot(self, parts=(), kernel="grove-kernel", options="", **how):
        machine = Boot(kernel_in(build, kernel), f"{options} run=/{self.path} -- " + " ".join(parts), initramfs=self.initramfs,
                       memory_mib=self.memory_mib, **how)
        self.assertEqual(machine.status, PASSED, machine.console)
        return machine

    def here(self, parts=(), **how):
        """Without the kernel's own lines."""
        return [line for line in self.boot(parts, **how).lines if line and not re.match("grove: |boot: |test: ", line)]

    def check(self, expected, parts=(), processors=(1, 2, 4)):
        for count in processors:
            with self.subTest(processors=count):
                self.assertEqual(self.here(parts, processors=count), expected)


def main(program):
    """The test's own main, with the build folder as its first argument."""
    global build
    if len(sys.argv) > 1 and os.path.isdir(sys.argv[1]):
        build = sys.argv.pop(1)
    if QEMU is None or not os.path.exists(kernel_in(build)) or not os.path.exists(program_in(build, program)):
        print("skipped: qemu-system-x86_64, the kernel (make build MACHINE=x86_64) or its programs are not there")
        sys.exit(77)
    unittest.main()
