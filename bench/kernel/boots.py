"""Boots of the kernels that are compared, in the same QEMU with the same program."""
import errno
import fcntl
import os
import re
import select
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "tests", "bare"), os.path.join(ROOT, "tests", "vm")]
from machine import QEMU, archive, kernel_in  # noqa: E402
from machines import unpacked_kernel  # noqa: E402

# What TCG emulates at a cost that only Linux would pay is off for both.
CPU = "max,la57=off,erms=off,fsrm=off,pku=off"
EXIT_PORT = 0xf4
OURS, LINUX, EMPTY = "grove", "linux", "empty"
# Linux without what the other kernel does not have either, and without what it would do for its own doubts.
LINUX_LINE = "quiet console=ttyS0 mitigations=off nokaslr tsc=reliable audit=0 nowatchdog init_on_alloc=0 panic=-1"
DEADLINE_S = 1800  # of one boot with all rows; counting instructions is slow, and the computer may be busy
BOOT_DEADLINE_S = 60
PROGRAM = "kernel-bench"
BUSYBOX = "/bin/busybox"
SHELL_SAYS = "the shell says so"


class Failed(Exception):
    """A boot that did not come to what was waited for; says how far it came."""


class Kernels:
    """The kernels, and an initramfs with the program and a shell, in `folder`."""

    def __init__(self, build, folder):
        self.program = os.path.join(build, "musl", "bench", "kernel", PROGRAM)
        self.images = {OURS: kernel_in(build), LINUX: unpacked_kernel(os.path.join(build, "vm-kernel")),
                       EMPTY: os.path.join(build, "x86_64", "bench", "kernel", "empty-kernel")}
        script = os.path.join(folder, "script")
        with open(script, "w", encoding="ascii") as file:
            file.write(f"echo {SHELL_SAYS}\n")
        files = {"init": self.program, "script": script}
        self.has_shell = os.path.exists(BUSYBOX)
        if self.has_shell:
            files["sh"] = BUSYBOX
        self.initramfs = os.path.join(folder, "initramfs")
        archive(self.initramfs, files)

    def command(self, kernel, board, words, memory_mib, run="/init", counted=False):
        line = {OURS: f"debug-exit={EXIT_PORT:#x} nokaslr run={run} -- {words}",
                LINUX: f"{LINUX_LINE} rdinit={run} -- {words}", EMPTY: ""}[kernel]
        command = [QEMU, "-M", board, "-accel", "tcg", "-cpu", CPU, "-m", str(memory_mib), "-smp", "1", "-nodefaults",
                   "-no-reboot", "-display", "none", "-serial", "stdio",
                   "-device", f"isa-debug-exit,iobase={EXIT_PORT:#x},iosize=4",
                   "-kernel", self.images[kernel], "-initrd", self.initramfs, "-append", line]
        # Time is the number of instructions, and passes at once where nothing is to be done.
        return command + (["-icount", "shift=0,sleep=off"] if counted else [])

    def until(self, said, *arguments, deadline_s=DEADLINE_S, **how):
        """Boot until the console says so; the seconds from QEMU's start, and what it had said."""
        begin = time.monotonic()
        with subprocess.Popen(self.command(*arguments, **how), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT) as machine:
            try:
                console = b""
                fcntl.fcntl(machine.stdout, fcntl.F_SETFL, os.O_NONBLOCK)
                while said not in console:
                    left = begin + deadline_s - time.monotonic()
                    if left <= 0 or not select.select([machine.stdout], [], [], left)[0]:
                        raise Failed(f"nothing more in {deadline_s} s after: {console[-300:]!r}")
                    read = machine.stdout.read(65536)
                    if read == b"":
                        raise Failed(f"it ended after: {console[-300:]!r}")
                    console += read or b""
                return time.monotonic() - begin, console.decode(errors="replace")
            finally:
                machine.kill()

    def rows(self, kernel, board, words, counted):
        """What each row of the program says: cycles for one operation, or None where the kernel does not have it yet."""
        if kernel == OURS:
            words += " deadline"
        console = self.until(f"{PROGRAM}: done".encode(), kernel, board, words, 256, counted=counted)[1]
        found = {}
        for name, cycles, count in re.findall(rf"{PROGRAM}: (\S+) (\d+) (\d+)", console):
            found[name] = int(cycles) / int(count)
        for name, reason in re.findall(rf"{PROGRAM}: (\S+) not yet (\d+)", console):
            found[name] = None
            if int(reason) != errno.ENOSYS:
                print(f"  {kernel}: {name} failed: {os.strerror(int(reason))}", file=sys.stderr)
        return found

    def boot_s(self, kernel, board):
        """From QEMU's start to the first word of the first program, or of the kernel that does nothing."""
        said = b"x" if kernel == EMPTY else PROGRAM.encode() + b": done"
        return self.until(said, kernel, board, "first", 256, deadline_s=BOOT_DEADLINE_S)[0]

    def least_memory_mib(self, kernel, board, with_shell, deadline_s):
        """The least memory with which the first program, or a shell, says something; None if it never does."""
        said = (SHELL_SAYS if with_shell else f"{PROGRAM}: done").encode()
        how = {"run": "/sh"} if with_shell else {}

        def is_enough(size):
            try:
                self.until(said, kernel, board, "/script" if with_shell else "first", size, deadline_s=deadline_s, **how)
                return True
            except Failed:
                return False

        low, high = 1, 256  # `low` is too little; QEMU's firmware itself wants more
        if not is_enough(high):
            return None
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if is_enough(middle) else (middle, high)
        return high
