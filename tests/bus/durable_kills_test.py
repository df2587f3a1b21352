"""kill -9 of the bus, in the middle, with eight durable publishers: every event that was acknowledged is in the log, once,
and in the order of its publisher; and whoever reads the log gets each of them."""
import random

import bus_system as bs
import grove_system as gs

SOURCES = 8


class DurableKills(bs.BusTest):
    def start_sources(self, kills):
        sinks = {"sink": bs.actor("sink", "sink", "flow.*", "durable", "name=place", "first"),
                 "live": bs.actor("live", "sink", "flow.*", "reliable")}
        self.start(sinks)  # who takes what happens now must be there before anything does
        for name in sinks:
            self.system.wait_for_state(f"bus.{name}", "ready")
        services = {f"source{number}": bs.actor(f"source{number}", "source", f"flow.{number}", "durable",
                                                f"period={400 + 100 * number}") for number in range(SOURCES)}
        if kills:
            services["noise"] = bs.actor("noise", "source", "noise.a", "period=500")
        self.start({**sinks, **services})

    def told(self, name):
        return self.system.call(f"bus.{name}", "told", timeout=gs.DEADLINE_SECONDS)["told"]

    def stop_source(self, name):
        def stop():
            result = self.system.grove("call", "--json", f"bus.{name}", "stop", check=False)
            return gs.json.loads(result.stdout)["told"] if result.returncode == 0 else None
        return gs.wait_for(f"{name} stops", stop)

    def log(self, count):
        """Every event of the log, by publisher."""
        result = self.system.grove("sub", "--json", "-n", str(count), "-w", "30s", "--from", "1", "flow.*")
        events = [gs.json.loads(line) for line in result.stdout.splitlines()]
        self.assertEqual([event["durable_sequence"] for event in events], sorted(event["durable_sequence"]
                                                                                 for event in events))
        numbers = {}
        for event in events:
            numbers.setdefault(event["subject"], []).append(self.number(event))
        return numbers

    @staticmethod
    def number(event):
        """The eight bytes that an actor publishes."""
        raw = bytes.fromhex(event["data_hex"]) if "data_hex" in event else event["data"].encode()
        return int.from_bytes(raw, "little")

    def check(self):
        told = {f"flow.{number}": self.stop_source(f"source{number}") for number in range(SOURCES)}
        total = sum(told.values())
        for name in ("sink", "live"):
            gs.wait_for(f"{name} has all {total} events", lambda name=name: self.count(name)["count"] >= total)
            self.assertEqual(self.count(name)["missed"], 0)
        stream = self.log(total)
        for subject, last in told.items():
            with self.subTest(subject):
                self.assertEqual(stream[subject], list(range(1, last + 1)), "in the log once each, in order")
        return total

    def test_nothing_acknowledged_is_lost_and_nothing_is_logged_twice(self):
        self.start_sources(kills=True)
        chance = random.Random(21)
        for _ in range(10):
            goal = self.told("source0") + chance.randrange(1, 60)
            gs.wait_for("more was published", lambda goal=goal: self.told("source0") >= goal)
            self.kill_bus()
        self.assertGreater(self.check(), 200)
        counts = self.count("sink")
        self.assertEqual(counts["doubled"], 0, "the sink was not killed, so nothing comes twice")

    def test_the_reader_is_killed_too(self):
        self.start_sources(kills=False)
        chance = random.Random(22)
        for _ in range(8):
            goal = self.told("source1") + chance.randrange(1, 40)
            self.system.grove("kill", chance.choice(["bus.sink", "system.bus"]), check=False)
            gs.wait_for("more was published", lambda goal=goal: self.told("source1") >= goal)
        self.check()


if __name__ == "__main__":
    gs.main()
