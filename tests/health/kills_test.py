"""Health, reincarnation, registry and init are killed at random moments while services crash, hang and are told things."""
import os
import random
import signal

import health_system as hs

SYSTEM = ("system.health", "system.reincarnation", "system.registry", "system.init")
ILL = ("health: {kind: heartbeat, interval: 50ms, timeout: 200ms, failures: 2}\n"
       "recovery: {crash: {restarts: 1000, delay: 5ms, delay-cap: 20ms}, hang: {restarts: 1000, delay: 5ms}}\n"
       "restart: {delay: 5ms, delay-cap: 20ms, give-up: 0}\n")


class Kills(hs.HealthTest):
    def test_all_in_random_order_and_nothing_is_lost(self):
        self.up(crashing=ILL, hanging=ILL, well=ILL)
        self.wait_for_health("h.well", "ok")
        accounts = self.accounts()
        descriptors = hs.gs.descriptors(self.system.kernel)
        chance = random.Random(int(os.environ.get("HEALTH_SEED", "4711")))
        told = {"h.crashing": 0, "h.hanging": 0, "h.well": 0}
        for _ in range(30):
            victim = chance.choice(SYSTEM + ("h.crashing", "h.hanging"))
            if victim == "h.hanging":
                process = self.process(victim)
                if process:
                    os.kill(process, signal.SIGSTOP)
            else:
                self.system.grove("kill", "-s", "KILL", victim, check=False)
            name = chance.choice(list(told))
            self.system.call(name, "add", str(told[name] + 1))
            told[name] += 1
        for name in SYSTEM:
            hs.wait_for(f"{name} is back", lambda name=name: self.is_ready(name))
        for name, count in told.items():
            self.wait_for_health(name, "ok")
            kept = self.system.call(name, "count")
            self.assertEqual((kept["count"], kept["doubled"]), (count, 0), name)
        self.assertEqual(self.health()[""], "ok")
        hs.wait_for("the kernel has its descriptors back",
                    lambda: hs.gs.descriptors(self.system.kernel) <= descriptors + 16)
        self.system.grove("down", "--all")
        self.assert_nothing_is_left(accounts)

    def is_ready(self, name):
        result = self.system.grove("ps", "--json", check=False)
        if result.returncode != 0:
            return False
        return {service["name"]: service for service in hs.gs.json.loads(result.stdout)}.get(name, {}).get("state") == "ready"

    def test_one_that_was_given_up_stays_so_whoever_dies(self):
        self.up(a="recovery: {crash: {restarts: 0, then: [give-up]}}\n")
        self.system.grove("kill", "-s", "KILL", "h.a")
        self.system.wait_for_state("h.a", "given-up")
        for name in SYSTEM:
            self.system.grove("kill", "-s", "KILL", name, check=False)
            hs.wait_for(f"{name} is back", lambda name=name: self.is_ready(name))
            self.assertEqual(self.system.state_of("h.a"), "given-up", name)
        self.wait_for_health("h.a", "failing")

    def test_health_that_stands_still_is_replaced(self):
        """The watchdog of reincarnation takes half minutes for this; what is asked here is that nobody else waits for it."""
        self.up(a=ILL)
        process = self.process("system.health")
        os.kill(process, signal.SIGSTOP)
        before = self.process("h.a")
        self.system.grove("kill", "-s", "KILL", "h.a")
        hs.wait_for("another instance", lambda: self.process("h.a") not in (None, before))
        os.kill(process, signal.SIGCONT)
        self.wait_for_health("h.a", "ok")


if __name__ == "__main__":
    hs.main()
