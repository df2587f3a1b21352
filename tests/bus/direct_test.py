"""Rings of publishers: what comes by them and what by the bus, in order and once, when subscribers, hooks, rights and everybody
else come and go."""
import json
import os
import random
import sys

import bus_system as bs
import grove_system as gs

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "hooks"))
import hook_guard  # noqa: E402

RIGHTS = ["BUS_PUB:flow.one", "SHM_CREATE:1M"]
GUARD = hook_guard.GUARD + "capabilities: [BUS_SUB:flow.>, BUS_PUB:flow.>]\nrestart: {policy: always, delay: 5ms, delay-cap: 50ms, give-up: 0}\n"


# Grants the source what it needs, waits to be told, and takes it back.
GIVER = """
import sys
import grove

session = grove.Session.default()
channel = grove.connect("bus.one")
given = next(one for one in session.capabilities() if str(one).startswith("BUS_PUB")).derive("BUS_PUB:flow.one")
given.grant(channel, "BUS_PUB:flow.one")
print("given", flush=True)
sys.stdin.readline()
given.revoke()
print("taken", flush=True)
sys.stdin.readline()
"""


class Direct(hook_guard.Guarded, bs.BusTest):
    def flow(self, *options, rights=None, **sinks):
        """A source with a ring, and sinks of it that are there before it: name=options."""
        services = {name: bs.actor(name, "sink", "flow.*", *words) for name, words in sinks.items()}
        services["one"] = bs.actor("one", "source", "flow.one", "direct", "period=200", *options, rights=rights or RIGHTS,
                                   after=tuple(sinks))
        self.start(services)

    def ring(self):
        result = self.system.grove("call", "--json", "bus.one", "ring", check=False)
        return json.loads(result.stdout) if result.returncode == 0 else {"is_used": None, "written": 0}

    def wait_until_used(self, is_used=1):
        gs.wait_for(f"is_used is {is_used}", lambda: self.ring()["is_used"] == is_used)

    def wait_for_more(self, most=100, name="sink", chance=random.Random(3)):
        goal = self.count(name)["count"] + chance.randrange(10, most)
        gs.wait_for(f"{name} hears more", lambda: self.count(name)["count"] >= goal)

    def told_after_stop(self):
        return gs.wait_for("the source stops", lambda: self.told())

    def told(self):
        result = self.system.grove("call", "--json", "bus.one", "stop", check=False)
        return json.loads(result.stdout)["told"] if result.returncode == 0 else None

    def assert_all_came(self, told, *names):
        for name in names:
            with self.subTest(name):
                gs.wait_for(f"{name} has all {told}", lambda name=name: self.count(name)["count"] >= told)
                count = self.count(name)
                self.assertEqual((count["count"], count["doubled"], count["disordered"], count["missed"]), (told, 0, 0, 0))

    def test_what_is_published_comes_without_the_bus(self):
        self.flow(sink=(), other=())
        self.wait_until_used()
        self.wait_for_more()
        told = self.told_after_stop()
        self.assert_all_came(told, "sink", "other")
        ring = self.ring()
        self.assertEqual((ring["written"], ring["by_bus"], ring["is_also_by_bus"]), (told, 0, 0))
        self.assertEqual(self.count("sink")["direct"], told)

    def test_a_queue_gets_it_by_the_bus_and_the_ring_goes_on(self):
        self.flow(sink=(), queue=("reliable",))
        self.wait_until_used()
        self.wait_for_more()
        self.wait_for_more(name="queue")
        self.assertEqual(self.ring()["is_also_by_bus"], 1)
        told = self.told_after_stop()
        self.assert_all_came(told, "sink", "queue")
        self.assertEqual((self.count("sink")["direct"], self.count("queue")["direct"]), (told, 0))

    def test_who_comes_later_gets_all_from_then_on(self):
        self.flow(sink=())
        self.wait_until_used()
        for options in ((), ("-r",), ("-g", "team")):
            with self.subTest(options):
                process = self.sub("--json", "-n", "50", *options, "flow.*")
                events = [json.loads(line) for line in process.communicate(timeout=gs.DEADLINE_SECONDS)[0].splitlines()]
                numbers = [event["sequence"] for event in events]
                self.assertEqual(len(events), 50)
                if options == ():
                    self.assertEqual(numbers, list(range(numbers[0], numbers[0] + 50)))
                self.assertEqual({event["publisher"] for event in events}, {"bus.one"})
        self.assert_all_came(self.told_after_stop(), "sink")

    def test_hooks_come_and_go_and_the_order_stays(self):
        self.flow(sink=(), other=(), queue=("reliable",))
        self.wait_until_used()
        for _ in range(4):
            self.guard("before-publish")
            self.wait_until_used(0)
            self.wait_for_more()
            self.system.grove("down", "-p", "ops")
            self.wait_until_used()
            self.wait_for_more()
        self.assert_all_came(self.told_after_stop(), "sink", "other", "queue")

    def guard(self, *points):
        words = ", ".join(f"{point}, 'flow.>'" for point in points)
        folder = self.system.write_project("ops", {"guard": GUARD % words})
        self.system.grove("up", "--set", "bin=" + os.path.join(self.system.build, "musl", "tests", "hooks"), folder)
        self.system.wait_for_state("ops.guard", "ready")

    def test_the_bus_is_killed_and_rings_are_taken_up_again(self):
        self.flow(sink=(), other=())
        self.wait_until_used()
        accounts = self.settled_descriptors()
        for _ in range(8):
            self.wait_for_more()
            self.kill_bus()
            self.wait_until_used()
        self.wait_for_more()
        told = self.told_after_stop()
        for name in ("sink", "other"):
            count = self.count(name)
            with self.subTest(name):
                self.assertEqual((count["doubled"], count["disordered"]), (0, 0))
                self.assertGreater(count["direct"], 0)
                self.assertLessEqual(count["count"], told)
        self.assert_descriptors_return(accounts, lambda: [self.kill_bus() for _ in range(8)])

    def test_the_publisher_is_killed_and_leaves_nothing(self):
        self.flow(sink=())
        self.wait_until_used()
        accounts = self.settled_descriptors()
        for _ in range(12):
            self.wait_for_more(40)
            self.system.grove("kill", "-s", "KILL", "bus.one", check=False)
            self.wait_until_used()
        self.wait_for_more(40)
        self.told_after_stop()
        count = self.count("sink")
        self.assertEqual(count["disordered"], 0)
        # One that was killed between an event and noting its number says the number again.
        self.assertLessEqual(count["doubled"], 12)
        self.assert_descriptors_return(accounts, lambda: None)

    def test_a_subscriber_is_killed_and_reads_on(self):
        self.flow(sink=(), other=())
        self.wait_until_used()
        for _ in range(8):
            before = self.count("other")["direct"]
            self.system.grove("kill", "-s", "KILL", "bus.other", check=False)
            gs.wait_for("it reads again", lambda before=before: self.direct_of("other") > before + 20)
        told = self.told_after_stop()
        self.assert_all_came(told, "sink")
        self.assertEqual((self.count("other")["doubled"], self.count("other")["disordered"]), (0, 0))

    def direct_of(self, name):
        result = self.system.grove("call", "--json", f"bus.{name}", "count", check=False)
        return json.loads(result.stdout)["direct"] if result.returncode == 0 else 0

    def test_who_is_slow_misses_and_holds_nobody_up(self):
        self.flow("ring=16", sink=(), slow=("slow=20",))
        self.wait_until_used()
        gs.wait_for("the slow one has missed some", lambda: self.count("slow")["missed"] > 100)
        told = self.told_after_stop()
        self.assert_all_came(told, "sink")
        gs.wait_for("the slow one is through", lambda: self.count("slow")["count"] + self.count("slow")["missed"] >= told)
        self.assertEqual((self.count("slow")["doubled"], self.count("slow")["disordered"]), (0, 0))

    def test_the_command_line_has_rings_too(self):
        self.flow(sink=())
        self.wait_until_used()
        process = self.sub("--json", "-n", "3", "line.*")
        command = [self.system.program, "pub", "--run", self.system.run, "--state", self.system.state, "-l", "-d", "line.a"]
        publisher = gs.subprocess.Popen(command, stdin=gs.subprocess.PIPE, text=True)
        self.addCleanup(self.end, publisher)
        publisher.stdin.write("one\ntwo\nthree\n")
        publisher.stdin.flush()
        events = [json.loads(line) for line in process.communicate(timeout=gs.DEADLINE_SECONDS)[0].splitlines()]
        self.assertEqual([(event["data"], event["sequence"], event["direct"]) for event in events],
                         [("one", 1, True), ("two", 2, True), ("three", 3, True)])
        rings = {row["pattern"]: row for row in self.system.json("sub", "--rings")}
        self.assertEqual((rings["flow.one"]["publisher"], rings["flow.one"]["way"], rings["flow.one"]["readers"]),
                         ("bus.one", "ring", 1))
        self.assertEqual(rings["line.a"]["written"], 3)
        self.assertEqual(self.system.grove("pub", "-d", "line.a", "x", check=False).returncode, 2)

    def test_what_is_missing_is_said_and_the_bus_carries_it(self):
        for rights, line in ((["BUS_PUB:flow.one"], "SHM_CREATE"), (RIGHTS, None)):
            with self.subTest(line):
                self.flow(rights=rights, sink=())
                if line is None:
                    self.wait_until_used()
                else:
                    self.assertIn(line, gs.wait_for("it is said", self.refusal))
                self.wait_for_more()
                self.system.grove("down", "-p", "bus")

    def test_a_right_that_is_taken_back_ends_the_ring(self):
        self.flow("late", rights=["SHM_CREATE:1M"], sink=())
        self.assertIsNone(self.ring()["is_used"])
        environment = dict(os.environ, GROVE_RUN=self.system.run, PYTHONPATH=os.path.normpath(os.path.join(gs.SOURCE, "..", "..", "lib", "python")),
                           GROVE_LIBRARY=os.path.join(self.system.build, "lib", "libgrove.so.1"), PYTHONDONTWRITEBYTECODE="1")
        giver = gs.subprocess.Popen(["/usr/bin/python3", "-c", GIVER], env=environment, stdin=gs.subprocess.PIPE,
                                    stdout=gs.subprocess.PIPE, text=True)
        self.addCleanup(self.end, giver)
        self.assertEqual(giver.stdout.readline(), "given\n")
        self.wait_until_used()
        self.wait_for_more()
        giver.stdin.write("\n")
        giver.stdin.flush()
        self.assertEqual(giver.stdout.readline(), "taken\n")
        gs.wait_for("the ring is gone", lambda: self.system.json("sub", "--rings") == [])
        self.wait_until_used(0)
        before = self.count("sink")
        self.assertEqual(before["doubled"], 0)
        told = gs.wait_for("it goes on publishing, and is refused", lambda: self.ring()["by_bus"] > 20)
        self.assertTrue(told)
        self.assertEqual(self.count("sink")["count"], before["count"])

    def refusal(self):
        text = self.system.grove("logs", "bus.one").stdout
        return text if "there is no ring" in text else None


if __name__ == "__main__":
    gs.main()
