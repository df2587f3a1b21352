"""What the bus promises, from the command line and between services; what it refuses, and how."""
import json
import signal
import time

import bus_system as bs
import grove_system as gs


class Events(bs.BusTest):
    def setUp(self):
        super().setUp()
        self.system.grove("up")
        self.system.wait_for_state("system.bus", "ready")

    def test_an_event_comes_with_what_the_bus_knows_of_it(self):
        process = self.sub("--json", "-n", "1", "note.*")
        self.system.grove("pub", "note.first", "hello")
        event = json.loads(process.stdout.readline())
        self.assertEqual((event["subject"], event["data"]), ("note.first", "hello"))
        self.assertTrue(event["publisher"].startswith("shell."))
        self.assertGreater(event["sequence"], 0)
        self.assertLess(abs(event["time_ns"] / 1e9 - time.time()), 3600)

    def test_numbers_grow_by_one_in_the_whole_and_for_each_subject(self):
        process = self.sub("--json", "-r", ">")
        for subject in ("number.a", "number.b", "number.a", "number.a.b", "number.b", "number.a"):
            self.system.grove("pub", subject, "x")
        events = []
        while sum(event["subject"].startswith("number.") for event in events) < 6:
            events.append(json.loads(process.stdout.readline()))
        numbers = [event["sequence"] for event in events]  # those of the system's own events among them
        self.assertEqual(numbers, list(range(numbers[0], numbers[0] + len(events))))
        ours = [event["subject_sequence"] for event in events if event["subject"].startswith("number.")]
        self.assertEqual(ours, [1, 1, 2, 1, 2, 3])

    def test_a_request_is_answered(self):
        self.start({"answerer": bs.actor("answerer", "answerer", "question.*")})
        self.assertEqual(self.system.grove("pub", "-q", "question.one", "is anybody there?").stdout, "is anybody there?\n")

    def test_a_request_that_nobody_hears_fails_at_once(self):
        result = self.system.grove("pub", "-q", "-t", "50s", "question.two", "x", check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn("nobody subscribes to question.two", result.stderr)

    def test_events_of_the_system_are_for_ring_1(self):
        result = self.system.grove("pub", "capability.started.fake", "{}", check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn("capability.started.fake is a subject of the system's own", result.stderr)

    def test_who_may_not_publish_hears_what_is_missing(self):
        self.start({"source": bs.actor("source", "source", "secret.plan", rights=[])})
        text = gs.wait_for("the refusal is said", lambda: self.refusal("bus.source"))
        self.assertIn("BUS_PUB:secret.plan", text)
        self.assertEqual(self.system.call("bus.source", "told")["told"], 0)
        self.assertIn("BUS_PUB:secret.plan", self.system.grove("why", "bus.source").stdout)

    def refusal(self, name):
        text = self.system.grove("logs", name).stdout
        return text if "not published" in text else None

    def test_who_may_not_subscribe_does_not_start(self):
        self.system.write_project("bus", {"sink": bs.actor("sink", "sink", "secret.>", rights=["BUS_SUB:secret.a"])})
        actors = f"{self.system.build}/musl/tests/bus"
        self.system.grove("up", "--set", f"bin={actors}", "--timeout", "1s", f"{self.system.folder}/bus", check=False)
        text = gs.wait_for("the refusal is said", lambda: "BUS_SUB:secret.>" in self.system.grove("logs", "bus.sink").stdout)
        self.assertTrue(text)

    def test_who_has_no_room_for_its_events_is_told(self):
        self.start({"large": bs.actor("large", "sink", "some.>") + "resources: {shared: 32M}\n"}, "roomy")
        # With the first there is no room for the channel to ask over, with the second none for that of the events.
        for name, shared in (("asks", "8M"), ("hears", "14M")):
            text = bs.actor(name, "sink", "some.>") + f"resources: {{shared: {shared}}}\n"
            actors = f"{self.system.build}/musl/tests/bus"
            self.system.grove("up", "--set", f"bin={actors}", "--timeout", "1s", self.system.write_project(name, {name: text}),
                              check=False)
            said = f"no room is left for a channel of {name}.{name} to the bus: raise 'shared' below 'resources:'"
            gs.wait_for(f"{name} says so", lambda name=name, said=said: said in
                        self.system.grove("logs", f"{name}.{name}", check=False).stdout)

    def test_a_large_event_gets_through_each_way(self):
        data = "x" * 900_000
        for options in (("-n", "1"), ("-r", "-n", "1"), ("-g", "shared", "-n", "1")):
            with self.subTest(options):
                process = self.sub("-d", *options, "large.one")
                gs.subprocess.run([self.system.program, "pub", "--run", self.system.run, "--state", self.system.state,
                                   "-r", "large.one"], input=data, text=True, check=True, timeout=gs.DEADLINE_SECONDS)
                lines = process.communicate(timeout=gs.DEADLINE_SECONDS)[0].split("\n")
                self.assertTrue(data in lines, f"{[len(line) for line in lines]}")

    def test_as_many_as_wanted_are_printed_also_of_those_that_come_at_once(self):
        for options in (("-n", "2"), ("-r", "-n", "2"), ("-g", "shared", "-n", "2")):
            with self.subTest(options):
                process = self.sub("-d", *options, "burst.*")
                process.send_signal(signal.SIGSTOP)
                for number in range(5):
                    self.system.grove("pub", "-r", "burst.a", str(number))
                process.send_signal(signal.SIGCONT)
                self.assertEqual(process.communicate(timeout=gs.DEADLINE_SECONDS)[0].split(), ["0", "1"])

    def test_what_is_more_than_wanted_goes_to_another(self):
        """They wait for the group while its only member is paused, so the command is given several in one answer."""
        self.start({"sink": bs.actor("sink", "sink", "burst.*", "reliable", "group=team")})
        self.system.wait_for_state("bus.sink", "ready")
        self.system.call("bus.sink", "pause", "1")
        for number in range(5):
            self.system.grove("pub", "-r", "burst.a", f"{number:08}")
        printed = self.system.grove("sub", "-r", "-g", "team", "-n", "1", "-d", "burst.*").stdout
        self.assertEqual(printed.splitlines(), ["00000000"])
        self.assertEqual(self.count("sink")["attempts"], 0)
        self.system.call("bus.sink", "pause", "0")
        gs.wait_for("the other member has the rest", lambda: self.count("sink")["attempts"] == 4)

    def test_what_fails_is_tried_again_and_then_given_up(self):
        self.start({
            "twice": bs.actor("twice", "sink", "task.*", "reliable", "fail=2", "backoff=10"),
            "never": bs.actor("never", "sink", "task.*", "reliable", "fail=99", "retries=3", "backoff=10"),
        })
        self.system.grove("pub", "-r", "task.one", "12345678")
        gs.wait_for("the third attempt is good", lambda: self.count("twice")["attempts"] == 3)
        gs.wait_for("the fourth attempt is the last", lambda: self.count("never")["attempts"] == 4)
        said = gs.wait_for("it is given up",
                           lambda: [line for line in self.system.grove("logs", "system.bus").stdout.splitlines()
                                    if "gave up" in line])
        self.assertEqual(len(said), 1)
        for word in ("task.one", "bus.never", "4 attempts", "attempt 4 is meant to fail"):
            self.assertIn(word, said[0])

    def test_an_attempt_that_hangs_goes_to_another_member(self):
        self.start({
            "hung": bs.actor("hung", "sink", "job.*", "reliable", "group=workers", "hang", "timeout=300", "backoff=10"),
            "good": bs.actor("good", "sink", "job.*", "reliable", "group=workers", "timeout=300", "backoff=10"),
        })
        for _ in range(6):
            self.system.grove("pub", "-r", "job.one", "12345678")
        gs.wait_for("the good one did them all", lambda: self.count("good")["attempts"] >= 6)
        self.assertGreater(self.count("hung")["attempts"], 0)

    def test_in_order_a_failure_holds_back_what_follows(self):
        self.start({
            "sink": bs.actor("sink", "sink", "step.*", "reliable", "order", "fail=1", "backoff=20", "flight=64"),
            "source": bs.actor("source", "source", "step.one", "reliable", "period=500", after=["sink"]),
        })
        gs.wait_for("some have come", lambda: self.count("sink")["count"] >= 20)
        told = self.system.call("bus.source", "stop", timeout=gs.DEADLINE_SECONDS)["told"]
        self.assertGreaterEqual(told, 20)
        self.assertEqual(self.count("sink")["disordered"], 0)

    def test_a_paused_subscription_gets_its_events_later(self):
        self.start({"sink": bs.actor("sink", "sink", "news.*", "reliable")})
        self.system.call("bus.sink", "pause", "1")
        self.system.grove("pub", "-r", "news.one", "12345678")
        self.system.grove("pub", "-r", "news.two", "12345678")
        self.assertEqual(self.count("sink")["attempts"], 0)
        self.system.call("bus.sink", "pause", "0")
        gs.wait_for("both have come", lambda: self.count("sink")["attempts"] == 2)

    def test_a_queue_that_is_full_drops_the_oldest_and_says_so(self):
        self.start({"sink": bs.actor("sink", "sink", "flood.*", "reliable", "queue=5", "drop")})
        self.system.call("bus.sink", "pause", "1")
        for _ in range(12):
            self.system.grove("pub", "-r", "flood.one", "12345678")
        self.system.call("bus.sink", "pause", "0")
        gs.wait_for("the newest five have come", lambda: self.count("sink")["attempts"] == 5)
        self.assertEqual(self.count("sink")["missed"], 7)

    def test_a_queue_that_blocks_makes_its_publisher_wait(self):
        self.start({
            "sink": bs.actor("sink", "sink", "tide.*", "reliable", "queue=8", "block=60000"),
            "source": bs.actor("source", "source", "tide.one", "reliable", "period=200", "patience=20", after=["sink"]),
        })
        self.system.call("bus.sink", "pause", "1")
        told = self.steady(lambda: self.system.call("bus.source", "told")["told"])
        self.system.call("bus.sink", "pause", "0")
        gs.wait_for("it goes on", lambda: self.system.call("bus.source", "told")["told"] > told + 500)
        told = self.system.call("bus.source", "stop", timeout=gs.DEADLINE_SECONDS)["told"]
        gs.wait_for("all have come", lambda: self.count("sink")["count"] >= told)
        result = self.count("sink")
        self.assertEqual((result["missed"], result["doubled"], result["disordered"]), (0, 0, 0))

    def test_a_reader_that_was_overtaken_goes_on_with_the_oldest_that_is_whole(self):
        """A ring holds more than 2,000 such events: who has slept through more of them misses those, and no others."""
        self.start({
            "sink": bs.actor("sink", "sink", "rush.*"),
            "source": bs.actor("source", "source", "rush.one", "period=20", after=["sink"]),
        })
        self.system.call("bus.sink", "pause", "1")
        before = self.count("sink")["count"]
        told = self.system.call("bus.source", "told")["told"]
        gs.wait_for("more has come than a ring holds",
                    lambda: self.system.call("bus.source", "told")["told"] > told + 6000)
        told = self.system.call("bus.source", "stop", timeout=gs.DEADLINE_SECONDS)["told"]
        self.system.call("bus.sink", "pause", "0")
        gs.wait_for("it has read to the end",
                    lambda: self.count("sink")["count"] + self.count("sink")["missed"] >= told)
        result = self.count("sink")
        self.assertEqual(result["count"] + result["missed"], told)
        self.assertGreater(result["missed"], 1000)
        self.assertGreater(result["count"] - before, 1500)
        self.assertEqual((result["doubled"], result["disordered"]), (0, 0))

    @staticmethod
    def steady(read):
        """What a number is when it has stopped growing: the same twenty times in a row."""
        seen, times = read(), 0
        while times < 20:
            now = read()
            times = times + 1 if now == seen else 0
            seen = now
        return seen


if __name__ == "__main__":
    gs.main()
