#!/usr/bin/python3
"""Static Linux programs on the bare x86-64 kernel: what they do, and what they must not do. Run with the build folder."""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
from machine import Boot, DEADLINE_S, FAILED, PASSED, QEMU, archive, kernel_in  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = "build"
BUSYBOX = "/bin/busybox"
PROGRAMS = ("hello", "attack", "storm")
STORM_CALLS = 30000


def program_in(build, name):
    return os.path.join(build, "musl", "tests", "bare", f"bare-{name}")


class Programs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.initramfs = os.path.join(cls.folder.name, "initramfs")
        files = {f"bin/{name}": program_in(BUILD, name) for name in PROGRAMS}
        text = os.path.join(cls.folder.name, "text")
        with open(text, "w", encoding="ascii") as file:
            file.write("this is no program\n")
        files.update({"init": program_in(BUILD, "hello"), "text": text})
        if os.path.exists(BUSYBOX):
            files["bin/busybox"] = BUSYBOX
        archive(cls.initramfs, files)

    def run_program(self, line, **how):
        return Boot(kernel_in(BUILD), line, initramfs=self.initramfs, **how)

    def ended_with(self, machine):
        self.assertIn(machine.status, (PASSED, FAILED), machine.console)
        found = re.findall(r"boot: \S+ ended with (\d+)$", machine.console, re.M)
        self.assertEqual(len(found), 1, machine.console)
        return int(found[0])


class Honest(Programs):
    def test_the_first_program_is_init(self):
        machine = self.run_program("")
        self.assertEqual(machine.status, PASSED, machine.console)
        self.assertIn("hello from /init, 1 arguments", machine.lines)

    def test_arguments_and_exit_status(self):
        machine = self.run_program("run=/bin/hello -- fail  two")
        self.assertEqual(machine.status, FAILED)
        self.assertIn("hello from /bin/hello, 3 arguments", machine.lines)
        self.assertIn("argument 2 is two", machine.lines)
        self.assertEqual(self.ended_with(machine), 42)

    def test_both_boards_and_an_old_processor(self):
        for how in {"board": "q35", "processors": 4}, {"cpu": "qemu64"}:
            with self.subTest(**how):
                machine = self.run_program("run=/bin/hello", **how)
                self.assertEqual(machine.status, PASSED, machine.console)

    @unittest.skipUnless(os.path.exists(BUSYBOX), "busybox-static is not installed")
    def test_a_program_that_debian_built(self):
        for line, said in ("echo hello there", "hello there"), ("expr 6 * 7", "42"), ("seq 3", "3"):
            with self.subTest(line=line):
                machine = self.run_program(f"run=/bin/busybox -- {line}")
                self.assertEqual(machine.status, PASSED, machine.console)
                self.assertIn(said, machine.lines)

    def test_what_is_no_program_is_said(self):
        for path, status in ("/none", -2), ("/text", -8):
            machine = self.run_program(f"run={path}")
            self.assertEqual(machine.status, FAILED)
            self.assertIn(f"boot: {path} cannot be run (status {status})", machine.lines)


class Grub(Programs):
    @unittest.skipUnless(shutil.which("grub-mkrescue"), "grub-mkrescue is not installed")
    def test_grub_boots_the_same_kernel_by_multiboot2(self):
        image = os.path.join(self.folder.name, "grove.iso")
        environment = dict(os.environ, BUILD=os.path.join(os.path.abspath(BUILD), "x86_64"), ISO_INITRAMFS=self.initramfs,
                           ISO_OUTPUT=image, ISO_OPTIONS="debug-exit=0xf4 run=/bin/hello -- by grub")
        subprocess.run([os.path.join(ROOT, "tools", "iso-x86_64")], env=environment, stdout=subprocess.DEVNULL, check=True,
                       timeout=DEADLINE_S)
        machine = Boot(None, board="q35", processors=2, image=image)
        self.assertEqual(machine.status, PASSED, machine.console)
        self.assertIn("grove: booted by Multiboot2", machine.console)
        self.assertIn("boot: 2 of 2 processors run", machine.console)
        self.assertIn("argument 2 is grub", machine.lines)


class Storms(Programs):
    def test_random_system_calls_harm_nobody_else(self):
        for seed in range(1, 7):
            with self.subTest(seed=seed):
                machine = self.run_program(f"run=/bin/storm -- {seed} {STORM_CALLS}")
                # It may have unmapped itself.
                self.assertIn(self.ended_with(machine), (0, 128 + 11))


class Attacks(Programs):
    """What a program must not do ends it by a signal; the kernel goes on, with as much memory as before."""

    def attack(self, name, signal, cause, **how):
        machine = self.run_program(f"run=/bin/attack -- {name}", **how)
        self.assertEqual(machine.status, FAILED, machine.console)
        self.assertIn(cause, machine.console)
        self.assertEqual(self.ended_with(machine), 128 + signal)

    def test_the_kernels_memory(self):
        for name in "read-kernel", "write-kernel", "jump-to-kernel":
            with self.subTest(name=name):
                self.attack(name, 11, "ended by page fault")

    def test_what_only_the_kernel_may(self):
        for name in "privileged", "use-a-port":
            with self.subTest(name=name):
                self.attack(name, 11, "ended by general protection fault")

    def test_its_own_memory(self):
        for name in "write-text", "execute-stack", "overflow-stack":
            with self.subTest(name=name):
                self.attack(name, 11, "ended by page fault")

    def test_division_and_flags(self):
        self.attack("divide", 8, "ended by division error")
        self.attack("wild-flags", 5, "ended by debug")

    def test_all_memory(self):
        self.attack("take-all-memory", 9, "ended for want of memory", memory_mib=16)

    def test_pointers_into_the_kernel(self):
        machine = self.run_program("run=/bin/attack -- pass-kernel-pointers")
        self.assertEqual(machine.status, PASSED, machine.console)
        self.assertIn("refused 26 of 26", machine.lines)


if __name__ == "__main__":
    if len(sys.argv) > 1 and os.path.isdir(sys.argv[1]):
        BUILD = sys.argv.pop(1)
    if QEMU is None or not os.path.exists(kernel_in(BUILD)) or not os.path.exists(program_in(BUILD, "hello")):
        print("skipped: qemu-system-x86_64, or the kernel (make build MACHINE=x86_64), is not there")
        sys.exit(77)
    unittest.main()
