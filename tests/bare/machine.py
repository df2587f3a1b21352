"""One boot of a bare machine's kernel in QEMU: what it wrote on its console, and how it ended."""
import os
import re
import shutil
import subprocess

DEADLINE_S = 60  # of one boot, which takes a fraction of a second
EXIT_PORT = 0xf4
PASSED, FAILED, PANIC = 33, 35, 37  # QEMU's status is twice what was written to the exit device, and one

QEMU = shutil.which("qemu-system-x86_64")


def archive(path, files):
    """Write an initramfs (cpio, newc): names, and the files on this computer that they are copies of."""
    def entry(name, mode, data):
        numbers = (0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
        head = b"070701" + b"".join(b"%08X" % number for number in numbers) + name.encode() + b"\0"
        head += bytes(-len(head) % 4) + data
        return head + bytes(-len(head) % 4)

    folders = sorted({name[:at] for name in files for at in range(len(name)) if name[at] == "/"})
    with open(path, "wb") as output:
        for name in folders:
            output.write(entry(name, 0o040755, b""))
        for name, source in files.items():
            with open(source, "rb") as file:
                output.write(entry(name, 0o100755, file.read()))
        output.write(entry("TRAILER!!!", 0, b""))


class Boot:
    """`options` is the command line; the kernel ends by the exit device."""

    def __init__(self, kernel, options="", board="microvm", memory_mib=64, processors=1, initramfs=None, cpu="max",
                 image=None):
        command = [QEMU, "-M", board, "-accel", "tcg", "-cpu", cpu, "-m", str(memory_mib), "-smp", str(processors),
                   "-nodefaults", "-no-reboot", "-display", "none", "-serial", "stdio",
                   "-device", f"isa-debug-exit,iobase={EXIT_PORT:#x},iosize=4"]
        if image is not None:
            command += ["-cdrom", image]  # what is in it says the rest
        else:
            command += ["-kernel", kernel, "-append", f"debug-exit={EXIT_PORT:#x} {options}"]
        if initramfs is not None:
            command += ["-initrd", initramfs]
        ended = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               timeout=DEADLINE_S, check=False)
        self.status = ended.returncode
        self.console = ended.stdout.decode(errors="replace").replace("\r\n", "\n")
        self.lines = self.console.splitlines()

    def callers(self):
        """The functions of a panic's trace, the innermost first."""
        return re.findall(r"^    [0-9a-f]{16} (\w+)\+0x[0-9a-f]+$", self.console, re.M)


def kernel_in(build, name="grove-kernel"):
    return os.path.join(build, "x86_64", "kernel", "machine", "x86_64", name)
