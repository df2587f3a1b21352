"""The store as a source of configuration: its place among the others, faults in it, and deaths of either."""
import os
import random

import config_support as cs
from config_support import gs


class Stored(cs.ConfigTest):
    def keep(self, key, value, **options):
        return self.system.grove("store", "set", "system.config", key, value, **options)

    def value(self, service, key, value):
        self.keep(f"values/{service}/{key}", value)

    def rows(self):
        return {row["key"]: row for row in self.json("list", "demo.reader")}

    def test_what_is_in_the_store_counts_between_files_and_what_is_set(self):
        self.up()
        self.write_file("site.yaml", "demo.reader: {left: 10, right: 10}\n")
        self.wait_until_told("right: 0 -> 10")
        self.value("demo.reader", "left", "20")
        self.wait_until_told("left: 10 -> 20")
        self.assertEqual(self.rows()["left"]["from"], "store namespace system.config")
        self.value("demo.reader", "steps", "7\n8\n9\n")
        self.wait_until_told("steps")
        self.assertEqual(self.read("steps"), "7,8,9")
        self.config("set", "demo.reader", "left=30")
        self.value("demo.reader", "left", "21")
        self.value("demo.reader", "right", "21")
        self.wait_until_told("right: 10 -> 21")
        self.assertEqual(self.read("left"), "30")
        self.config("unset", "demo.reader", "left")
        self.assertEqual(self.read("left"), "21")
        self.system.grove("store", "delete", "system.config", "values/demo.reader/left")
        self.wait_until_told("left: 21 -> 10")
        sources = [change["source"] for change in self.json("history")]
        self.assertEqual(sources.count("store"), 4, sources)

    def test_what_is_wrong_in_it_changes_nothing_and_is_named(self):
        self.up()
        self.value("demo.reader", "left", "1")
        self.wait_until_told("left: 0 -> 1")
        for key, value, part in (("values/demo.reader/limit", "99", "namespace system.config: demo.reader.limit: \"99\" is out of range"),
                                 ("values/demo.reader/limt", "50", "demo.reader has no key limt"),
                                 ("values/reader", "50", "a key there is values/SERVICE/KEY"),
                                 ("values/demo.reader/left", "x" * 5000, "at most 4095 bytes")):
            self.keep(key, value)
            gs.wait_for("it is named", lambda: part in self.config("list", "demo.reader").stderr)
            self.assertEqual(self.read("left"), "1")
            self.system.grove("store", "delete", "system.config", key)
            self.value("demo.reader", "left", "1")
            gs.wait_for("it counts again", lambda: "does not count" not in self.config("list", "demo.reader").stderr)
        self.value("demo.nobody", "left", "5")  # is checked when such a service comes
        self.value("demo.reader", "left", "2")
        self.wait_until_told("left: 1 -> 2")

    def test_deaths_of_store_and_configuration_lose_no_value(self):
        self.up()
        chance = random.Random(5)
        for number in range(1, 25):
            self.value("demo.reader", "left", str(number))
            if number % 3 == 0:
                victim = chance.choice(("system.store", "system.config"))
                os.kill(gs.wait_for("it runs", lambda: self.system.services()[victim].get("process")), gs.signal.SIGKILL)
        gs.wait_for("the last value", lambda: self.read("left") == "24")
        # What was said last counts from the start of the next kernel.
        self.system.kill_kernel()
        self.system.grove("up")
        gs.wait_for("the service is back", lambda: self.system.state_of("demo.reader") == "ready")
        self.assertEqual(self.read("left"), "24")


if __name__ == "__main__":
    gs.main()
