#!/usr/bin/python3
"""Debian's servers of files on the bare x86-64 kernel: bindfs (libfuse 2) and squashfuse (libfuse 3), by a script whose output is that on
Linux. Run with the build folder."""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
from machine import Boot, DEADLINE_S, PASSED, QEMU, archive, kernel_in  # noqa: E402
from processes_test import with_libraries  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = "build"
BUSYBOX = "/bin/busybox"
SCRIPT = os.path.join(HERE, "scripts", "served.sh")
SERVERS = tuple(shutil.which(name) for name in ("bindfs", "squashfuse"))
# On Linux in a view of its own, with busybox's commands first.
ON_LINUX = 'mount -t tmpfs none "$1" && mkdir "$1/bin" "$1/work" && /bin/busybox --install -s "$1/bin" && cp "$3" "$1/work" && ' \
    'TZ=UTC TOOLS="$1/bin" exec /bin/busybox sh "$2" "$1/work"'


def make_image(folder):
    """An image of squashfs."""
    source = os.path.join(folder, "files")
    os.makedirs(os.path.join(source, "folder"))
    for name, content in {"text": b"some text\n", "folder/deep": b"deep\n", "large": bytes(range(256)) * 3000}.items():
        with open(os.path.join(source, name), "wb") as file:
            file.write(content)
    os.symlink("folder/deep", os.path.join(source, "link"))
    image = os.path.join(folder, "image.squashfs")
    subprocess.run(["mksquashfs", source, image, "-all-root", "-quiet", "-no-progress"], check=True, stdout=subprocess.DEVNULL,
                   timeout=DEADLINE_S)
    return image


class Served(unittest.TestCase):
    @unittest.skipUnless(all(SERVERS) and shutil.which("mksquashfs") and os.path.exists(BUSYBOX), "bindfs, squashfuse, squashfs-tools or busybox-static is missing")
    @unittest.skipUnless(os.geteuid() == 0 and os.path.exists("/dev/fuse"), "mounting on Linux needs root and its FUSE")
    def test_debians_servers_do_what_they_do_on_linux(self):
        with tempfile.TemporaryDirectory() as folder:
            image = make_image(folder)
            place = os.path.join(folder, "place")
            os.mkdir(place)
            ended = subprocess.run(["unshare", "--mount", "sh", "-c", ON_LINUX, "sh", place, SCRIPT, image],
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, check=True, timeout=DEADLINE_S)
            expected = ended.stdout.decode().replace(place + "/work", "/work").splitlines()
            self.assertEqual(expected[-1], "done", expected)
            initramfs = os.path.join(folder, "initramfs")
            start = os.path.join(folder, "start")
            with open(start, "w", encoding="ascii") as file:
                file.write("/bin/busybox --install -s /bin; export TZ=UTC; exec /bin/sh /served.sh /work 2>&1\n")
            archive(initramfs, {"bin/busybox": BUSYBOX, "served.sh": SCRIPT, "start.sh": start, "work/image.squashfs": image,
                                **with_libraries(SERVERS)})
            for processors in 1, 2:
                with self.subTest(processors=processors):
                    machine = Boot(kernel_in(BUILD), "run=/bin/busybox -- sh /start.sh", initramfs=initramfs, memory_mib=256,
                                   processors=processors)
                    self.assertEqual(machine.status, PASSED, machine.console)
                    said = [line for line in machine.lines if not re.match("(grove|boot|process|abi): |$", line)]
                    self.assertEqual(said, [line for line in expected if line])


if __name__ == "__main__":
    if len(sys.argv) > 1 and os.path.isdir(sys.argv[1]):
        BUILD = sys.argv.pop(1)
    if QEMU is None or not os.path.exists(kernel_in(BUILD)):
        print("skipped: qemu-system-x86_64, or the kernel (make build MACHINE=x86_64), is not there")
        sys.exit(77)
    unittest.main()
