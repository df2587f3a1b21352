"""The service of these tests that is a hook, also for the tests of other services' points."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
import grove_system as gs  # noqa: E402  (the folder of the system tests)

# With the points and patterns that it sets itself to, in the project ops; ${bin} is the folder of its program.
GUARD = """exec: ['${bin}/guard', %s]
provides:
  - name: guard
    version: 1.0.0
    methods:
      - {number: 1, name: become, request: "manner:text"}
      - {number: 2, name: seen, reply: "seen:text"}
requires:
  - system.hooks
"""


class Guarded:
    def become(self, manner):
        self.system.call("ops.guard", "become", manner)

    def seen(self):
        return [tuple(line.split(" ")) for line in self.system.call("ops.guard", "seen")["seen"].split(";") if line]
