"""The faults: each is a context in which one service, or what it stands on, does not work.

A fault says why it cannot be had on this machine (`obstacle`), or None. It begins on entering; on leaving it is lifted. What
it does by ptrace is done by the program `disturb`, beside this file.
"""
import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time

import chaos_load
from chaos_load import gs

sys.path.insert(0, os.path.join(os.path.dirname(chaos_load.HERE), "faults"))
import faults_support  # noqa: E402

CLONE_NEWNS = 0x20000
DISK_BYTES = 48 << 20


def own_mounts():
    """From here on mounts of this process are its own; None, or why not."""
    if os.geteuid() != 0:
        return "it takes root to mount a small disk"
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) != 0 or \
            subprocess.run(["mount", "--make-rprivate", "/"], check=False).returncode != 0:
        return "this machine gives no mount namespace of its own"
    return None


class Fault:
    name = None
    seconds = 1.0
    met = None  # how many calls were disturbed, where that is counted

    def __init__(self, stage, service):
        self.stage, self.service = stage, service

    @staticmethod
    def obstacle(stage):
        return None

    def process(self):
        return self.stage.process_of(self.service)

    def happen(self):
        raise NotImplementedError

    def lift(self):
        """Nothing to take away."""

    def __enter__(self):
        self.happen()
        return self

    def __exit__(self, *_):
        self.lift()


class Kill(Fault):
    """kill -9."""
    name = "kill -9"
    seconds = 0.0

    @staticmethod
    def obstacle(stage):
        return "nobody restarts the kernel" if stage.is_of_kernel else None

    def happen(self):
        os.kill(self.process(), signal.SIGKILL)


class Stop(Fault):
    """SIGSTOP for two seconds."""
    name = "stop 2 s"
    seconds = 2.0

    def happen(self):
        self.stopped = self.process()
        os.kill(self.stopped, signal.SIGSTOP)

    def lift(self):
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.stopped, signal.SIGCONT)


class DiskFull(Fault):
    name = "disk full"

    @staticmethod
    def obstacle(stage):
        return stage.no_disk

    def happen(self):
        self.filler = os.path.join(self.stage.system.state, "filler")
        with open(self.filler, "wb", buffering=0) as file:
            for size in (65536, 4096, 1):
                with contextlib.suppress(OSError):
                    while file.write(b"x" * size) > 0:
                        pass

    def lift(self):
        os.unlink(self.filler)


class Disturbed(Fault):
    """A fault by the program `disturb`; its words follow the process number."""
    words = ()

    @staticmethod
    def obstacle(stage):
        return stage.no_tracing

    def happen(self):
        program = os.path.join(gs.build_folder(), "tests", "chaos", "disturb")
        self.disturber = subprocess.Popen([program, str(self.process()), *self.arguments()], stdout=subprocess.PIPE,
                                          text=True)
        if self.disturber.stdout.readline() != "ready\n":
            raise AssertionError("the process could not be disturbed")

    def arguments(self):
        return self.words

    def lift(self):
        self.disturber.terminate()
        said = self.disturber.communicate(timeout=gs.DEADLINE_SECONDS)[0]
        self.met = int(said.split()[1]) if said else 1  # it ended of the fault, and with it the program


class OfDisk(Disturbed):
    @staticmethod
    def obstacle(stage):
        return stage.no_disk or stage.no_tracing

    def arguments(self):
        return (self.words[0], self.stage.system.state, *self.words[1:])


class DiskError(OfDisk):
    name = "disk error"
    words = ("disk-error",)


class SlowDisk(OfDisk):
    name = "slow disk"
    words = ("disk-slow", "100")


class DroppedWakes(Disturbed):
    name = "dropped wake-ups"
    words = ("wake-drop", "3")


class DelayedWakes(Disturbed):
    name = "delayed wake-ups"
    words = ("wake-delay", "50")


class ClockJump(Disturbed):
    """Five hours forward and back again, every half second."""
    name = "clock jump"
    seconds = 1.5
    words = ("clock", "18000")


def limit_files(process):
    """The files of the container's own control group that limit its memory."""
    with open(f"/proc/{process}/cgroup", encoding="ascii") as file:
        lines = [line.strip().split(":", 2) for line in file]
    paths = [f"/sys/fs/cgroup/memory{path}/memory.limit_in_bytes" for _, kinds, path in lines if kinds == "memory"] + \
        [f"/sys/fs/cgroup{path}/memory.max" for _, kinds, path in lines if kinds == ""]
    return [path for path in paths if "grove-kernel-" in path and os.access(path, os.W_OK)]


class MemoryLimit(Fault):
    """The control group's limit lowered to what is in use and below: Linux ends the process when it wants more. The kernel is
    in no group of its own: its address space does not grow any more."""
    name = "memory limit"

    @staticmethod
    def obstacle(stage):
        return None if stage.is_of_kernel or limit_files(stage.process_of("registry")) else \
            "no control group that limits memory"

    def happen(self):
        self.before = {}
        self.limits = contextlib.nullcontext()
        if self.stage.is_of_kernel:
            self.limits = faults_support.nothing_left(self.process(), "memory")
        self.limits.__enter__()
        if not self.stage.is_of_kernel:
            self.lower()

    def lower(self):
        for path in limit_files(self.process()):
            with open(path, encoding="ascii") as file:
                self.before[path] = file.read().strip()
            for left in (4096, 65536, 131072, 196608, 262144, 393216, 524288, 1048576):
                with contextlib.suppress(OSError):
                    with open(path, "w", encoding="ascii") as file:
                        file.write(str(left))
                    break

    def lift(self):
        self.limits.__exit__(None, None, None)
        for path, value in self.before.items():
            with contextlib.suppress(OSError):  # the group went with its instance
                with open(path, "w", encoding="ascii") as file:
                    file.write("-1" if value.startswith("9223372") else value)


class DescriptorLimit(Fault):
    """The process keeps the descriptors it has and gets no more."""
    name = "descriptor limit"

    def happen(self):
        self.limits = faults_support.nothing_left(self.process(), "descriptors")
        self.limits.__enter__()

    def lift(self):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended
            self.limits.__exit__(None, None, None)


ALL = [Kill, Stop, DiskFull, DiskError, SlowDisk, MemoryLimit, DescriptorLimit, ClockJump, DroppedWakes, DelayedWakes]


def wait(fault):
    """The time that a fault lasts is what is tried, so it is slept."""
    time.sleep(fault.seconds)
