"""Calls of groved that ask for memory or a descriptor fail, one in so many, while the system is used (inject.c).

Unlike a limit this strikes at every place in turn, also where the call before it succeeded. The kernel must not end, says
why it refuses, and has lost and kept nothing when the calls succeed again. With FAULT_ALL=1 more intervals are tried.
"""
import os
import sys

import faults_support as fs
from faults_support import gs

INJECT = os.path.join(gs.build_folder(), "tests", "faults", "grove-inject.so")


class KernelCalls(fs.Scarcity):
    KIND = None

    def setUp(self):
        holder = fs.tempfile.TemporaryDirectory(prefix="grove-faults-")
        self.addCleanup(holder.cleanup)
        self.switch = os.path.join(holder.name, "on")
        variables = {"LD_PRELOAD": INJECT, "FAULT_PROGRAM": "groved", "FAULT_KIND": self.KIND, "FAULT_WHILE": self.switch}
        self.addCleanup(lambda: [os.environ.pop(name, None) for name in variables])
        os.environ.update(variables)
        super().setUp()
        for name in variables:
            del os.environ[name]

    def use_while_failing(self, every, kernel):
        with open(self.switch, "w", encoding="ascii") as file:
            file.write(str(every))
        wanted = self.use_everything()
        os.unlink(self.switch)
        self.assertEqual(self.system.kernel, kernel)
        self.assertFalse(gs.has_ended(kernel), "the kernel ended")
        self.assert_all_is_well(wanted)
        self.system.grove("down", "-p", "extra")

    def try_all(self):
        self.assert_all_is_well(self.use_everything())
        self.system.grove("down", "-p", "extra")
        before, kernel = self.account(), self.system.kernel
        for every in (1, 2, 3, 5, 7, 11, 13) if os.environ.get("FAULT_ALL") else (1, 3, 7):
            with self.subTest(f"one in {every}"):
                self.use_while_failing(every, kernel)
                before = self.assert_as_before(before, lambda every=every: self.use_while_failing(every, kernel))
        self.assertGreater(self.refused, 0, "nothing was refused: no call failed")


class Memory(KernelCalls):
    KIND = "memory"

    def test_one_call_in_so_many_fails(self):
        self.try_all()


class Descriptors(KernelCalls):
    KIND = "descriptor"

    def test_one_call_in_so_many_fails(self):
        self.try_all()


if __name__ == "__main__":
    if not os.path.exists(INJECT):
        print(f"{INJECT} is not built")
        sys.exit(1)
    gs.main()
