#!/usr/bin/python3
"""Random system calls of several processes and threads do the bare kernel no harm: it does not panic, hang or keep anything.
Run with the build folder. The kernel itself panics if memory is in use after the last program."""
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "fuzz"))
sys.dont_write_bytecode = True
from fuzzing import Fuzzing, figures  # noqa: E402

BUILD = "build"
SEED = int(os.environ.get("GROVE_SEED", "1"))
CALLS, SECONDS = 25000, 25  # of one boot: so many calls, or so long
CALLS_LEAST = 200  # the slowest computer makes more, one that hangs does not
SUCCESSES_LEAST = 0.15  # of all: a grammar that makes nothing but errors tries nothing


class Fuzz(unittest.TestCase):
    def fuzz(self, processors):
        fuzzing = Fuzzing(BUILD)
        console, fault = fuzzing.boot(SEED, processors, CALLS, SECONDS)
        if fault is not None:
            self.fail(fuzzing.explain(SEED, processors, CALLS, SECONDS, console, fault))
        calls, successes, _ = figures(console)
        print(f"seed {SEED}, {processors} processors: {calls} calls, {successes} successes")
        self.assertGreaterEqual(calls, CALLS_LEAST, console[-2000:])
        self.assertGreaterEqual(successes, calls * SUCCESSES_LEAST)

    def test_one_processor(self):
        self.fuzz(1)

    def test_four_processors(self):
        self.fuzz(4)


if __name__ == "__main__":
    if len(sys.argv) > 1 and os.path.isdir(sys.argv[1]):
        BUILD = sys.argv.pop(1)
    if not Fuzzing(BUILD).is_there():
        print("skipped: qemu-system-x86_64, the kernel (make build MACHINE=x86_64) or the fuzzer is not there")
        sys.exit(77)
    unittest.main()
