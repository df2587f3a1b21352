"""Hooks at the points of the bus: what they see, change and stop; those that fail hold nothing up; and nothing is lost,
doubled or disordered when the hook, the service of hooks and the bus are killed under load."""
import json
import os
import random
import sys

import bus_system as bs
import grove_system as gs

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "hooks"))
import hook_guard  # noqa: E402

GUARD = hook_guard.GUARD + """capabilities: [BUS_SUB:flow.>, BUS_PUB:flow.>]
restart: {policy: always, delay: 5ms, delay-cap: 50ms, give-up: 0}
"""
VETO = "the hook ops.guard says no: not today"


class Hooks(hook_guard.Guarded, bs.BusTest):
    def setUp(self):
        super().setUp()
        self.buffers = {}

    def guard(self, *points):
        words = ", ".join(f"{point}, 'flow.>'" for point in points)
        folder = self.system.write_project("ops", {"guard": GUARD % words})
        self.system.grove("up", "--set", "bin=" + os.path.join(self.system.build, "musl", "tests", "hooks"), folder)
        self.system.wait_for_state("ops.guard", "ready")

    def pub(self, *arguments, check=True):
        return self.system.grove("pub", *arguments, check=check)

    def line(self, process):
        """The next event that a `grove sub` prints. Read past the file's own buffer, which select does not see."""
        seen = self.buffers.setdefault(process, bytearray())
        while b"\n" not in seen:
            gs.wait_for("an event", lambda: gs.select_readable(process.stdout))
            seen += os.read(process.stdout.fileno(), 65536)
        line, _, rest = bytes(seen).partition(b"\n")
        self.buffers[process] = bytearray(rest)
        return json.loads(line)

    # ---- what they see, change and stop ----

    def test_an_event_is_seen_on_its_whole_way(self):
        self.guard("before-publish", "after-publish", "before-deliver", "after-deliver")
        self.start({"sink": bs.actor("sink", "sink", "flow.*", "reliable")})
        self.system.wait_for_state("bus.sink", "ready")
        ring = self.sub("--json", "flow.*")
        self.pub("--reliable", "flow.a", "12345678")
        self.pub("other.a", "not meant")
        self.assertEqual(self.line(ring)["data"], "12345678")
        # By ring nobody in particular is named; by queue the subscriber is.
        expected = sorted([("before-publish", "flow.a", "asked", "8"), ("before-deliver", "flow.a", "-", "8"),
                           ("after-deliver", "flow.a", "-", "8"), ("after-publish", "flow.a", "asked", "8"),
                           ("before-deliver", "flow.a", "asked", "8"), ("after-deliver", "flow.a", "asked", "8")])
        gs.wait_for("all of it was seen", lambda: sorted(self.seen()) == expected)
        points = [point for point, _, _, _ in self.seen()]
        self.assertEqual(points[0], "before-publish")
        self.assertLess(points.index("before-deliver"), points.index("after-deliver"))

    def test_a_veto_is_told_to_the_publisher(self):
        self.guard("before-publish")
        events = self.sub("--json", "flow.*")
        told = self.sub("--json", "bus.vetoed.>")
        self.become("no")
        for way in ("--durable", "--request"):
            with self.subTest(way):
                result = self.pub(way, "flow.a", "x", check=False)
                self.assertEqual(result.returncode, 1)
                self.assertIn(f"flow.a was not published: {VETO}", result.stderr)
        # One that is not waited for is refused all the same, and an event says so.
        before = self.system.json("hooks")[0]["vetoes"]
        self.pub("--reliable", "flow.b", "x")
        gs.wait_for("the hook said no", lambda: self.system.json("hooks")[0]["vetoes"] == before + 1)
        event = json.loads(self.line(told)["data"])
        self.assertEqual((event["reason"], event["count"]), (VETO, 1))
        self.assertIn("said no 3 times, the last time at before-publish flow.b for shell",
                      self.system.grove("why", "ops.guard").stdout)
        self.become("yes")
        self.pub("flow.c", "through")
        self.assertEqual(self.line(events)["data"], "through")  # and nothing before it

    def test_a_service_learns_why_its_events_do_not_come(self):
        self.guard("before-publish")
        self.become("no")
        self.start({"source": bs.actor("source", "source", "flow.a", "reliable", "period=2000")})
        gs.wait_for("it is in grove why", lambda: f"the hook ops.guard said no to what it did, the last time at "
                    "before-publish flow.a for bus.source: not today" in self.system.grove("why", "bus.source").stdout)

    def test_what_a_hook_makes_of_an_event_is_what_comes(self):
        self.guard("before-publish")
        ring = self.sub("--json", "flow.*")
        queue = self.sub("--json", "--reliable", "flow.>")
        self.become("change")
        self.pub("flow.a", "first")
        number = json.loads(self.pub("--durable", "--json", "flow.b", "a longer one").stdout)["durable_sequence"]
        for process in (ring, queue):
            self.assertEqual([self.line(process)["data"] for _ in range(2)], ["other", "other"])
        logged = self.system.grove("sub", "--json", "-n", "1", "-w", "30s", "--from", str(number), "flow.>").stdout
        self.assertEqual(json.loads(logged)["data"], "other")

    def test_a_delivery_is_changed_and_stopped_for_its_subscriber_alone(self):
        self.guard("before-deliver")
        queue = self.sub("--json", "--reliable", "flow.>")
        other = self.sub("--json", "other.>")
        self.become("change")
        self.pub("--reliable", "flow.a", "as it was")
        self.assertEqual(self.line(queue)["data"], "other")
        self.become("no")
        self.pub("--reliable", "flow.b", "nobody gets it")
        gs.wait_for("the hook said no", lambda: self.system.json("hooks")[0]["vetoes"] == 1)
        self.become("yes")
        self.pub("--reliable", "flow.c", "as it is")
        self.assertEqual(self.line(queue)["data"], "as it is")
        rows = [row for row in self.system.json("sub", "--list") if row["pattern"] == "flow.>"]
        self.assertEqual([row["dropped"] for row in rows], [1])
        self.pub("other.a", "not looked at")
        self.assertEqual(self.line(other)["data"], "not looked at")

    def test_a_ring_gets_what_hooks_made_of_it(self):
        self.guard("before-deliver")
        ring = self.sub("--json", "flow.*")
        for manner in ("change", "no", "yes"):
            self.become(manner)
            self.pub("flow.a", manner)
        self.assertEqual([self.line(ring)["data"] for _ in range(2)], ["other", "yes"])

    # ---- those that fail ----

    def test_late_and_dead_hooks_hold_nothing_up(self):
        self.guard("before-publish", "before-deliver")
        ring = self.sub("--json", "flow.*")
        queue = self.sub("--json", "--reliable", "flow.>")
        for manner in ("late", "nonsense", "die"):
            self.become(manner)
            self.pub("--reliable", "flow.a", manner)
            for process in (ring, queue):
                self.assertEqual(self.line(process)["data"], manner)
            if manner == "nonsense":  # its next instance sets new hooks, which have not failed
                self.assertGreaterEqual(min(hook["failures"] for hook in self.system.json("hooks")), 2)
                self.assertIn("was cut off", self.system.grove("why", "ops.guard").stdout)

    # ---- under load ----

    def test_kills_under_load(self):
        hearers = ("sink", "steps", "ring", "log")
        self.guard("before-publish", "before-deliver")
        self.start({
            "one": bs.actor("one", "source", "flow.one", "reliable", "period=4000", after=hearers),
            "two": bs.actor("two", "source", "flow.two", "durable", "period=4000", after=hearers),
            "sink": bs.actor("sink", "sink", "flow.*", "reliable", "block=60000", "queue=8000"),
            "steps": bs.actor("steps", "sink", "flow.one", "reliable", "block=60000", "order", "flight=8"),
            "ring": bs.actor("ring", "sink", "flow.one"),
            "log": bs.actor("log", "sink", "flow.two", "durable", "first"),
        })
        chance = random.Random(31)
        victims = ["ops.guard", "system.hooks", "system.bus"]
        for turn in range(9):
            goals = {name: self.told(name) + chance.randrange(1, 25) for name in ("one", "two")}
            gs.wait_for("more was published", lambda goals=goals: all(self.told(name) >= goal
                                                                      for name, goal in goals.items()))
            self.system.grove("kill", victims[turn % 3] if turn < 6 else chance.choice(victims), check=False)
        told = {name: gs.wait_for(f"{name} stops", lambda name=name: self.stop_source(name)) for name in ("one", "two")}
        wanted = {"sink": sum(told.values()), "steps": told["one"], "log": told["two"]}
        for name, total in wanted.items():
            gs.wait_for(f"{name} has all {total}", lambda name=name, total=total: self.count(name)["count"] >= total)
            counts = self.count(name)
            self.assertEqual((name, counts["count"], counts["doubled"], counts["missed"]), (name, total, 0, 0))
        self.assertEqual([self.count(name)["disordered"] for name in ("steps", "log", "ring")], [0, 0, 0])
        self.assertEqual(self.count("ring")["doubled"], 0)
        self.assertGreater(sum(told.values()), 100)
        asked = sum(hook["asked"] for hook in self.system.json("hooks"))
        self.assertGreater(asked, 0)

    def told(self, name):
        return self.system.call(f"bus.{name}", "told", timeout=gs.DEADLINE_SECONDS)["told"]

    def stop_source(self, name):
        result = self.system.grove("call", "--json", f"bus.{name}", "stop", check=False)
        return json.loads(result.stdout)["told"] if result.returncode == 0 else None


if __name__ == "__main__":
    gs.main()
