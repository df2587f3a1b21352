"""Boots of the bare kernel under the fuzzer of its system calls (README.md), and what is done about one that fails."""
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.dont_write_bytecode = True
import machine  # noqa: E402

LINES_SHOWN = 60
GRACE_S = 120  # for the boot, the workers that still run, and a busy computer


class Fuzzing:
    """`build` has the kernel and the fuzzer."""

    def __init__(self, build):
        self.kernel = machine.kernel_in(build)
        self.program = os.path.join(build, "musl", "tests", "bare", "bare-fuzz")
        self.folder = tempfile.TemporaryDirectory()
        self.initramfs = os.path.join(self.folder.name, "initramfs")
        if self.is_there():
            machine.archive(self.initramfs, {"bin/fuzz": self.program})

    def is_there(self):
        return machine.QEMU is not None and os.path.exists(self.kernel) and os.path.exists(self.program)

    def boot(self, seed, processors, calls, seconds, *words):
        """The console, and what was wrong; None: nothing."""
        machine.DEADLINE_S = seconds * 4 + GRACE_S
        line = " ".join(("run=/bin/fuzz --", f"seed={seed}", f"calls={calls}", f"seconds={seconds}", *words))
        try:
            ended = machine.Boot(self.kernel, line, initramfs=self.initramfs, processors=processors, memory_mib=256)
        except subprocess.TimeoutExpired as reason:
            return (reason.stdout or b"").decode(errors="replace"), "it hangs"
        if ended.status == machine.PANIC:
            return ended.console, "the kernel panicked"
        if ended.status != machine.PASSED or "fuzz: done" not in ended.console:
            return ended.console, f"it ended with {ended.status}"
        return ended.console, None

    def explain(self, seed, processors, calls, seconds, console, fault):
        """What a person needs: the seed, the end of the console, and the last calls of a run with as few workers as show it."""
        text = [f"seed {seed}, {processors} processors: {fault}", *last_lines(console, LINES_SHOWN)]
        ended = len(re.findall(r"^fuzz: worker", console, re.M))
        shown, again = self.boot(seed, processors, calls, seconds, "show")
        text.append(f"the same with its calls shown: {again or 'no fault this time'}")
        text += last_lines(shown, LINES_SHOWN) if again else []
        begun = sorted({int(number) for number in re.findall(r"^fuzz: (\d+)\.\d+ ", shown, re.M)}, reverse=True)
        for worker in begun[:6] if again else []:
            alone, still = self.boot(seed, processors, calls, seconds, "show", f"only={worker}")
            text.append(f"worker {worker} alone: {still or 'no fault'}")
            if still:
                text += last_lines(alone, LINES_SHOWN)
                break
        text.append(f"{ended} workers had ended. Again: tests/bare/fuzz/run --seed {seed} --processors {processors}")
        return "\n".join(text)


def last_lines(console, count):
    return [line[:240] for line in console.splitlines()[-count:]]


def figures(console):
    """Calls and successes."""
    found = re.search(r"^fuzz: (\d+) calls, (\d+) successes, (\d+) workers", console, re.M)
    return tuple(int(number) for number in found.groups()) if found else (0, 0, 0)
