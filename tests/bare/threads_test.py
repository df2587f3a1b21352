#!/usr/bin/python3
"""Programs of many threads on the bare x86-64 kernel: they print what they print on Linux. Run with the build folder."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
from compared import Compared, main  # noqa: E402

PARTS = ("mutexes", "robust", "conditions", "meetings", "own", "times", "words", "storm", "crowd")


class Threads(Compared):
    program = "threads"
    memory_mib = 128

    def test_they_print_what_they_print_on_linux(self):
        self.check(self.on_linux(PARTS, least=40), PARTS)

    def test_an_old_processor_whose_registers_are_saved_in_the_old_way(self):
        parts = ("own", "mutexes")
        self.assertEqual(self.here(parts, processors=2, cpu="qemu64"), self.on_linux(parts))

    def test_threads_are_scheduled_as_they_ask(self):
        """Linux lets only root ask for most of this, so what it says is written down here."""
        self.assertEqual(self.here(["schedules"]), [
            "policy 1: set, is 1", "policy 2: set, is 2", "policy 3: set, is 3", "policy 5: set, is 5", "policy 0: set, is 0",
            "policy 77: Invalid argument, is 0", "priority 100: Invalid argument", "most 99, least 1", "nice: 0, is 5",
            "no thread: No such process"])


if __name__ == "__main__":
    main("threads")
