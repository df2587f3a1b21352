"""How a change comes about: all of it at once, told with old and new, asked about first, remembered, taken back."""
import subprocess
import threading

import config_support as cs
from config_support import gs


class Changes(cs.ConfigTest):
    def test_watchers_are_told_with_old_and_new_once(self):
        self.up()
        self.config("set", "demo.reader", "limit=48.5")
        self.wait_until_told("limit: 49 -> 48.5")
        self.assertEqual(self.told()["count"], 1)
        self.config("set", "demo.reader", "limit=48.5")
        self.config("set", "demo.reader", "left=1", "right=2", "size=1M")
        gs.wait_for("all three are told", lambda: self.told()["count"] == 4)
        # A value that outgrows its place, and one that outgrows the whole map.
        self.config("set", "demo.reader", *[f"peers=10.0.0.{number}:502" for number in range(200)])
        gs.wait_for("the long list is read", lambda: self.read("peers").count(",") == 199)
        gs.wait_for("and told", lambda: self.told()["count"] == 5)

    def test_history_diff_and_rollback(self):
        self.up()
        self.config("set", "demo.reader", "limit=48", "left=1", "--why", "first")
        self.config("set", "demo.reader", "left=2", "mode=fast")
        self.config("set", "demo.reader", "left=3")
        history = self.json("history", "demo.reader")
        self.assertEqual([change["number"] for change in history], [3, 2, 1])
        self.assertEqual(history[2]["why"], "first")
        self.assertTrue(history[0]["by"].startswith("shell."))
        self.assertEqual(history[0]["changes"], [{"service": "demo.reader", "key": "left", "before": "2", "after": "3"}])
        self.assertEqual(len(self.json("history", "-n", "1")), 1)
        different = {row["key"]: row["value"] for row in self.json("diff", "demo.reader")}
        self.assertEqual(different, {"limit": "48", "left": "3", "mode": "fast"})
        since = {row["key"]: (row["before"], row["after"]) for row in self.json("diff", "demo.reader", "--since", "1")}
        self.assertEqual(since, {"left": ("1", "3"), "mode": ("slow", "fast")})
        self.assertIn("it would change 2 keys", self.config("rollback", "1", "--dry-run").stderr)
        self.assertEqual(self.read("left"), "3")
        self.config("rollback", "1", "--why", "back")
        self.assertEqual((self.read("left"), self.read("mode"), self.read("limit")), ("1", "slow", "48"))
        self.assertEqual(self.json("history")[0]["source"], "rollback")
        self.config("rollback")
        self.assertEqual((self.read("left"), self.read("mode")), ("3", "fast"))
        self.refused("rollback", "99", part="no change after 99")
        self.refused("rollback", "none", part="no number of a change")

    def test_keys_that_change_with_a_restart_only(self):
        self.up()
        before = self.system.services()["demo.reader"]["process"]
        self.refused("set", "demo.reader", "port=503", "left=5", part="demo.reader.port changes only with a restart")
        self.assertEqual((self.read("port"), self.read("left")), ("502", "0"))
        self.config("set", "demo.reader", "port=503", "left=5", "--restart")
        gs.wait_for("its successor reads the new one", lambda: self.system.services()["demo.reader"].get("process")
                    not in (None, before) and self.read("port") == "503")
        self.assertEqual(self.read("left"), "5")
        self.system.grove("stop", "demo.reader")
        self.config("set", "demo.reader", "port=504")
        self.system.grove("start", "demo.reader")
        self.assertEqual(self.read("port"), "504")

    def test_nobody_sees_half_a_change(self):
        self.up()
        wrong, stop = [], threading.Event()

        def look():
            while not stop.is_set():
                pair = self.system.call("demo.reader", "pair")
                if pair["left"] != pair["right"]:
                    wrong.append(pair)

        looker = threading.Thread(target=look)
        looker.start()
        for number in range(1, 40):
            self.config("set", "demo.reader", f"left={number}", f"right={number}")
        stop.set()
        looker.join()
        self.assertEqual(wrong, [])
        self.assertEqual(self.system.call("demo.reader", "pair"), {"left": 39, "right": 39})

    def test_watching_from_a_shell(self):
        self.up()
        watcher = subprocess.Popen([self.system.program, "config", "--run", self.system.run, "--state", self.system.state,
                                    "watch", "--json", "demo.reader"], stdout=subprocess.PIPE, text=True)
        self.addCleanup(watcher.stdout.close)
        self.addCleanup(watcher.wait)
        self.addCleanup(watcher.kill)
        line = None

        def first():
            nonlocal line
            line = watcher.stdout.readline()

        reader = threading.Thread(target=first)
        reader.start()
        number = 0
        while reader.is_alive():  # until the watch has begun, changes pass it by
            number += 1
            self.config("set", "demo.reader", f"left={number}")
            reader.join(0.1)
            self.assertLess(number, 200)
        change = gs.json.loads(line)["changes"][0]
        self.assertEqual((change["service"], change["key"]), ("demo.reader", "left"))
        self.assertEqual(int(change["after"]), int(change["before"] or 0) + 1)


class Validators(cs.ConfigTest):
    def up_with_validators(self):
        self.up({"reader": cs.manifest(self.system, "reader", "own"),
                 "judge": cs.manifest(self.system, "judge", "demo.reader.>",
                                      capabilities=["CONFIG_READ:demo.reader.>"])})

    def mode(self, service, mode):
        self.system.call(service, "mode", str(mode))

    def test_who_validates_may_refuse(self):
        self.up_with_validators()
        self.config("set", "demo.reader", "left=1")
        for service in ("demo.reader", "demo.judge"):
            self.wait_until_told("demo.reader.left: 0 -> 1", service)
        self.mode("demo.judge", 1)
        self.refused("set", "demo.reader", "left=2", "right=2",
                     part="demo.judge refuses the change: asked about demo.reader.left: 1 -> 2, and no")
        self.assertEqual((self.read("left"), self.read("right")), ("1", "0"))
        self.config("set", "demo.judge", "left=2")  # not what it asked to judge
        self.mode("demo.judge", 0)
        self.mode("demo.reader", 1)
        self.refused("set", "demo.reader", "left=2", part="demo.reader refuses the change")
        self.config("set", "demo.reader", "left=2", "--dry-run")
        self.write_file("a.yaml", "demo.reader: {right: 5}\n")
        self.refused("reload", part="demo.reader refuses")
        self.assertEqual(self.read("right"), "0")

    def test_who_dies_over_the_question_is_asked_again(self):
        self.up_with_validators()
        self.mode("demo.judge", 3)
        result = self.config("set", "demo.reader", "left=2")
        self.assertNotIn("without an answer", result.stderr)
        self.assertIn("demo.reader.left: 0 -> 2", self.told("demo.judge")["last"])
        self.assertEqual(self.system.services()["demo.judge"]["restarts"], 1)

    def test_who_is_late_is_cut_off_and_named(self):
        self.up_with_validators()
        self.mode("demo.judge", 2)
        result = self.config("set", "demo.reader", "left=4")
        self.assertIn("without an answer of demo.judge", result.stderr)
        self.assertEqual(self.read("left"), "4")
        self.assertEqual(self.json("history")[0]["silent"], 1)
        self.assertIn("demo.judge did not answer", self.logs("system.config"))
        result = self.config("set", "demo.reader", "left=5")
        self.assertNotIn("without an answer", result.stderr)
        before = self.system.services()["demo.judge"]["process"]
        self.system.grove("kill", "-s", "KILL", "demo.judge")
        gs.wait_for("its next instance is there", lambda: self.system.services()["demo.judge"].get("process") not in
                    (None, before) and self.system.state_of("demo.judge") == "ready")
        self.mode("demo.judge", 1)
        self.refused("set", "demo.reader", "left=6", part="demo.judge refuses")


if __name__ == "__main__":
    gs.main()
