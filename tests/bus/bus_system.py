"""What the tests of the bus share: services that publish and subscribe, made to order."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))

import grove_system as gs  # noqa: E402

METHODS = """
    methods:
      - {number: 1, name: told, reply: "told:u64"}
      - {number: 2, name: count, reply: "count:u64 doubled:u64 disordered:u64 attempts:u64 missed:u64 direct:u64"}
      - {number: 3, name: stop, reply: "told:u64"}
      - {number: 4, name: pause, request: "is_paused:u64"}
      - {number: 5, name: ring, reply: "written:u64 by_bus:u64 wakes:u64 is_used:u64 is_also_by_bus:u64"}"""


def actor(name, role, subject, *options, rights=None, after=()):
    """The manifest of one actor; `rights` None: what it needs. A source must not begin before those that are to hear of it."""
    if rights is None:
        rights = [f"BUS_PUB:{subject}" if role == "source" else f"BUS_SUB:{subject}"]
    words = ", ".join(f'"{word}"' for word in (name, role, subject, *options))
    lines = "".join(f"\n  - {right}" for right in rights)
    return (f'exec: ["${{bin}}/bus-actor", {words}]\n'
            f"provides:\n  - name: {name}\n    version: 1.0.0{METHODS}\n"
            f"requires: [{', '.join(('system.bus', *after))}]\n" + (f"capabilities:{lines}\n" if lines else "") +
            "restart: {policy: always, delay: 5ms, delay-cap: 50ms, give-up: 0}\n")


class BusTest(gs.SystemTest):
    def start(self, services, project="bus"):
        folder = self.system.write_project(project, services)
        actors = os.path.join(self.system.build, "musl", "tests", "bus")
        self.system.grove("up", "--set", f"bin={actors}", folder)

    def kill_bus(self):
        self.system.grove("kill", "system.bus", check=False)

    def count(self, name):
        return self.system.call(f"bus.{name}", "count", timeout=gs.DEADLINE_SECONDS)

    def sub(self, *arguments):
        """`grove sub` that has begun: its process, whose lines are events."""
        process = gs.subprocess.Popen([self.system.program, "sub", "--run", self.system.run, "--state", self.system.state,
                                       *arguments], stdin=gs.subprocess.DEVNULL, stdout=gs.subprocess.PIPE,
                                      stderr=gs.subprocess.PIPE, text=True)
        self.addCleanup(self.end, process)
        gs.wait_for("it is subscribed", lambda: process.poll() is not None or self.is_subscribed(arguments[-1]))
        return process

    def is_subscribed(self, pattern):
        return any(row["pattern"] == pattern and row["subscriber"].startswith("shell.")
                   for row in self.system.json("sub", "--list"))

    @staticmethod
    def end(process):
        if process.poll() is None:
            process.kill()
        process.communicate()
