"""Several streams with limits of their own: made, listed, changed and removed; what is kept is read again from all of them in the
order of its numbers, after a kill of the bus and after the whole system ended as well."""
import json
import os
import threading

import bus_system as bs
import grove_system as gs


class Streams(bs.BusTest):
    def setUp(self):
        super().setUp()
        self.start_system()

    def start_system(self):
        self.system.grove("up")
        self.system.wait_for_state("system.bus", "ready")

    def streams(self):
        return {row["name"]: row for row in self.system.json("stream")}

    def set(self, *arguments):
        self.system.grove("stream", "set", *arguments)

    def publish(self, subject, data="x"):
        return json.loads(self.system.grove("pub", "--durable", "--json", subject, data).stdout)["durable_sequence"]

    def read(self, pattern, count, *options):
        result = self.system.grove("sub", "--json", "-n", str(count), "-w", "30s", *options, pattern)
        return [(event["durable_sequence"], event["subject"]) for event in map(json.loads, result.stdout.splitlines())]

    def folder(self, *names):
        return os.path.join(self.system.state, "services", "system.bus", *names)

    def refused(self, *arguments):
        result = self.system.grove("stream", *arguments, check=False)
        self.assertNotEqual(result.returncode, 0)
        return result.stderr

    def kill_and_wait(self):
        before = self.system.services()["system.bus"]["restarts"]
        self.kill_bus()
        gs.wait_for("it is back", lambda: self.system.services()["system.bus"]["restarts"] > before and
                    self.system.state_of("system.bus") == "ready")

    def test_made_listed_changed_and_removed(self):
        self.assertEqual(list(self.streams()), ["durable"])
        self.set("readings", "grid.reading.>", "--size", "1M", "--age", "2h")
        row = self.streams()["readings"]
        self.assertEqual((row["pattern"], row["retain_bytes"], row["retain_ns"], row["events"]),
                         ("grid.reading.>", 1 << 20, 7200 * 10**9, 0))
        self.set("readings", "--size", "2M")
        row = self.streams()["readings"]
        self.assertEqual((row["retain_bytes"], row["retain_ns"]), (2 << 20, 7200 * 10**9))
        self.assertIn("grid.reading.>", self.system.grove("stream").stdout)
        self.publish("grid.reading.1")
        self.system.grove("stream", "remove", "readings")
        self.assertEqual(list(self.streams()), ["durable"])
        self.assertFalse(os.path.exists(self.folder("streams", "readings")))
        self.assertEqual(self.publish("grid.reading.1"), 2)
        self.assertEqual(self.read("grid.>", 1, "--from", "1"), [(2, "grid.reading.1")])

    def test_refusals(self):
        self.set("readings", "grid.reading.>")
        self.assertIn("choose a pattern apart from that", self.refused("set", "more", "grid.*.1"))
        self.assertIn("that cannot be changed", self.refused("set", "readings", "grid.other"))
        self.assertIn("needs a pattern", self.refused("set", "more"))
        self.assertIn("name is of letters", self.refused("set", "a/b", "x.y"))
        self.assertIn("at least 256 KiB", self.refused("set", "durable", "--size", "1K"))
        self.assertIn("cannot be removed", self.refused("remove", "durable"))
        self.assertIn("there is no stream", self.refused("remove", "nothing"))
        self.assertIn("none of list, set and remove", self.refused("make", "x"))

    def test_read_again_in_the_order_of_numbers(self):
        subjects = ["a.1", "b.1", "c.1", "a.2", "c.2", "b.2"]
        self.publish("a.0")
        self.set("first", "a.>")
        self.set("second", "b.>")
        written = [(1, "a.0")] + [(self.publish(subject), subject) for subject in subjects]
        self.assertEqual([number for number, _ in written], list(range(1, 8)))
        self.assertEqual([self.streams()[name]["events"] for name in ("durable", "first", "second")], [3, 2, 2])
        for again in range(3):
            with self.subTest(again):
                self.assertEqual(self.read(">", 7, "--from", "1"), written)
                self.assertEqual(self.read(">", 4, "--from", "4"), written[3:])
                self.assertEqual(self.read("b.>", 2, "--since", "1h"), [event for event in written if event[1][0] == "b"])
                self.assertEqual(self.read("a.*", 3, "--from", "1"), [event for event in written if event[1][0] == "a"])
            if again == 0:
                self.kill_and_wait()
            if again == 1:
                self.system.grove("down", "--all")
                self.start_system()
                self.assertEqual(list(self.streams()), ["durable", "first", "second"])
        self.assertEqual(self.publish("b.3"), 8)

    def test_each_keeps_as_much_as_it_may(self):
        self.set("small", "small.>", "--size", "256K")
        self.set("large", "large.>")
        for _ in range(12):
            self.publish("small.x", "s" * 60000)
            self.publish("large.x", "l" * 60000)
        rows = self.streams()
        self.assertEqual(rows["large"]["events"], 12)
        self.assertLess(rows["small"]["events"], 8)
        self.assertEqual((rows["large"]["first"], rows["large"]["last"], rows["small"]["last"]), (2, 24, 23))
        self.assertEqual(self.read("large.>", 12, "--from", "1"), [(number, "large.x") for number in range(2, 25, 2)])
        kept = self.read("small.>", rows["small"]["events"], "--from", "1")
        self.assertEqual(kept[0][0], rows["small"]["first"])

    def test_a_reader_goes_on_while_streams_come_and_go(self):
        self.start({"sink": bs.actor("sink", "sink", "flow.*", "durable", "name=place"),
                    "one": bs.actor("one", "source", "flow.one", "durable", "period=500", after=("sink",)),
                    "two": bs.actor("two", "source", "flow.two", "durable", "period=700", after=("sink",))})
        gs.wait_for("it flows", lambda: self.count("sink")["count"] > 50)
        self.set("one", "flow.one")
        self.kill_and_wait()
        self.set("two", "flow.two", "--size", "64M")
        threads = [threading.Thread(target=self.publish, args=(f"other.{number}",)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seen = self.count("sink")["count"]
        gs.wait_for("it goes on", lambda: self.count("sink")["count"] > seen + 100)
        self.kill_and_wait()
        told = sum(gs.wait_for(f"{name} stops", lambda name=name: self.told_after_stop(name)) for name in ("one", "two"))
        gs.wait_for(f"all {told} have come", lambda: self.count("sink")["count"] >= told)
        counts = self.count("sink")
        self.assertEqual((counts["doubled"], counts["disordered"], counts["missed"]), (0, 0, 0))
        rows = self.streams()
        self.assertGreater(rows["one"]["events"], 0)
        self.assertGreaterEqual(sum(row["events"] for row in rows.values()), told + 4)

    def told_after_stop(self, name):
        result = self.system.grove("call", "--json", f"bus.{name}", "stop", check=False)
        return json.loads(result.stdout)["told"] if result.returncode == 0 else None


if __name__ == "__main__":
    gs.main()
