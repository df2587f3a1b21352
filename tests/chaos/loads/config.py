"""Changes of configuration: each that was acknowledged is in the history, once and whole, and the reader comes to have the newest.

A step changes two keys of one service at once, to the same number, which is also why: the history then tells every change.
"""
import os
import sys

import chaos_load

sys.path.insert(0, os.path.join(os.path.dirname(chaos_load.HERE), "config"))
import config_support  # noqa: E402

READER = "chaosconfig.reader"


class Load(chaos_load.Load):
    def __init__(self, system):
        super().__init__(system)
        self.number = 0
        self.acknowledged, self.unknown = [], set()

    def begin(self):
        folder = self.system.write_project("chaosconfig", {"reader": config_support.manifest(self.system, "reader")})
        self.system.grove("up", folder)

    def step(self):
        self.number += 1
        self.unknown.add(self.number)
        self.ask("config", "set", READER, f"left={self.number}", f"right={self.number}", "--why", str(self.number))
        self.unknown.discard(self.number)
        self.acknowledged.append(self.number)

    def history(self):
        """(number, {(key, value)}) of each change, the oldest first."""
        changes = chaos_load.gs.json.loads(self.ask("config", "--json", "history", "-n", "1000"))
        return [(int(change["why"]), {(each["key"], each["after"]) for each in change["changes"]})
                for change in reversed(changes)]

    def problems(self):
        history = self.answered(self.history)
        numbers = [number for number, _ in history]
        found = [f"change {number} was acknowledged and is not in the history"
                 for number in self.acknowledged if numbers and numbers[0] <= number and number not in numbers]
        found += [f"change {number} is in the history and was never asked for" for number in numbers
                  if number not in self.unknown and number not in self.acknowledged]
        if not numbers:
            return found + (["the history is empty"] if self.acknowledged else [])
        if numbers != sorted(set(numbers)):
            found.append(f"the history is out of order or has changes twice: {numbers}")
        found += [f"change {number} is half there: {values}" for number, values in history
                  if values != {("left", str(number)), ("right", str(number))}]
        return found + self.unread(numbers[-1])

    def unread(self, newest):
        """The reader has the map in its memory, which the service of configuration writes."""
        wanted, pair = {"left": newest, "right": newest}, {}

        def is_read():
            pair.update(self.answered(lambda: self.call(READER, "pair")))
            return pair == wanted
        try:
            chaos_load.gs.wait_for("the reader has the newest change", is_read)
        except AssertionError:
            return [f"change {newest} is the newest, and the reader has {pair}"]
        return []
