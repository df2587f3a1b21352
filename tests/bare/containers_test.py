#!/usr/bin/python3
"""What containers hold, give and refuse on the bare x86-64 kernel, by programs that know nothing of Grove: readiness, freezing, the
network by capability, sockets made before the start, names, shares of the processor; and the last audit records in a panic. Run with
the build folder. The kernel itself panics if anything of it all is left in memory."""
import os
import re
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
from machine import Boot, PANIC, PASSED, QEMU, kernel_in  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
build = "build"
MEMORY_MIB = 640

TABLE = """
tree    /pen                    {here}/containers
file    /containers.sh          0755 {here}/scripts/containers.sh
file    /await.sh               0644 {here}/scripts/await.sh
program /bin/contained          {build}/musl/tests/bare/bare-contained
"""
DENIED = "Permission denied"
USES = ("bind tcp 127.0.0.1:8001", "bind tcp 0.0.0.0:0", "listen tcp 0.0.0.0:0", "connect tcp 127.0.0.1:8001",
        "connect udp 127.0.0.1:8001", "sendto udp 127.0.0.1:8001", "sendto udp 0.0.0.0:8001", "sendmsg udp 127.0.0.1:8001")


class Containers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.initramfs = os.path.join(folder.name, "initramfs")
        table = os.path.join(folder.name, "table")
        with open(table, "w", encoding="ascii") as file:
            file.write(TABLE.format(here=HERE, build=os.path.abspath(build)))
        subprocess.run([os.path.join(ROOT, "tools", "services-x86_64"), build, cls.initramfs,
                        os.path.join(ROOT, "tools", "image", "shell.table"), table], check=True)

    def boot(self, options, expected, kernel="grove-kernel", processors=4):
        machine = Boot(kernel_in(build, kernel), f"grove {options}", initramfs=self.initramfs, memory_mib=MEMORY_MIB,
                       processors=processors)
        self.assertEqual(machine.status, expected, machine.console)
        self.lines = [line.rstrip() for line in machine.lines]
        self.console = machine.console
        return machine

    def said(self, name):
        return [line[len(name) + 2:] for line in self.lines if line.startswith(name + ": ")]

    def test_what_they_hold_give_and_refuse(self):
        self.boot("run=/bin/busybox -- sh /containers.sh", PASSED)
        self.assertNotIn("late: ", self.console)
        self.assertEqual(self.lines[self.lines.index("down"):][:2], ["down", "the end"], self.console)
        with self.subTest("readiness"):
            self.assertEqual(self.said("ready"), ["told: done", "removed: Read-only file system"], self.console)
        with self.subTest("freezing"):
            self.assertEqual(self.said("frozen"), ["0 beats", "child: done", "child: done",
                                                   "child: Resource temporarily unavailable",
                                                   "child: Resource temporarily unavailable"], self.console)
        with self.subTest("the network"):
            self.assertEqual(self.said("alone"), [f"{use}: {DENIED}" for use in USES] + ["done"], self.console)
            connection = [f"{step}: done" for step in ("bind", "listen", "connect", "accept", "write", "read")]
            granted = [f"{use}: {'done' if use.startswith('bind tcp 0.0.0.0:0') else DENIED}" for use in USES]
            self.assertEqual(self.said("granted"), connection + granted + ["done"], self.console)
            self.assertRegex("\n".join(self.said("why")), r"pen\.alone may not connect to 127\.0\.0\.1:8001")
        with self.subTest("names"):
            expected = ["connect before: Connection refused", "bind: done", "bind again: Address in use",
                        "connect after: done", "done"]
            self.assertEqual(self.said("first"), expected, self.console)
            self.assertEqual(self.said("second"), expected, self.console)
        with self.subTest("activation"):
            self.assertEqual(self.said("activated"), ["descriptors: 1, for me", "name: done", "port: 8100", "accept: done",
                                                      "heard: hello"], self.console)
        with self.subTest("shares"):
            for name, most in ("fifth", 200), ("half", 500):
                share = int(re.search(r"share: (\d+)", "\n".join(self.said(name))).group(1))
                self.assertLessEqual(share, most * 1.1, self.console)
                self.assertGreaterEqual(share, most * 0.5, self.console)

    def test_a_panic_says_the_last_audit_records(self):
        self.boot("panic-after=16 run=/bin/busybox -- sleep 1000", PANIC, "grove-kernel-test", 2)
        at = self.lines.index("the last audit records:")
        records = [re.match(r"  (\d+) (\S+) (.+)$", line) for line in self.lines[at + 1:at + 13]]
        self.assertTrue(all(records), self.console)
        numbers = [int(record.group(1)) for record in records]
        self.assertEqual(numbers, list(range(numbers[0], numbers[0] + len(numbers))))
        self.assertGreaterEqual(numbers[-1], 16)
        self.assertTrue(any(record.group(2) == "system.init" for record in records), self.console)


if __name__ == "__main__":
    if len(sys.argv) > 1 and os.path.isdir(sys.argv[1]):
        build = sys.argv.pop(1)
    NEEDED = (kernel_in(build), os.path.join(build, "userspace", "grove", "grove"),
              os.path.join(build, "musl", "tests", "bare", "bare-contained"))
    if QEMU is None or not all(map(os.path.exists, NEEDED)) or not os.path.exists("/bin/busybox"):
        print("skipped: qemu-system-x86_64, busybox, the kernel (make build MACHINE=x86_64) or the services are not there")
        sys.exit(77)
    unittest.main()
