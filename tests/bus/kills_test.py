"""kill -9 of the bus, of publishers and of subscribers, at random moments, while numbers flow: none that was accepted is
lost, and none comes twice to whoever is promised that it does not."""
import random

import bus_system as bs
import grove_system as gs


HEARERS = ("sink", "steps", "left", "right", "ring")


class Kills(bs.BusTest):
    def start_flow(self):
        self.start({
            "one": bs.actor("one", "source", "flow.one", "reliable", "period=300", after=HEARERS),
            "two": bs.actor("two", "source", "flow.two", "reliable", "period=500", after=HEARERS),
            "sink": bs.actor("sink", "sink", "flow.*", "reliable", "block=60000"),
            "steps": bs.actor("steps", "sink", "flow.*", "reliable", "block=60000", "order", "flight=8"),
            "left": bs.actor("left", "sink", "flow.*", "reliable", "block=60000", "group=pair"),
            "right": bs.actor("right", "sink", "flow.*", "reliable", "block=60000", "group=pair"),
            "ring": bs.actor("ring", "sink", "flow.*"),
        })

    def settle(self):
        """Stop the sources; what they were promised is what everybody has in the end."""
        told = sum(self.stop_source(name) for name in ("one", "two"))
        for name in ("sink", "steps"):
            gs.wait_for(f"{name} has all {told} numbers", lambda name=name: self.count(name)["count"] >= told)
        gs.wait_for(f"the pair has all {told} numbers",
                    lambda: sum(self.count(name)["count"] for name in ("left", "right")) >= told)
        return told

    def stop_source(self, name):
        return gs.wait_for(f"{name} stops", lambda: self.told_after_stop(name))

    def told_after_stop(self, name):
        result = self.system.grove("call", "--json", f"bus.{name}", "stop", check=False)
        return gs.json.loads(result.stdout)["told"] if result.returncode == 0 else None

    def test_nothing_is_lost_when_the_bus_is_killed(self):
        self.start_flow()
        chance = random.Random(11)
        accounts = self.settled_descriptors()
        for _ in range(12):
            before = self.system.call("bus.one", "told")["told"]
            goal = before + chance.randrange(1, 120)
            gs.wait_for("more was published", lambda goal=goal: self.system.call("bus.one", "told")["told"] >= goal)
            self.kill_bus()
        told = self.settle()
        self.assertGreater(told, 500)
        for name in ("sink", "steps", "ring"):
            with self.subTest(name):
                self.assertEqual(self.count(name)["doubled"], 0, "nobody of these was killed, so nothing comes twice")
        self.assertEqual(self.count("steps")["disordered"], 0)
        self.assertEqual(sum(self.count(name)["missed"] for name in ("sink", "steps", "left", "right")), 0)
        self.assert_descriptors_return(accounts, lambda: [self.kill_bus() for _ in range(12)])

    def test_nothing_is_lost_when_anybody_is_killed(self):
        self.start_flow()
        chance = random.Random(12)
        names = ["system.bus", "bus.one", "bus.two", "bus.sink", "bus.steps", "bus.left", "bus.right", "bus.ring"]
        for _ in range(25):
            goal = self.system.call("bus.one", "told", timeout=gs.DEADLINE_SECONDS)["told"] + chance.randrange(1, 40)
            self.system.grove("kill", chance.choice(names), check=False)
            gs.wait_for("more was published",
                        lambda goal=goal: self.system.call("bus.one", "told", timeout=gs.DEADLINE_SECONDS)["told"] >= goal)
        self.assertGreater(self.settle(), 100)


if __name__ == "__main__":
    gs.main()
