"""What a load is: operations on one service, each acknowledged or not, and what has to be there afterwards.

A plug-in is loads/NAME.py with a class Load of this one, for the system service NAME. Services without one get
loads/any.py. The matrix calls, in this order:

    begin()      once, before the accounts are taken: projects and whatever else the load stands on
    step()       again and again in a thread of its own, while faults come and go
    problems()   when the service is back: what was acknowledged and is not there, or is there twice
    end()        take away what the steps have made, so that the accounts can be compared
"""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "system"))
import grove_system as gs  # noqa: E402

CALL_SECONDS = 2  # the deadline of one operation


class Unanswered(Exception):
    """Nobody said whether it was done: it may have been or not."""


class Load:
    def __init__(self, system):
        self.system = system

    def begin(self):
        self.system.up()

    def step(self):
        """One operation. Returns when it was acknowledged; raises Unanswered."""
        raise NotImplementedError

    def problems(self):
        """What is wrong, one sentence each."""
        raise NotImplementedError

    def end(self):
        """Nothing to take away."""

    # ---- for plug-ins

    def ask(self, *arguments):
        """A command; its standard output when it succeeded."""
        try:
            result = self.system.grove(*arguments, check=False, timeout=10 * CALL_SECONDS)
        except subprocess.TimeoutExpired as problem:
            raise AssertionError(f"grove {' '.join(arguments)} waits without end") from problem
        if result.returncode < 0:
            raise AssertionError(f"grove {' '.join(arguments)} ended by signal {-result.returncode}")
        if result.returncode != 0:
            raise Unanswered(result.stderr.strip())
        return result.stdout

    def call(self, service, method, *arguments):
        return gs.json.loads(self.ask("call", "--json", "--timeout", f"{CALL_SECONDS}s", service, method, *arguments))

    def answered(self, question):
        """The result of a question that is asked until it is answered."""
        def asked():
            try:
                return (question(),)
            except Unanswered as problem:
                self.refusal = str(problem)
                return None
        try:
            return gs.wait_for("an answer", asked)[0]
        except AssertionError as problem:
            raise AssertionError(f"no answer: {self.refusal}") from problem
