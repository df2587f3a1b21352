"""What is done about failures: ladders by cause, escalation in order, giving up, and the built-in policy when nobody decides."""
import json
import os
import signal
import subprocess
import time

import health_system as hs


class Recovery(hs.HealthTest):
    def crash(self, name):
        """Kill its process and wait for what follows: another instance, or a state in which there is none."""
        before = self.process(name)
        self.system.grove("kill", "-s", "KILL", name)
        return before

    def wait_for_next(self, name, before):
        return hs.wait_for(f"another instance of {name}", lambda: self.system.state_of(name) == "ready" and
                           self.process(name) not in (None, before) and self.process(name))

    def test_restarts_grow_escalate_and_end(self):
        self.up(a="recovery: {crash: {restarts: 2, delay: 50ms, then: [dependents, tree, give-up]}}\nrequires: [base]\n",
                base="", b="requires: [a]\n", c="requires: [b]\n", other="")
        steps = []
        for wanted in ("itself", "itself", "dependents", "tree"):
            before = {name: self.process(f"h.{name}") for name in ("base", "a", "b", "c", "other")}
            self.crash("h.a")
            self.wait_for_next("h.a", before["a"])
            hs.wait_for(f"the step {wanted} is remembered", lambda wanted=wanted, steps=steps:
                        self.recovery("h.a").get("step") == wanted and
                        self.recovery("h.a")["crash"]["total"] == len(steps) + 1)
            steps.append(wanted)
            for name in ("b", "c") if wanted in ("dependents", "tree") else ():
                self.wait_for_next(f"h.{name}", before[name])
            if wanted == "tree":
                self.wait_for_next("h.base", before["base"])
            else:
                self.assertEqual(self.process("h.base"), before["base"], wanted)
            if wanted == "itself":
                self.assertEqual(self.process("h.b"), before["b"])
            self.assertEqual(self.process("h.other"), before["other"], "what has nothing to do with it goes on")
            order = {"itself": (), "dependents": ("a", "b", "c"), "tree": ("base", "a", "b", "c")}[wanted]
            self.assert_started_in_order(*order)
        self.crash("h.a")
        self.system.wait_for_state("h.a", "given-up")
        self.assertIn("gave up", self.system.services()["h.a"]["reason"])
        self.wait_for_health("h.a", "failing", cause="down")
        self.assertEqual(hs.wait_for("it is an alert", lambda: self.alerts("h.a").get("state"))["severity"], "critical")
        self.assertEqual(self.system.grove("health", check=False).returncode, 1)
        # Who starts it gives it a new chance: from the bottom of the ladder.
        self.system.grove("start", "h.a")
        self.wait_for_next("h.a", self.crash("h.a"))
        hs.wait_for("it begins anew", lambda: self.recovery("h.a")["crash"]["level"] == 1)
        hs.wait_for("the alert is over", lambda: "state" not in self.alerts("h.a"))

    def assert_started_in_order(self, *names):
        """Each runs for longer than those that require it."""
        services = self.system.services()
        spans = [services[f"h.{name}"]["uptime_ns"] for name in names]
        self.assertEqual(spans, sorted(spans, reverse=True), names)

    def test_quiet_time_takes_steps_down_again(self):
        """One has been quiet for as long as heals a step when it fails again; the other, beside it, never heals."""
        self.up(a="recovery: {crash: {restarts: 9, heal: 300ms}}\n", b="recovery: {crash: {restarts: 9, heal: 0s}}\n")
        for _ in range(2):
            for name in ("h.a", "h.b"):
                process = self.wait_for_next(name, self.crash(name))
                hs.wait_for("it has been quiet for more than that", lambda name=name, process=process:
                            self.process(name) == process and self.system.services()[name]["uptime_ns"] > 600_000_000)
        hs.wait_for("both are remembered", lambda: all(
            self.recovery(name).get("crash", {}).get("total") == 2 for name in ("h.a", "h.b")))
        self.assertEqual([self.recovery(name)["crash"]["level"] for name in ("h.a", "h.b")], [1, 2])

    def test_a_tree_stops_from_the_outside_in(self):
        self.up(a="recovery: {crash: {restarts: 0, then: [tree]}}\nrequires: [base]\n", base="", b="requires: [a]\n",
                c="requires: [b]\n")
        listener = self.listen("capability.>", "-r")
        hs.wait_for("it listens", lambda: "capability.>" in self.system.grove("sub", "--list").stdout)
        before = {name: self.process(f"h.{name}") for name in ("base", "a", "b", "c")}
        self.crash("h.a")
        for name, process in before.items():
            self.wait_for_next(f"h.{name}", process)
        ended, started = [], []
        while len(started) < 4:
            event = json.loads(listener.stdout.readline())
            kind, _, name = event["subject"].partition(".h.")
            if kind == "capability.stopped":
                ended.append(name)
            if kind == "capability.ready":
                started.append(name)
        self.assertEqual((ended, started), (["c", "b", "base"], ["base", "a", "b", "c"]))

    def test_causes_have_ladders_of_their_own(self):
        self.up(a="health: {kind: heartbeat, interval: 50ms, timeout: 200ms, failures: 2}\n"
                  "recovery: {crash: 9, hang: 9}\n")
        self.wait_for_next("h.a", self.crash("h.a"))
        before = self.process("h.a")
        os.kill(before, signal.SIGSTOP)
        self.wait_for_next("h.a", before)
        found = hs.wait_for("both are remembered", lambda: self.recovery("h.a").get("hang", {}).get("total") == 1 and
                            self.recovery("h.a"))
        self.assertEqual((found["crash"]["total"], found["crash"]["level"], found["hang"]["level"]), (1, 1, 1))
        # The ladders are in the state region of reincarnation.
        self.system.grove("kill", "-s", "KILL", "system.reincarnation")
        self.wait_for_next("h.a", self.crash("h.a"))
        found = hs.wait_for("it goes on", lambda: self.recovery("h.a").get("crash", {}).get("total") == 2 and
                            self.recovery("h.a"))
        self.assertEqual(found["hang"]["total"], 1)

    def test_a_failed_check_is_recovered_and_a_warning_is_not(self):
        folder = self.system.write_project("h", {"a": self.manifest("a", "requires: [system.health]\nrecovery: {check: 50}\n",
                                                                    "extension")})
        self.system.grove("up", folder)
        self.wait_for_health("h.a", "ok")
        before = self.process("h.a")
        self.system.call("h.a", "well", "0") # one registered check is critical: the next instance is well again
        self.wait_for_next("h.a", before)
        found = hs.wait_for("it is remembered", lambda: self.recovery("h.a"))
        self.assertEqual(found["cause"], "check")
        self.assertIn("not well: reported", found["reason"])
        self.wait_for_health("h.a", "ok")

    def test_nobody_decides_and_the_registry_goes_on_by_itself(self):
        """Law 11: a policy that stalls is replaced by the built-in default. Stopped, it is late; then it is not asked."""
        self.up(a="recovery: {crash: 1000}\nrestart: {first-delay: 0s, delay: 10ms, delay-cap: 20ms, give-up: 0}\n")
        decider = self.process("system.reincarnation")
        os.kill(decider, signal.SIGSTOP)
        try:
            for _ in range(3):
                self.wait_for_next("h.a", self.crash("h.a"))
        finally:
            os.kill(decider, signal.SIGCONT)
        self.assertEqual(self.system.services()["h.a"]["restarts"], 3)
        # What it decides too late is decided already: nothing is done twice.
        hs.wait_for("it asks again", lambda: self.system.grove("health", "recovery", check=False).returncode == 0)
        process = self.process("h.a")
        self.wait_for_next("h.a", self.crash("h.a"))
        hs.wait_for("it decides again", lambda: self.recovery("h.a").get("crash", {}).get("total", 0) >= 1)
        self.assertEqual(self.system.services()["h.a"]["restarts"], 4)
        self.assertNotEqual(self.process("h.a"), process)

    def test_what_it_was_told_survives_a_hang(self):
        self.up(a="health: {kind: heartbeat, interval: 50ms, timeout: 200ms, failures: 2}\nrecovery: {hang: 20, crash: 20}\n")
        for number in range(1, 31):
            self.system.call("h.a", "add", str(number))
            if number % 10 == 0:
                before = self.process("h.a")
                os.kill(before, signal.SIGSTOP if number != 20 else signal.SIGKILL)
                if number != 20:
                    self.wait_for_next("h.a", before)
        count = hs.wait_for("it counts", lambda: self.system.call("h.a", "count"))
        self.assertEqual((count["count"], count["doubled"]), (30, 0))

    def test_the_bus_is_told_what_was_seen_and_done(self):
        self.up(a="health: {kind: heartbeat, interval: 50ms, timeout: 200ms, failures: 2}\n"
                  "recovery: {hang: 20, crash: {restarts: 0, then: [dependents]}}\n")
        self.wait_for_health("h.a", "ok")
        listeners = {pattern: self.listen(pattern, "-n", "1") for pattern in
                     ("health.changed.h.a", "health.alert.h.a", "reincarnation.restart.h.a", "reincarnation.escalated.h.a")}
        hs.wait_for("all listen", lambda: all(pattern in self.system.grove("sub", "--list").stdout for pattern in listeners))
        before = self.process("h.a")
        os.kill(before, signal.SIGSTOP)
        self.wait_for_next("h.a", before)
        self.crash("h.a")
        told = {pattern: self.first(listener) for pattern, listener in listeners.items()}
        self.assertEqual(told["health.changed.h.a"]["health"], "failing")
        self.assertEqual((told["health.alert.h.a"]["severity"], told["health.alert.h.a"]["state"]), ("critical", "raised"))
        self.assertEqual((told["reincarnation.restart.h.a"]["cause"], told["reincarnation.restart.h.a"]["step"]),
                         ("hang", "itself"))
        self.assertEqual((told["reincarnation.escalated.h.a"]["cause"], told["reincarnation.escalated.h.a"]["step"]),
                         ("crash", "dependents"))

    def listen(self, pattern, *options):
        listener = subprocess.Popen([self.system.program, "sub", "--run", self.system.run, "--state", self.system.state,
                                     "--json", *options, pattern], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                    text=True)
        self.addCleanup(listener.stdout.close)
        self.addCleanup(listener.wait)
        self.addCleanup(listener.kill)
        return listener

    @staticmethod
    def first(listener):
        """The payload of the event that it heard; the same names stand in it for all events of one kind."""
        output, _ = listener.communicate(timeout=60)
        return json.loads(json.loads(output)["data"])

    def test_a_crash_at_once_is_restarted_at_once(self):
        """With a policy the first restart waits for nothing: not for the half second in which the registry would."""
        self.up(a="recovery: {crash: {restarts: 1000, heal: 1ms}}\n")
        spans = []
        for _ in range(5):
            begin = time.monotonic()
            self.wait_for_next("h.a", self.crash("h.a"))
            spans.append(time.monotonic() - begin)
        registry = {record["name"]: record for record in self.system.json("health", "recovery")}["h.a"]
        self.assertEqual(registry["crash"]["total"], 5, spans)


if __name__ == "__main__":
    hs.main()
