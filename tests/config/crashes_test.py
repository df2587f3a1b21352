"""The configuration service killed with -9 at any moment: what was answered is there, nothing is half there, reading goes on."""
import os
import random
import signal
import threading
import time

import config_support as cs
from config_support import gs

ROUNDS = int(os.environ.get("CONFIG_ROUNDS", "25"))


class Crashes(cs.ConfigTest):
    def kill(self, service="system.config"):
        """With -9, whoever it is by now."""
        process = self.system.services().get(service, {}).get("process")
        if process:
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def test_at_random_moments_under_load(self):
        self.up()
        # The first change and the first death open channels that stay: to the bus, and between the instances' peers.
        self.config("set", "demo.reader", "left=1", "right=1", "--why", "1")
        self.kill()
        self.config("get", "demo.reader", "left")
        # Health opens its channel to the bus when it has first heard of everybody.
        gs.wait_for("all are well", lambda: all(row["health"] != "unknown" for row in self.system.json("health", check=False)["services"]))
        descriptors = self.settled_descriptors()
        answered, failed, stop = [], [], threading.Event()

        def load():
            number = 1
            while not stop.is_set():
                number += 1
                result = self.config("set", "demo.reader", f"left={number}", f"right={number}", "--why", str(number),
                                     check=False)
                (answered if result.returncode == 0 else failed).append((number, result.stderr))

        loader = threading.Thread(target=load)
        loader.start()
        chance, wrong = random.Random(20261128), []
        for _ in range(ROUNDS):
            time.sleep(chance.random() * 0.04)  # the moment is random; nothing is waited for
            self.kill()
            pair = self.system.call("demo.reader", "pair")  # the reader goes on meanwhile
            if pair["left"] != pair["right"]:
                wrong.append(pair)
        stop.set()
        loader.join()
        self.assertEqual(wrong, [])
        self.assertEqual(failed, [], "a change waits for the next instance")
        self.assertGreater(len(answered), 3)
        last = answered[-1][0]
        history = self.json("history", "-n", "1000")
        numbers = [int(change["why"]) for change in history]
        self.assertEqual(numbers, sorted(set(numbers), reverse=True), "each once, in order")
        self.assertEqual(numbers, list(range(last, last - len(numbers), -1)), "all that were answered")
        for change in history:
            self.assertEqual({(entry["key"], entry["after"]) for entry in change["changes"]},
                             {("left", change["why"]), ("right", change["why"])})
        self.assertEqual(self.json("get", "demo.reader", "left")["value"], str(last))
        gs.wait_for("the reader has the newest", lambda: self.system.call("demo.reader", "pair") ==
                    {"left": last, "right": last})
        self.wait_until_told(f"-> {last}")
        self.assert_descriptors_return(descriptors, lambda: [self.kill() for _ in range(ROUNDS)])

    def test_the_next_instance_of_either_goes_on(self):
        self.up()
        self.config("set", "demo.reader", "left=1")
        self.wait_until_told("0 -> 1")
        for number in range(2, 8):
            self.kill()
            self.assertEqual(self.read("left"), str(number - 1), "reading needs nobody")
            self.config("set", "demo.reader", f"left={number}")
            self.wait_until_told(f"{number - 1} -> {number}")
        before = self.system.services()["demo.reader"]["process"]
        self.kill("demo.reader")
        gs.wait_for("the reader is back", lambda: self.system.services()["demo.reader"].get("process") not in (None, before)
                    and self.system.state_of("demo.reader") == "ready")
        self.assertEqual(self.read("left"), "7")
        self.config("set", "demo.reader", "left=8")
        self.wait_until_told("7 -> 8")

    def test_a_restart_that_was_due_is_made_up_for(self):
        self.up()
        for number in range(503, 508):
            before = self.system.services()["demo.reader"]["process"]
            changer = threading.Thread(target=self.config, args=("set", "demo.reader", f"port={number}", "--restart"))
            changer.start()
            self.kill()
            changer.join()
            gs.wait_for("it was restarted", lambda before=before: self.system.services()["demo.reader"].get("process")
                        not in (None, before))
            gs.wait_for("and reads the new port", lambda number=number: self.system.state_of("demo.reader") == "ready"
                        and self.read("port") == str(number))

    def test_nothing_is_left_behind(self):
        self.up()
        accounts = self.accounts()
        self.config("set", "demo.reader", "left=1")
        self.system.grove("down", "--all")
        self.assert_nothing_is_left(accounts)
        # It is all there after the whole system was away.
        self.system.grove("up")
        gs.wait_for("it is back", lambda: self.system.state_of("demo.reader") == "ready")
        self.assertEqual(self.read("left"), "1")


if __name__ == "__main__":
    gs.main()
