"""Lines of a service: each that was written is kept, or the log says how much it had to drop.

A service that writes hears nothing of the log: its line is accepted when the write has returned, which the call's answer
shows. A line may be kept twice (a death between keeping and consuming), never not at all without a word.
"""
import re

import chaos_load

SERVICE = "basic.talker"
DROPPED = re.compile(r"^(\d+) bytes (were dropped|of the log are damaged) here", re.MULTILINE)


def line_of(number):
    return f"line {number} of the chaos"


class Load(chaos_load.Load):
    def __init__(self, system):
        super().__init__(system)
        self.number = 0
        self.accepted = []

    def step(self):
        self.number += 1
        self.call(SERVICE, "say", line_of(self.number))
        self.accepted.append(self.number)

    def missing(self):
        text = self.answered(lambda: self.ask("logs", SERVICE))
        lines = text.splitlines()
        kept = {number for number in self.accepted if any(line_of(number) in line for line in lines)}
        dropped = sum(int(said) for said, _ in DROPPED.findall(text))
        lost = [number for number in self.accepted if number not in kept]
        return lost if sum(len(line_of(number)) for number in lost) > dropped else []

    def problems(self):
        """What is in a pipe is kept in a moment; what was dropped is said with the next line."""
        lost = []

        def is_there():
            nonlocal lost
            try:
                self.step()
            except chaos_load.Unanswered:
                return False
            lost = self.missing()
            return not lost
        try:
            chaos_load.gs.wait_for("all lines are kept", is_there, seconds=20)
        except AssertionError:
            return [f"{len(lost)} of {len(self.accepted)} lines are in no log and nothing was said to be dropped: "
                    f"{lost[:5]}"]
        return []
