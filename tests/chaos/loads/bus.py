"""Numbers on the bus, at least once: each that a publisher was told is accepted is handled, and none twice by one who lives.

A step asks how many numbers the source was told are accepted; the numbers themselves flow between two services meanwhile.
"""
import os
import sys

import chaos_load

sys.path.insert(0, os.path.join(os.path.dirname(chaos_load.HERE), "bus"))
import bus_system  # noqa: E402


class Load(chaos_load.Load):
    def begin(self):
        folder = self.system.write_project("bus", {
            "source": bus_system.actor("source", "source", "chaos.flow", "reliable", "period=2000"),
            "sink": bus_system.actor("sink", "sink", "chaos.*", "reliable", "block=60000")})
        self.system.grove("up", "--set", f"bin={self.system.build}/musl/tests/bus", folder)

    def told(self):
        return self.call("bus.source", "told")["told"]

    def count(self):
        return self.call("bus.sink", "count")

    def step(self):
        """Only a number that was accepted since the step began shows that the bus works."""
        before = self.told()
        try:
            chaos_load.gs.wait_for("a number is accepted", lambda: self.told() > before, seconds=chaos_load.CALL_SECONDS)
        except AssertionError as problem:
            raise chaos_load.Unanswered(str(problem)) from problem

    def problems(self):
        told = self.answered(self.told)
        counted = {}

        def is_handled():
            counted.update(self.answered(self.count))
            return counted["count"] >= told
        try:
            chaos_load.gs.wait_for("all numbers are handled", is_handled)
        except AssertionError:
            return [f"{told} numbers were accepted and {counted['count']} handled"]
        return [f"{counted[what]} numbers were {words}" for what, words in
                (("doubled", "handled twice"), ("missed", "missed")) if counted[what] > 0]
