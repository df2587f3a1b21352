#!/usr/bin/python3
"""TCP and UDP on the bare x86-64 kernel: a program prints what it prints on Linux, and real servers and clients meet."""
import os
import re
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
import compared  # noqa: E402
from compared import Compared, main  # noqa: E402
from machine import Boot, PASSED, archive, kernel_in  # noqa: E402

PARTS = ("names", "ends", "flags", "options", "datagrams", "versions", "interfaces", "many", "large", "edges", "forks")
BUSYBOX = "/bin/busybox"
REDIS = ("/usr/bin/redis-server", "/usr/bin/redis-cli")
SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "scripts", "inet.sh")
SERVED = ["hello from httpd", "3072000", "there is none", "through nc"]
STORED = ["OK", "43", "3", "one", "two", "three", "redis ended with 0"]


def with_libraries(program):
    listed = subprocess.run(["ldd", program], stdout=subprocess.PIPE, check=True, text=True).stdout
    return {path[1:]: os.path.realpath(path) for path in [program, *re.findall(r"(/[^ ]+)", listed)]}


class Inet(Compared):
    program = "inet"

    def test_it_prints_what_it_prints_on_linux(self):
        self.check(self.on_linux(PARTS, least=100), PARTS)


@unittest.skipUnless(os.path.exists(BUSYBOX), "busybox is not there")
class RealPrograms(unittest.TestCase):
    def test_servers_and_clients_meet(self):
        files = {"bin/busybox": BUSYBOX, "init.sh": SCRIPT}
        expected = list(SERVED)
        if all(os.path.exists(program) for program in REDIS):
            expected += STORED
            for program in REDIS:
                files.update(with_libraries(program))
        with tempfile.TemporaryDirectory() as folder:
            initramfs = os.path.join(folder, "initramfs")
            archive(initramfs, files)
            machine = Boot(kernel_in(compared.build), "run=/bin/busybox -- sh /init.sh", initramfs=initramfs, memory_mib=256,
                           processors=2)
        self.assertEqual(machine.status, PASSED, machine.console)
        said = [re.sub(r'^(\(integer\) |\d\) )|"', "", line) for line in machine.lines if line and not re.match("grove: |boot: ", line)]
        self.assertEqual(said, expected)


if __name__ == "__main__":
    main("inet")
