#!/usr/bin/python3
"""Files on the bare x86-64 kernel: programs and shell scripts find what they find on Linux. Run with the build folder."""
import os
import re
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
from machine import Boot, DEADLINE_S, PASSED, QEMU, archive, kernel_in  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = "build"
BUSYBOX = "/bin/busybox"
SCRIPT = os.path.join(HERE, "scripts", "files.sh")
PARTS = ("pipes", "waiting", "edges", "workers", "timers", "locks", "nameless")
# What the script needs of a root, made in a mount namespace that goes with the shell.
ROOT_ON_LINUX = """
mount -t tmpfs none "$1" && cd "$1" && mkdir bin tmp dev proc sys && chmod 1777 tmp && cp /bin/busybox bin && cp "$2" script.sh
mknod dev/null c 1 3 && mknod dev/zero c 1 5 && chmod 666 dev/* && exec chroot . /bin/busybox sh /script.sh
"""


def program_in(build):
    return os.path.join(build, "musl", "tests", "bare", "bare-files")


class Files(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.initramfs = os.path.join(cls.folder.name, "initramfs")
        files = {"bin/files": program_in(BUILD), "script.sh": SCRIPT}
        if os.path.exists(BUSYBOX):
            files["bin/busybox"] = BUSYBOX
        archive(cls.initramfs, files)

    def here(self, line, **how):
        machine = Boot(kernel_in(BUILD), line, initramfs=self.initramfs, memory_mib=64, **how)
        self.assertEqual(machine.status, PASSED, machine.console)
        return [line for line in machine.lines if line and not re.match("grove: |boot: ", line)]

    @unittest.skipUnless(os.path.exists(BUSYBOX), "busybox-static is not installed")
    @unittest.skipUnless(os.geteuid() == 0, "a root of its own on Linux needs root")
    def test_a_script_prints_what_it_prints_on_linux(self):
        place = os.path.join(self.folder.name, "root")
        os.mkdir(place)
        ended = subprocess.run(["unshare", "--mount", "sh", "-c", ROOT_ON_LINUX, "sh", place, SCRIPT], stdout=subprocess.PIPE,
                               stdin=subprocess.DEVNULL, check=True, timeout=DEADLINE_S)
        expected = ended.stdout.decode().splitlines()
        self.assertEqual(expected[-1], "done")
        for processors in 1, 2:
            with self.subTest(processors=processors):
                self.assertEqual(self.here("run=/bin/busybox -- sh /script.sh", processors=processors), expected)

    def test_a_program_finds_what_it_finds_on_linux(self):
        with tempfile.TemporaryDirectory() as folder:
            ended = subprocess.run([program_in(BUILD), folder, *PARTS], stdout=subprocess.PIPE, check=True, timeout=DEADLINE_S)
        expected = ended.stdout.decode().splitlines()
        self.assertGreaterEqual(len(expected), len(PARTS))
        for processors in 1, 2, 4:
            with self.subTest(processors=processors):
                self.assertEqual(self.here("run=/bin/files -- /tmp " + " ".join(PARTS), processors=processors), expected)


if __name__ == "__main__":
    if len(sys.argv) > 1 and os.path.isdir(sys.argv[1]):
        BUILD = sys.argv.pop(1)
    if QEMU is None or not os.path.exists(kernel_in(BUILD)) or not os.path.exists(program_in(BUILD)):
        print("skipped: qemu-system-x86_64, or the kernel (make build MACHINE=x86_64), is not there")
        sys.exit(77)
    unittest.main()
