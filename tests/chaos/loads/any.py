"""Messages between two services of a project: what the system services must not disturb, whichever of them fails.

A step asks how many numbers the teller has told. Each number that its channel accepted is to be counted, once.
"""
import chaos_load


class Load(chaos_load.Load):
    def step(self):
        self.call("basic.teller", "told")

    def problems(self):
        told = self.answered(lambda: self.call("basic.teller", "told")["told"])
        count = 0

        def is_counted():
            nonlocal count
            count = self.answered(lambda: self.call("basic.counter", "count")["count"])
            return count >= told
        try:
            chaos_load.gs.wait_for("all numbers are counted", is_counted)
        except AssertionError:
            return [f"{told} numbers were accepted and {count} are counted"]
        # The teller goes on: what it has told since bounds what may be counted, with the one under way.
        most = self.answered(lambda: self.call("basic.teller", "told")["told"]) + 1
        return [f"{most} numbers were told at most and {count} are counted"] if count > most else []
