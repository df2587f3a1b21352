#!/usr/bin/python3
"""The example power grid on the bare x86-64 kernel, over its own TCP, while a service is killed every half second: no reading is lost.
How fast it is does not matter here. Run with the build folder. The kernel itself panics if anything is left in memory."""
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
MEMORY_MIB = 768
KILLED_LEAST = 4


class Grid(unittest.TestCase):
    def test_nothing_is_lost(self):
        image = os.path.join(ROOT, "tools", "image")
        with tempfile.TemporaryDirectory() as folder:
            initramfs, table = os.path.join(folder, "initramfs"), os.path.join(folder, "table")
            with open(table, "w", encoding="ascii") as file:
                file.write(f"file /grid.sh 0755 {HERE}/scripts/grid.sh\nfile /await.sh 0644 {HERE}/scripts/await.sh\n")
            subprocess.run([os.path.join(ROOT, "tools", "services-x86_64"), build, initramfs,
                            os.path.join(image, "shell.table"), os.path.join(image, "grid.table"), table], check=True)
            machine = Boot(kernel_in(build), "grove run=/bin/busybox -- sh /grid.sh", initramfs=initramfs,
                           memory_mib=MEMORY_MIB, processors=2)
        self.assertEqual(machine.status, PASSED, machine.console)
        readings = re.search(r"^readings +taken (\d+) +stored (\d+) +lost 0 ", machine.console, re.M)
        self.assertIsNotNone(readings, machine.console)
        self.assertGreater(int(readings.group(1)), 0)
        self.assertEqual(readings.group(1), readings.group(2), machine.console)
        self.assertIn("operator: 0", machine.lines, machine.console)
        killed = re.search(r"^killed: (\d+)$", machine.console, re.M)
        self.assertGreaterEqual(int(killed.group(1)), KILLED_LEAST, machine.console)
        self.assertIn("down", machine.lines)


if __name__ == "__main__":
    if len(sys.argv) > 1 and os.path.isdir(sys.argv[1]):
        build = sys.argv.pop(1)
    NEEDED = (kernel_in(build), os.path.join(build, "userspace", "grove", "grove"),
              os.path.join(build, "examples", "grid", "operator", "operator"),
              os.path.join(build, "musl", "examples", "grid", "acquire", "acquire"))
    if QEMU is None or not all(map(os.path.exists, NEEDED)) or not os.path.exists("/bin/busybox"):
        print("skipped: qemu-system-x86_64, busybox, the kernel (make build MACHINE=x86_64) or the services are not there")
        sys.exit(77)
    unittest.main()
