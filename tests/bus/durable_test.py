"""Durable events: on disk before they are acknowledged, read again from a number or a time, kept within limits, and told
of when the disk has damaged them."""
import glob
import json
import os
import shutil
import threading

import bus_system as bs
import grove_system as gs

RECORDS_BEGIN = 8192


class Durable(bs.BusTest):
    def setUp(self):
        super().setUp()
        self.system.grove("up")
        self.system.wait_for_state("system.bus", "ready")

    def publish(self, subject, data):
        return json.loads(self.system.grove("pub", "--durable", "--json", subject, data).stdout)["durable_sequence"]

    def read(self, *options, count, pattern="note.>"):
        result = self.system.grove("sub", "--json", "-n", str(count), "-w", "30s", *options, pattern)
        return [json.loads(line) for line in result.stdout.splitlines()]

    def log_files(self):
        return sorted(glob.glob(os.path.join(self.system.state, "services", "system.bus", "events", "*.journal")))

    def test_an_acknowledged_event_is_in_the_log(self):
        self.assertEqual(self.publish("note.a", "first"), 1)
        with open(self.log_files()[0], "rb") as file:
            self.assertIn(b"first", file.read())

    def test_events_are_read_from_a_number_and_from_a_time(self):
        for number in range(1, 8):
            self.assertEqual(self.publish("note.a" if number % 2 else "note.b", f"text {number}"), number)
        self.assertEqual([event["data"] for event in self.read("--from", "3", count=5)],
                         [f"text {number}" for number in range(3, 8)])
        self.assertEqual([event["data"] for event in self.read("--from", "1", count=3, pattern="note.b")],
                         ["text 2", "text 4", "text 6"])
        self.assertEqual(len(self.read("--since", "1h", count=7)), 7)
        event = self.read("--from", "4", count=1)[0]
        self.assertEqual((event["subject"], event["durable_sequence"]), ("note.b", 4))
        self.assertTrue(event["publisher"].startswith("shell."))

    def test_what_is_kept_is_followed_by_what_comes(self):
        self.publish("note.a", "old")
        process = self.sub("--json", "--from", "1", "note.>")
        self.assertEqual(json.loads(process.stdout.readline())["data"], "old")
        self.publish("note.a", "new")
        self.assertEqual(json.loads(process.stdout.readline())["data"], "new")

    def test_everybody_else_hears_of_it_too(self):
        once = self.sub("--json", "-n", "1", "note.x")
        reliable = self.sub("--json", "-n", "1", "--reliable", "note.*")
        self.publish("note.x", "both")
        for process in (once, reliable):
            self.assertEqual(json.loads(process.stdout.readline())["data"], "both")

    def test_the_log_outlives_the_system(self):
        self.publish("note.a", "before")
        self.system.grove("down", "--all")
        self.system.grove("up")
        self.system.wait_for_state("system.bus", "ready")
        self.assertEqual(self.publish("note.a", "after"), 2)
        self.assertEqual([event["data"] for event in self.read("--from", "1", count=2)], ["before", "after"])

    def test_many_publish_at_once(self):
        """Groups are written together, and each publisher hears of its own event."""
        lines = "\n".join(f"line {number}" for number in range(50))
        errors = []

        def publish(subject):
            result = gs.subprocess.run([self.system.program, "pub", "--run", self.system.run, "--state",
                                        self.system.state, "--durable", "--lines", subject], input=lines, text=True,
                                       capture_output=True, timeout=60, check=False)
            if result.returncode != 0:
                errors.append(result.stderr)

        threads = [threading.Thread(target=publish, args=(f"note.{number}",)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(errors, [])
        events = self.read("--from", "1", count=300)
        self.assertEqual([event["durable_sequence"] for event in events], list(range(1, 301)))
        for number in range(6):
            self.assertEqual([event["data"] for event in events if event["subject"] == f"note.{number}"],
                             [f"line {line}" for line in range(50)])

    def test_a_flipped_bit_costs_one_event_and_is_told(self):
        for number in range(1, 6):
            self.publish("note.a", f"a longer text with the number {number} in it")
        self.system.grove("down", "--all")
        path = self.log_files()[0]
        with open(path, "r+b") as file:
            data = file.read()
            place = data.index(b"the number 3")
            self.assertGreater(place, RECORDS_BEGIN)
            file.seek(place)
            file.write(b"The")
        self.system.grove("up")
        self.system.wait_for_state("system.bus", "ready")
        told = self.sub("--json", "-n", "1", "bus.damaged")
        events = self.read("--from", "1", count=4)
        self.assertEqual([event["durable_sequence"] for event in events], [1, 2, 4, 5])
        self.assertEqual([event["missed"] for event in events], [0, 0, 1, 0])
        report = json.loads(json.loads(told.stdout.readline())["data"])
        self.assertEqual((report["kind"], report["first"], report["events"]), ("damaged", 3, 1))
        with open(os.path.join(os.path.dirname(path), report["quarantine"]), "rb") as file:
            self.assertIn(b"The number 3", file.read())
        self.assertEqual(self.publish("note.a", "goes on"), 6)

    def test_refusals(self):
        for options, sentence in (
                (("sub", "--from", "1", "--since", "1h", "note.a"), "exclude each other"),
                (("sub", "--from", "0", "note.a"), "from"),
                (("pub", "--durable", "no such subject", "x"), "subject"),
        ):
            with self.subTest(options):
                result = self.system.grove(*options, check=False)
                self.assertNotEqual(result.returncode, 0)
                self.assertIn(sentence, result.stderr)


class Places(bs.BusTest):
    def test_a_named_subscription_goes_on_where_it_was(self):
        self.start({
            "source": bs.actor("source", "source", "flow.a", "durable", "period=2000"),
            "sink": bs.actor("sink", "sink", "flow.*", "durable", "name=place", "first", "order"),
        })
        gs.wait_for("the sink has some", lambda: self.count("sink")["count"] > 20)
        self.system.grove("stop", "bus.sink")
        before = self.system.call("bus.source", "told")["told"]
        gs.wait_for("more is published", lambda: self.system.call("bus.source", "told")["told"] > before + 20)
        self.system.grove("start", "bus.sink")
        told = self.system.call("bus.source", "stop")["told"]
        gs.wait_for("the sink has all", lambda: self.count("sink")["count"] >= told)
        counts = self.count("sink")
        self.assertEqual((counts["count"], counts["disordered"], counts["missed"]), (told, 0, 0))

    def test_a_place_in_a_log_that_is_no_more_skips_nothing(self):
        source = {"source": bs.actor("source", "source", "flow.a", "durable", "period=2000")}
        sink = {"sink": bs.actor("sink", "sink", "flow.*", "durable", "name=place", "first", "order")}
        self.start(source | sink)
        gs.wait_for("the sink has some", lambda: self.count("sink")["count"] > 20)
        self.system.grove("down", "--all")
        shutil.rmtree(os.path.join(self.system.state, "services", "system.bus", "events"))
        self.start(source | sink)
        gs.wait_for("some are published", lambda: self.system.call("bus.source", "told")["told"] > 5)
        told = self.system.call("bus.source", "stop")["told"]
        gs.wait_for("the sink has all", lambda: self.count("sink")["count"] >= told)


if __name__ == "__main__":
    gs.main()
