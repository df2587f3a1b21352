#!/usr/bin/python3
"""Freezing: programs print what they print on Linux while the kernel freezes and thaws all of them again and again, at moments
chosen by chance. The kernel with tests panics if one that is frozen goes on running. Run with the build folder."""
import os
import re
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
from machine import DEADLINE_S  # noqa: E402
import compared  # noqa: E402

KERNEL = "grove-kernel-test"
LEAST_FREEZES = 10


def said_by_program(lines):
    return [line for line in lines if not re.match("(grove|boot|process|test): |$", line)]


class Frozen(compared.Compared):
    memory_mib = 128

    def check_frozen(self, expected, most_us, parts=(), processors=(2,)):
        for count in processors:
            with self.subTest(processors=count):
                machine = self.boot(parts, KERNEL, f"freeze={most_us}", processors=count)
                said = re.search(r"^test: (\d+) freezes, of (\d+) all stood still$", machine.console, re.M)
                self.assertIsNotNone(said, machine.console)
                self.assertGreaterEqual(int(said.group(2)), LEAST_FREEZES, machine.console)
                self.assertEqual(said_by_program(machine.lines), said_by_program(expected), machine.console)


class Waits(Frozen):
    program = "freeze"

    def test_no_wait_sees_it(self):
        self.check_frozen(self.on_linux(least=17), 5000, processors=(1, 4))


class Threads(Frozen):
    program = "threads"

    def test_threads_are_as_ever(self):
        parts = ("mutexes", "robust", "conditions", "meetings", "words", "storm")
        self.check_frozen(self.on_linux(parts), 3000, parts, processors=(4,))


class InFolder(Frozen):
    """Programs that are told where they lie."""

    def on_linux_in_folder(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, self.program)
            os.symlink(os.path.abspath(compared.program_in(compared.build, self.program)), path)
            ended = subprocess.run([path, folder], stdout=subprocess.PIPE, check=True, timeout=DEADLINE_S)
        return ended.stdout.decode().splitlines()


class Signals(InFolder):
    program = "signals"

    def test_signals_and_stops_are_as_ever(self):
        self.check_frozen(self.on_linux_in_folder(), 2000, parts=("/",))


class Processes(InFolder):
    program = "processes"

    @unittest.skipUnless(os.geteuid() == 0, "it becomes another user, which only user 0 may")
    def test_processes_are_as_ever(self):
        self.check_frozen(self.on_linux_in_folder(), 2000, parts=("/",))


if __name__ == "__main__":
    compared.main("freeze")
