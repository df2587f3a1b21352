"""No heartbeat: a loop, a deadlock, a stopped process and a frozen container are told apart, and only what hangs is ended."""
import os
import signal
import subprocess

import health_system as hs

HEARTBEAT = "health: {kind: heartbeat, interval: 50ms, timeout: 200ms, failures: 2}\n"


class Hangs(hs.HealthTest):
    def hang(self, method, cause):
        """Make it hang, see why in the record of what was done, and that the next instance works."""
        before = self.process("h.a")
        caller = self.make_ill("h.a", method) if method else os.kill(before, signal.SIGSTOP)
        # The message that it hangs on would be delivered again: whoever sent it is gone by then.
        recovered = hs.wait_for("it is recovered", lambda: self.recovery("h.a").get("reason", "") and self.recovery("h.a"))
        if caller:
            caller.kill()
            caller.wait()
        self.assertEqual(recovered["cause"], "hang")
        self.assertIn("hung: heartbeat", recovered["reason"])
        hs.wait_for("the next instance works", lambda: self.process("h.a") not in (None, before) and
                    self.check("h.a", "heartbeat")["health"] == "ok")
        samples = self.system.json("health", "history", "h.a", "heartbeat")
        self.assertIn(cause, {sample["result"] for sample in samples})
        self.assertNotIn("starved", {sample["result"] for sample in samples})

    def test_a_loop_is_ended_and_comes_back(self):
        self.up(a=HEARTBEAT + "recovery: {hang: 20}\n")
        self.hang("loop", "looping")

    def test_a_deadlock_is_ended_and_comes_back(self):
        self.up(a=HEARTBEAT + "recovery: {hang: 20}\n")
        self.hang("block", "blocked")

    def test_a_stopped_process_is_ended_by_the_restart_policy(self):
        """Without `recovery:` the restart policy says what follows, and why is told by it."""
        self.up(a=HEARTBEAT)
        self.hang(None, "blocked")
        self.assertEqual(self.recovery("h.a")["hang"]["level"], 0)
        self.assertGreaterEqual(self.recovery("h.a")["hang"]["total"], 1)
        self.assertIn("no heartbeat", self.system.grove("logs", "system.reincarnation").stdout)

    def test_what_is_stopped_for_a_moment_only_is_left_alone(self):
        self.up(a="health: {kind: heartbeat, interval: 50ms, timeout: 200ms, failures: 10}\n")
        process = self.process("h.a")
        self.wait_for_check("h.a", "heartbeat", health="ok")
        failures = self.check("h.a", "heartbeat")["failures"]
        os.kill(process, signal.SIGSTOP)
        hs.wait_for("a try fails", lambda: self.check("h.a", "heartbeat")["failures"] > failures)
        os.kill(process, signal.SIGCONT)
        self.wait_for_check("h.a", "heartbeat", failures_in_row=0)
        self.assertEqual(self.process("h.a"), process)

    def test_a_frozen_one_is_degraded_and_never_ended(self):
        self.up(a=HEARTBEAT)
        process = self.process("h.a")
        self.wait_for_health("h.a", "ok")
        self.freeze("h.a", "freeze")
        record = self.wait_for_health("h.a", "degraded", cause="frozen")
        self.assertIn("frozen", record["reason"])
        tries = self.check("h.a", "heartbeat")["tries"]
        hs.wait_for("it is looked at again and again", lambda: self.check("h.a", "heartbeat")["tries"] > tries + 10)
        self.assertEqual(self.check("h.a", "heartbeat")["failures_in_row"], 0)
        self.freeze("h.a", "thaw")
        self.wait_for_health("h.a", "ok")
        self.assertEqual(self.process("h.a"), process)

    def test_the_limit_of_its_own_budget_is_a_reason_for_patience(self):
        """At the limit of its budget it could be slow and not hung: that is said, and it takes three times as long."""
        self.up(a=HEARTBEAT + "recovery: {hang: 20}\nresources: {processor: 10%}\n")
        self.wait_for_health("h.a", "ok")
        if os.geteuid() != 0:
            self.skipTest("a processor budget takes control groups, which a user does not have everywhere")
        caller = self.make_ill("h.a", "loop")
        self.wait_for_health("h.a", "degraded", cause="throttled")
        hs.wait_for("it is recovered", lambda: self.recovery("h.a").get("cause") == "hang")
        caller.kill()
        samples = [sample["result"] for sample in self.system.json("health", "history", "h.a", "heartbeat")]
        self.assertGreaterEqual(samples.count("throttled"), 6)

    def freeze(self, name, action):
        program = os.path.join(self.system.build, "tests", "health", "health-control")
        result = subprocess.run([program, os.path.join(self.system.run, "kernel.sock"), name, action],
                                capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(result.returncode, 0, result.stderr)


if __name__ == "__main__":
    hs.main()
