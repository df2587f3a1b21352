#!/usr/bin/python3
"""The system services on the bare x86-64 kernel: they come up, come back when they are killed, hold others in what their manifests
say, and end; and the conformance suite. One boot on one processor, one on four. Run with the build folder. The kernel itself panics
if anything of it all is left in memory."""
import os
import re
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
from machine import Boot, PASSED, QEMU, kernel_in  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
build = "build"
MEMORY_MIB = 640  # ten services may have 64 MiB each

SERVICES = ("bus", "config", "health", "hooks", "init", "log", "reincarnation", "registry", "resource", "store")
TABLE = """
folder  /var/yard               0777
file    /etc/motd               0644 {motd}
tree    /yard                   {here}/services
file    /services.sh            0755 {here}/scripts/services.sh
file    /await.sh               0644 {here}/scripts/await.sh
program /conformance-driver     {build}/musl/tests/conformance/conformance-driver
program /conformance-service    {build}/musl/tests/conformance/conformance-service
"""
JAIL = ["root has bin dev etc proc shm tmp var yard", "numbers in /proc are 4", "there is no process 1", "sees no process 1",
        "may not write /etc/motd", "motd is welcome", "wrote /var/yard/kept", "may not mount", "may not change its root",
        "may not name the machine", "is nobody's user", "NoNewPrivs:\t1", "done"]


class Services(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.initramfs = os.path.join(folder.name, "initramfs")
        motd, table = os.path.join(folder.name, "motd"), os.path.join(folder.name, "table")
        with open(motd, "w", encoding="ascii") as file:
            file.write("welcome\n")
        with open(table, "w", encoding="ascii") as file:
            file.write(TABLE.format(motd=motd, here=HERE, build=os.path.abspath(build)))
        subprocess.run([os.path.join(ROOT, "tools", "services-x86_64"), build, cls.initramfs,
                        os.path.join(ROOT, "tools", "image", "shell.table"), table], check=True)

    def check(self, processors):
        machine = Boot(kernel_in(build), "grove run=/bin/busybox -- sh /services.sh", initramfs=self.initramfs,
                       memory_mib=MEMORY_MIB, processors=processors)
        self.assertEqual(machine.status, PASSED, machine.console)
        lines = [line.rstrip() for line in machine.lines]
        self.assertIn("kernel.ready", lines, machine.console)
        self.assertNotIn("degraded", machine.console)
        for name in SERVICES:
            self.assertIn(f"up: system.{name}", lines)
            self.assertIn(f"again: system.{name}", lines)
        self.assertIn("machine: x86_64 enforces it", lines)
        self.assertIn("pid-namespace is enforced", lines)
        self.assertEqual([line[6:] for line in lines if line.startswith("jail: ")], JAIL, machine.console)
        self.assertIn("kept: kept", lines)
        self.assertIn("hog: failed", lines)
        self.assertEqual([line for line in lines if line.startswith("bomb: ")],
                         [f"bomb: depth {depth}" for depth in range(1, 5)], machine.console)
        self.assertNotIn("left over", machine.console)
        told = [line[13:] for line in lines if line.startswith("conformance: ")]
        laws = [line for line in told if line.startswith("ok ")]
        planned = re.match(r"1\.\.(\d+)$", told[0])
        self.assertEqual(len(laws), int(planned.group(1)), "\n".join(told))
        self.assertEqual(lines[lines.index("down"):][:2], ["down", "the end"], machine.console)

    def test_one_processor(self):
        self.check(1)

    def test_four_processors(self):
        self.check(4)


if __name__ == "__main__":
    if len(sys.argv) > 1 and os.path.isdir(sys.argv[1]):
        build = sys.argv.pop(1)
    NEEDED = (kernel_in(build), os.path.join(build, "userspace", "grove", "grove"),
              os.path.join(build, "musl", "tests", "conformance", "conformance-driver"))
    if QEMU is None or not all(map(os.path.exists, NEEDED)) or not os.path.exists("/bin/busybox"):
        print("skipped: qemu-system-x86_64, busybox, the kernel (make build MACHINE=x86_64) or the services are not there")
        sys.exit(77)
    unittest.main()
