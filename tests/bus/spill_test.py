"""The policy `spill`: what a subscriber does not keep up with waits on disk and comes back in order, once, also when the bus is
killed at any moment; beyond the limit the oldest becomes a dead letter; nothing is left when it is over."""
import os
import random

import bus_system as bs
import grove_system as gs


# Of the counts of a subscription: where an event that is for it may be.
PLACES = ("queued", "in_flight", "completed", "dead")


class Spill(bs.BusTest):
    def sink(self, *options, pattern="flow.*"):
        return bs.actor("sink", "sink", pattern, "reliable", "spill", "order", *options)

    def start_system(self):
        self.system.grove("up")
        self.system.wait_for_state("system.bus", "ready")

    def row(self, name="bus.sink"):
        return next((row for row in self.system.json("sub", "--list") if row["subscriber"] == name), None)

    def pause(self, value):
        self.system.call("bus.sink", "pause", str(value), timeout=gs.DEADLINE_SECONDS)

    def told(self, name):
        return self.system.call(f"bus.{name}", "told", timeout=gs.DEADLINE_SECONDS)["told"]

    def stop(self, *names):
        return sum(gs.wait_for(f"{name} stops", lambda name=name: self.told_after_stop(name)) for name in names)

    def told_after_stop(self, name):
        result = self.system.grove("call", "--json", f"bus.{name}", "stop", check=False)
        return gs.json.loads(result.stdout)["told"] if result.returncode == 0 else None

    def folder(self):
        return os.path.join(self.system.state, "services", "system.bus", "spill")

    def files(self):
        return [name for _, _, names in os.walk(self.folder()) for name in names]

    def open_files(self):
        """Of the bus, below the folder of what is spilled."""
        folder = f"/proc/{self.system.services()['system.bus']['process']}/fd"
        return [link for link in (os.readlink(os.path.join(folder, name)) for name in os.listdir(folder))
                if "/spill/" in link]

    def number_in(self, letter):
        """What the source has counted up to in this one: the first eight bytes, which come as text or as hexadecimal digits."""
        data = self.system.json("dlq", "show", str(letter["id"]))["data"]
        return int.from_bytes((bytes.fromhex(data) if len(data) == 2 * letter["bytes"] else data.encode())[:8], "little")

    def wait_until_drained(self, told):
        try:
            gs.wait_for(f"all {told} have come", lambda: self.count("sink")["count"] >= told)
        except AssertionError as problem:
            raise AssertionError(f"{problem}: {self.count('sink')} {self.row()} {self.system.json('dlq')[:3]} "
                                 f"{self.system.grove('logs', 'system.bus').stdout[-2000:]}") from problem
        gs.wait_for("nothing is left on disk", lambda: not self.files() and self.row()["queued"] == 0)

    def test_it_waits_on_disk_and_comes_back_in_order(self):
        self.start({"sink": self.sink("queue=20", "flight=4"),
                    "one": bs.actor("one", "source", "flow.one", "reliable", "period=300", "size=2000", after=("sink",)),
                    "log": bs.actor("log", "source", "flow.log", "durable", "period=900", after=("sink",))})
        self.pause(1)
        gs.wait_for("events are on disk", lambda: self.row()["on_disk"] > 500)
        row = self.row()
        self.assertEqual(row["slow"], "spill")
        self.assertGreaterEqual(row["spilled"], row["on_disk"])
        self.assertGreater(row["queued"], row["on_disk"])
        self.assertTrue(self.files())
        self.assertIn("ON DISK", self.system.grove("sub", "--list").stdout)
        self.pause(0)
        gs.wait_for("some have come", lambda: self.count("sink")["count"] > 100)
        self.wait_until_drained(self.stop("one", "log"))
        counts = self.count("sink")
        self.assertEqual((counts["doubled"], counts["disordered"], counts["missed"]), (0, 0, 0))
        self.assertEqual(self.row()["dead"], 0)

    def test_the_bus_is_killed_at_any_moment(self):
        self.start({"sink": self.sink("queue=30", "flight=8"),
                    "one": bs.actor("one", "source", "flow.one", "reliable", "period=200", "size=700", after=("sink",)),
                    "two": bs.actor("two", "source", "flow.two", "reliable", "period=300", after=("sink",))})
        chance = random.Random(5)
        self.pause(1)
        for turn in range(16):
            goal = self.told("one") + chance.randrange(20, 200)
            gs.wait_for("more was published", lambda goal=goal: self.told("one") >= goal)
            if turn % 4 == 3:
                self.pause(turn % 8 == 3 and 0 or 1)
            self.kill_bus()
        self.pause(0)
        self.wait_until_drained(self.stop("one", "two"))
        counts = self.count("sink")
        self.assertEqual((counts["doubled"], counts["disordered"], counts["missed"]), (0, 0, 0))
        self.assertGreater(self.row()["spilled"], 0)

    def test_beyond_its_limit_the_oldest_is_a_dead_letter(self):
        self.start({"sink": self.sink("queue=10", "flight=4", "spill=256"),
                    "one": bs.actor("one", "source", "flow.one", "reliable", "period=300", "size=4000", after=("sink",))})
        self.pause(1)
        gs.wait_for("some are dead", lambda: self.row()["dead"] > 40)
        told = self.stop("one")
        gs.wait_for("all are in their place", lambda: sum(self.row()[key] for key in PLACES) == told)
        row = self.row()
        self.assertLess(row["on_disk"], 70, "a limit of 256 KiB")
        # By the source's own numbers: those of the bus count the system's events, too.
        numbers = [self.number_in(letter) for letter in sorted(self.system.json("dlq"), key=lambda each: each["sequence"])[:40]]
        self.assertEqual(numbers, list(range(numbers[0], numbers[0] + 40)))
        self.pause(0)
        gs.wait_for("the rest comes", lambda: self.count("sink")["count"] == told - row["dead"])
        self.assertEqual(self.count("sink")["disordered"], 0)

    def test_a_subscription_that_ends_leaves_nothing(self):
        self.start({"sink": self.sink("queue=10"),
                    "one": bs.actor("one", "source", "flow.one", "reliable", "period=300", after=("sink",))})
        self.pause(1)
        gs.wait_for("events are on disk", lambda: self.row()["on_disk"] > 50)
        self.assertTrue(self.open_files())
        self.system.grove("down", "--project", "bus")
        gs.wait_for("its files are gone", lambda: not self.files())
        gs.wait_for("and closed", lambda: not self.open_files())

    def test_what_an_earlier_kernel_left_is_removed(self):
        self.start_system()
        stray = os.path.join(self.folder(), "0000000000000001-7")
        os.makedirs(stray)
        with open(os.path.join(stray, "0000000000000001.segment"), "wb") as file:
            file.write(b"x" * 100)
        self.kill_bus()
        gs.wait_for("it is removed", lambda: not os.path.exists(stray))

    def test_from_the_command_line(self):
        self.start_system()
        process = self.sub("-r", "--slow", "spill", "--spill-size", "1M", "note.>")
        row = next(row for row in self.system.json("sub", "--list") if row["pattern"] == "note.>")
        self.assertEqual((row["slow"], row["quality"]), ("spill", "at-least-once"))
        self.end(process)
        for arguments, sentence in ((("--slow", "spill"), "goes with --reliable"), (("-r", "--slow", "x"), "is no policy"),
                                    (("-r", "--spill-size", "1M"), "goes with --slow spill")):
            result = self.system.grove("sub", *arguments, "note.>", check=False)
            self.assertEqual(result.returncode, 2)
            self.assertIn(sentence, result.stderr)


if __name__ == "__main__":
    gs.main()
