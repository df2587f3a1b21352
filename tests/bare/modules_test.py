#!/usr/bin/python3
"""Modules on the bare x86-64 kernel: loaded, used, refused, taken out, named in a panic. Run with the build folder."""
import os
import re
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
from machine import Boot, PASSED, QEMU, archive, kernel_in  # noqa: E402

BUILD = "build"
PANIC = 37
MODULES = ("greeter", "caller", "lost", "foreign", "virtio-rng")
DEVICE = {"microvm": ("-global", "virtio-mmio.force-legacy=false", "-device", "virtio-rng-device"), "q35": ("-device", "virtio-rng-pci")}
ORDER = """-- order
module caller: it needs the module greeter, which is not loaded
caller before greeter: No such file or directory
greeter: started "some words"
greeter: 0
module greeter: it is loaded already
greeter again: File exists
caller: 1 2 3 of 3
caller: 0
  greeter uses 1 users caller, Live, in the upper half: 1
  caller uses 0 users - Live, in the upper half: 1
2 modules
unload greeter, which is in use: Resource temporarily unavailable
unload caller: 0
greeter: stopped after 3 calls
unload greeter: 0
unload greeter again: No such file or directory
0 modules
"""
TURN = 'greeter: started ""\ncaller: 1 2 3 of 3\ngreeter: stopped after 3 calls\n'
REFUSED = """-- refused
greeter: started "fail"
module greeter: its start failed with -1
its start fails: Operation not permitted
module lost: nobody has the symbol nobody_has_this
a symbol nobody has: No such file or directory
module foreign: it was built against another kernel's headers
other headers: Exec format error
module ?: its signature is not that of this kernel's build
a bit of it changed: Key was rejected by service
module ?: its signature is not that of this kernel's build
a bit of the signature changed: Key was rejected by service
without its signature: Required key not available
nothing: Exec format error
no memory of ours: Bad address
no options of ours: Bad address
too long: Exec format error
no descriptor: Bad file descriptor
flags: Invalid argument
greeter: started ""
from memory: 0
greeter: stopped after 0 calls
unload: 0
as a user: Operation not permitted
as a user: Operation not permitted
as a user: Operation not permitted
0 modules
"""
DEVICE_TURN = """virtio-rng: started
virtio-rng: 0
module virtio-rng: it is loaded already
again: File exists
virtio-rng: bytes were mixed in
unload: 0
"""


def program_in(build):
    return os.path.join(build, "musl", "tests", "bare", "bare-modules")


def module_in(build, name):
    return os.path.join(build, "x86_64", "kernel", "machine", "x86_64", f"{name}.ko")


class Modules(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.initramfs = os.path.join(folder.name, "initramfs")
        files = {f"lib/modules/{name}.ko": module_in(BUILD, name) for name in MODULES}
        archive(cls.initramfs, {"bin/modules": program_in(BUILD), **files})

    def boot(self, parts, options="", status=PASSED, board="microvm", **how):
        machine = Boot(kernel_in(BUILD), f"{options} run=/bin/modules -- /lib/modules {parts}", initramfs=self.initramfs,
                       board=board, extra=DEVICE[board], **how)
        self.assertEqual(machine.status, status, machine.console)
        return machine

    @staticmethod
    def said(machine):
        """Without the kernel's own lines, how many bytes a device gave, and one sentence that comes with each length of a cut file."""
        lines = [line for line in machine.lines if line and not re.match("grove: |boot: |module .: it is not signed", line)]
        return re.sub(r"virtio-rng: [1-9]\d* bytes", "virtio-rng: bytes", "\n".join(lines) + "\n")

    def test_they_come_and_go(self):
        for board in "microvm", "q35":
            for processors in 1, 2:
                with self.subTest(board=board, processors=processors):
                    machine = self.boot("order refused device", "leave=virtio-rng", board=board, processors=processors)
                    self.assertEqual(self.said(machine), ORDER + 20 * TURN + REFUSED + "-- device\n" + 3 * DEVICE_TURN + "0 modules\n")

    def test_the_command_line_names_them(self):
        machine = self.boot("listed", "modules=virtio-rng,missing,greeter,caller")
        self.assertIn("boot: module virtio-rng", machine.lines)
        self.assertIn("boot: /lib/modules/missing.ko cannot be loaded (status -2)", machine.lines)
        self.assertIn("  virtio-rng uses 0 users - Live, in the upper half: 1", machine.lines)
        self.assertIn("3 modules", machine.lines)
        self.assertNotIn("boot: virtio in memory: random numbers", machine.lines)

    def test_without_being_named_the_device_is_the_images_own(self):
        machine = self.boot("device")
        self.assertIn("boot: virtio in memory: random numbers", machine.lines)
        self.assertIn("virtio-rng: No such device", machine.lines)

    def test_a_panic_names_a_modules_functions(self):
        machine = self.boot("fault", "nokaslr", status=PANIC)
        faults = [line for line in machine.lines if re.match(r"    ffffffff[0-9a-f]{8} caller_faults\+0x[0-9a-f]+ of module caller$", line)]
        self.assertEqual(len(faults), 1, machine.console)
        self.assertRegex(machine.console, r"\n    [0-9a-f]{16} start\+0x[0-9a-f]+ of module caller\n")
        self.assertRegex(machine.console, r"\n    [0-9a-f]{16} module_load\+0x[0-9a-f]+\n")


if __name__ == "__main__":
    if len(sys.argv) > 1 and os.path.isdir(sys.argv[1]):
        BUILD = sys.argv.pop(1)
    if QEMU is None or not all(os.path.exists(path) for path in (kernel_in(BUILD), program_in(BUILD), module_in(BUILD, "caller"))):
        print("skipped: qemu-system-x86_64, the kernel and its modules (make build MACHINE=x86_64), or its programs are not there")
        sys.exit(77)
    unittest.main()
