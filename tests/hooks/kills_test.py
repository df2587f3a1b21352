"""Hooks, those that provide them and those that ask are killed at random moments: what is set stays, and what is asked is asked."""
import os
import random
import signal
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from hooks_test import GUARD, ONE, Hooks, gs  # noqa: E402

VICTIMS = ("system.hooks", "system.registry", "ops.guard")
ROUNDS = int(os.environ.get("HOOKS_ROUNDS", "9"))
RIGHTS = "capabilities:\n  - PROC_CONTROL:plant.>\n  - PROC_CONTROL:field.>\n"
# It is asked by those that are killed: a failure is not to leave it out.
RESTART = "restart: {policy: always, first-delay: 0s, delay: 1ms, delay-cap: 10ms, give-up: 0}\n"


class Kills(Hooks):
    """The tests of Hooks themselves are not made again."""

    def process(self, name):
        result = self.system.grove("ps", "--json", check=False)
        services = gs.json.loads(result.stdout) if result.returncode == 0 else []
        return next((service.get("process") for service in services if service["name"] == name
                     and service["state"] == "ready"), None)

    def kill(self, name):
        process = self.process(name)
        if process:
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def guard_says_no_to_plant(self):
        """It cannot be told so by a call, which its own death would undo: it is an operand of its manifest."""
        text = GUARD.replace("'${bin}/guard'", "'${bin}/guard', -no") % "before-start, 'plant.>', after-start, 'field.>'"
        self.up("ops", {"guard": text + RIGHTS + RESTART})
        gs.wait_for("both are set", lambda: len(self.hooks()) == 2)

    def is_refused(self):
        self.system.grove("start", "plant.one", check=False)
        return "says no: not today" in self.system.grove("why", "plant.one", check=False).stdout

    def test_at_random_moments_under_load(self):
        self.guard_says_no_to_plant()
        self.up("plant", {"one": ONE}, check=False)
        self.up("field", {"one": ONE})
        self.system.wait_for_state("field.one", "ready")
        chance = random.Random(int(os.environ.get("HOOKS_SEED", "4711")))
        for number in range(ROUNDS):
            self.kill(chance.choice(VICTIMS))
            if number % 3 == 0:
                self.system.grove("hooks", "set", "before-publish", "ops.guard", "--pattern", f"load.n{number}", check=False)
            self.system.grove("restart", "field.one", check=False)
            self.system.grove("start", "plant.one", check=False)
        for name in VICTIMS:
            gs.wait_for(f"{name} is back", lambda name=name: self.process(name))
        hooks = gs.wait_for("they are there", lambda: self.system.grove("hooks", "--json", check=False).returncode == 0
                            and self.hooks())
        keys = [(hook["point"], hook["pattern"]) for hook in hooks]
        self.assertEqual(len(keys), len(set(keys)), "none is there twice")
        self.assertLessEqual({("before-start", "plant.>"), ("after-start", "field.>")}, set(keys))
        gs.wait_for("a start is refused", self.is_refused, seconds=30)
        self.system.grove("restart", "field.one", check=False)
        self.system.wait_for_state("field.one", "ready")
        self.assertNotEqual(self.system.state_of("plant.one"), "ready")

    def test_what_is_acknowledged_as_set_outlives_a_death_at_once(self):
        self.guard_says_no_to_plant()
        for number in range(5):
            self.system.grove("hooks", "set", "before-publish", "ops.guard", "--pattern", f"load.n{number}")
            self.kill("system.hooks")
            self.assertIn(f"load.n{number}", [hook["pattern"] for hook in self.hooks()])
        self.system.grove("hooks", "clear", "before-publish", "ops.guard")
        self.kill("system.hooks")
        self.assertEqual(len(self.hooks()), 2)

    def test_a_registry_that_begins_anew_starts_nothing_unasked(self):
        """Its mask is gone with it: until it has heard of the mask it asks about everything."""
        self.guard()
        self.up("plant", {"one": ONE + RESTART})
        self.system.wait_for_state("plant.one", "ready")
        self.system.grove("hooks", "set", "before-start", "ops.guard", "--pattern", "plant.>")
        for number in range(5):
            self.become("yes")
            self.system.grove("start", "plant.one", check=False)
            self.system.wait_for_state("plant.one", "ready")
            self.become("no")
            service, registry = self.process("plant.one"), self.process("system.registry")
            os.kill(registry, signal.SIGSTOP)  # so that it does not hear of the death before its own
            os.kill(service, signal.SIGKILL)
            os.kill(registry, signal.SIGKILL)
            gs.wait_for("the registry is back", lambda registry=registry: self.process("system.registry")
                        not in (None, registry))
            self.assertEqual(self.system.wait_for_state("plant.one", "failed", "ready"), "failed", number)
            self.assertIn("says no: not today", self.system.grove("why", "plant.one").stdout)


for _name in [name for name in dir(Hooks) if name.startswith("test_")]:
    setattr(Kills, _name, None)
del Hooks

if __name__ == "__main__":
    gs.main()
