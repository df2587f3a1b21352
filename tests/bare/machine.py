"""One boot of a bare machine's kernel in QEMU: what it wrote on its console, and how it ended."""
import os
import re
import select
import shutil
import subprocess
import time

DEADLINE_S = 200  # of one boot, which takes a fraction of a second on a computer with nothing else to do
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


def command_of(kernel, options="", board="microvm", memory_mib=64, processors=1, initramfs=None, cpu="max", image=None,
               extra=(), has_exit=True, serial="stdio"):
    """QEMU's words for one machine."""
    command = [QEMU, "-M", board, "-accel", "tcg", "-cpu", cpu, "-m", str(memory_mib), "-smp", str(processors),
               "-nodefaults", "-no-reboot", "-display", "none", "-serial", serial,
               "-device", f"isa-debug-exit,iobase={EXIT_PORT:#x},iosize=4", *extra]
    if image is not None:
        command += ["-cdrom", image]  # what is in it says the rest
    else:
        command += ["-kernel", kernel, "-append", f"debug-exit={EXIT_PORT:#x} {options}" if has_exit else options]
    if initramfs is not None:
        command += ["-initrd", initramfs]
    return command


class Boot:
    """`options` is the command line; the kernel ends by the exit device."""

    def __init__(self, kernel, options="", typed=b"", **how):
        ended = subprocess.run(command_of(kernel, options, **how), input=typed, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, timeout=DEADLINE_S, check=False)
        self.status = ended.returncode
        self.console = ended.stdout.decode(errors="replace").replace("\r\n", "\n")
        self.lines = self.console.splitlines()

    def callers(self):
        """The functions of a panic's trace, the innermost first."""
        return re.findall(r"^    [0-9a-f]{16} (\w+)\+0x[0-9a-f]+$", self.console, re.M)


class Talk:
    """A machine at whose console somebody sits: types, and waits for what it says."""

    def __init__(self, kernel, options="", **how):
        self.process = subprocess.Popen(command_of(kernel, options, **how), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT)
        self.said = b""  # all of it
        self.seen = 0  # how much of it was waited for

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        if self.process.poll() is None:
            self.process.kill()
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()

    def type(self, text):
        self.process.stdin.write(text.encode("latin-1"))
        self.process.stdin.flush()

    def read(self, until):
        """What it says next; empty: it ended, or said nothing until then."""
        output = self.process.stdout
        if not select.select([output], [], [], max(0, until - time.monotonic()))[0]:
            return b""
        more = os.read(output.fileno(), 65536)
        self.said += more
        return more

    def expect(self, text):
        """Wait until it says this, and return what came before."""
        until = time.monotonic() + DEADLINE_S
        wanted = text.encode()
        while (at := self.said.find(wanted, self.seen)) < 0:
            if not self.read(until):
                raise AssertionError(f"{text!r} did not come:\n{self.said.decode(errors='replace')}")
        before = self.said[self.seen:at]
        self.seen = at + len(wanted)
        return before.decode(errors="replace").replace("\r\n", "\n")

    def end(self):
        """Wait until it has ended: QEMU's status."""
        until = time.monotonic() + DEADLINE_S
        while self.read(until):
            pass
        return self.process.wait(max(1, until - time.monotonic()))


def kernel_in(build, name="grove-kernel"):
    return os.path.join(build, "x86_64", "kernel", "machine", "x86_64", name)
