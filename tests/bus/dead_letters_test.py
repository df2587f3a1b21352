"""Dead letters: kept on disk with the error, the attempts and the subscriber; listed, shown, delivered again, purged."""
import bus_system as bs
import grove_system as gs


class DeadLetters(bs.BusTest):
    def start_failer(self, times, *options):
        self.start({"failer": bs.actor("failer", "sink", "job.*", "reliable", f"fail={times}", "retries=2", "backoff=1",
                                       *options)})
        self.system.wait_for_state("bus.failer", "ready")

    def letters(self, *options):
        return self.system.json("dlq", *options)

    def bury(self, *subjects):
        for subject in subjects:
            self.system.grove("pub", "--reliable", subject, f"about {subject}")
        gs.wait_for("the letters are there", lambda: len(self.letters()) == len(subjects) and self.letters())
        return self.letters()

    def test_a_letter_says_what_happened(self):
        self.start_failer(100)
        letter = self.bury("job.one")[0]
        self.assertEqual((letter["subject"], letter["subscriber"], letter["pattern"], letter["attempts"]),
                         ("job.one", "bus.failer", "job.*", 3))
        self.assertEqual((letter["status"], letter["error"]), ("HANDLER_FAILED", "attempt 3 is meant to fail"))
        shown = self.system.json("dlq", "show", str(letter["id"]))
        self.assertEqual((shown["data"], shown["error"]), ("about job.one", letter["error"]))
        self.assertIn("job.one", self.system.grove("dlq").stdout)

    def test_letters_outlive_the_bus_and_the_system(self):
        self.start_failer(100)
        before = self.bury("job.one", "job.two")
        self.kill_bus()
        self.assertEqual([(row["id"], row["error"]) for row in self.letters()],
                         [(row["id"], row["error"]) for row in before])
        self.system.grove("down", "--all")
        self.system.grove("up")
        self.system.wait_for_state("system.bus", "ready")
        self.assertEqual([row["subject"] for row in self.letters()], ["job.one", "job.two"])

    def test_replayed_with_a_fresh_count(self):
        self.start_failer(100)
        letter = self.bury("job.one")[0]
        self.start({"failer": bs.actor("failer", "sink", "job.*", "reliable")})  # mended
        gs.wait_for("it is delivered again",
                    lambda: self.system.grove("dlq", "replay", str(letter["id"]), check=False).returncode == 0)
        gs.wait_for("the failer has it", lambda: self.count("failer")["attempts"] >= 1)
        self.assertEqual(self.letters(), [])
        refused = self.system.grove("dlq", "replay", str(letter["id"]), check=False)
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("is not there", refused.stderr)

    def test_chosen_and_purged(self):
        self.start_failer(100)
        self.bury("job.one", "job.two", "job.three")
        self.assertEqual([row["subject"] for row in self.letters("--subject", "job.two")], ["job.two"])
        self.assertEqual(self.letters("--service", "bus.nobody"), [])
        self.assertEqual(self.letters("--older", "1h"), [])
        self.assertEqual(self.system.json("dlq", "purge", "--all", "--subject", "job.two"), {"count": 1})
        self.assertEqual(len(self.letters()), 2)
        self.assertEqual(self.system.json("dlq", "purge", "--all"), {"count": 2})
        self.assertEqual(self.letters(), [])

    def test_a_replay_for_nobody_keeps_the_letter(self):
        self.start_failer(100)
        letter = self.bury("job.one")[0]
        self.system.grove("stop", "bus.failer")
        result = self.system.grove("dlq", "replay", str(letter["id"]), check=False)
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("no subscription now", result.stderr)
        self.assertEqual(len(self.letters()), 1)

    def test_called_wrongly(self):
        self.system.grove("up")
        for words, sentence in ((("bury",), "none of list"), (("show",), "show which"), (("purge",), "--all"),
                                (("replay", "x"), "no number"), (("list", "1"), "takes no numbers"),
                                (("purge", "7"), "is not there")):
            with self.subTest(words):
                result = self.system.grove("dlq", *words, check=False)
                self.assertNotEqual(result.returncode, 0)
                self.assertIn(sentence, result.stderr)


if __name__ == "__main__":
    gs.main()
