"""No descriptors and no memory left, for the kernel and for each service: clear errors, and nothing acknowledged is lost.

The limit is put on a process that runs, so it strikes wherever the process happens to be; then people and services go on
asking it for what they always ask. When the limit is taken away, everything works as before, and every account (objects
of the kernel, descriptors of each process, control groups, mounts, processes) is what it was.
"""
import os
import sys

import faults_support as fs
from faults_support import gs

SYSTEM = ("groved", "system.init", "system.registry", "system.log")
GRID = tuple(f"grid.{name}" for name in ("historian", "acquire", "protect", "alarm", "substation"))


class Scarcity(fs.Scarcity):
    def use_while_short(self, name, kind, reserve):
        process = self.process_of(name)
        with fs.nothing_left(process, kind, reserve):
            wanted = self.use_everything()
        if name == "groved":
            self.assertFalse(gs.has_ended(process), "the kernel ended for want of " + kind)
        self.assert_all_is_well(wanted)
        self.system.grove("down", "-p", "extra")

    def run_short(self, kind, reserve):
        # Once with nothing missing: services on demand are started, sessions opened, and the accounts are those of every day.
        self.assert_all_is_well(self.use_everything())
        self.system.grove("down", "-p", "extra")
        before = self.account()
        for name in SYSTEM + GRID:
            with self.subTest(f"no {kind} for {name}"):
                self.use_while_short(name, kind, reserve)
                before = self.assert_as_before(before, lambda name=name: self.use_while_short(name, kind, reserve))

        self.assertGreater(self.refused, 0, "nothing was refused: the limits limit nothing")

    def test_no_descriptors(self):
        self.run_short("descriptors", 0)

    @fs.unittest.skipUnless(os.environ.get("FAULT_ALL"), "FAULT_ALL=1 tries this as well")
    def test_few_descriptors(self):
        self.run_short("descriptors", 5)

    def test_no_memory(self):
        self.run_short("memory", 0)

    @fs.unittest.skipUnless(os.environ.get("FAULT_ALL"), "FAULT_ALL=1 tries this as well")
    def test_little_memory(self):
        self.run_short("memory", 1 << 20)


if __name__ == "__main__":
    gs.main()
