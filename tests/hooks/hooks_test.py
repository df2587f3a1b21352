"""Hooks over the points of the registry: what they see, what they stop, and how those that fail are cut off."""
import os
import signal
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from hook_guard import GUARD, Guarded, gs  # noqa: E402

CONTROL = "capabilities:\n  - PROC_CONTROL:plant\n  - PROC_CONTROL:plant.>\n"
ONE = "exec: ['${actors}/actor', echo, one]\n"


class Hooks(Guarded, gs.SystemTest):
    def setUp(self):
        super().setUp()
        self.bin = os.path.join(self.system.build, "musl", "tests", "hooks")

    def up(self, name, services, check=True):
        return self.system.grove("up", "--set", f"bin={self.bin}", "--set", f"actors={self.system.actors}", self.system.write_project(name, services), check=check)

    def guard(self, *points, capabilities=CONTROL):
        words = ", ".join(f"{point}, '{pattern}'" for point, pattern in points)
        self.up("ops", {"guard": GUARD % words + capabilities})

    def hooks(self):
        return self.system.json("hooks")

    # ---- what they see and stop ----

    def test_both_sides_of_a_start_and_a_registration_are_seen(self):
        self.guard(*((point, "plant.>") for point in ("before-load", "after-load", "before-start", "after-start")))
        self.up("plant", {"one": ONE})
        self.system.wait_for_state("plant.one", "ready")
        gs.wait_for("what comes after", lambda: len(self.seen()) == 4)
        points = [(point, subject) for point, subject, _, _ in self.seen()]
        self.assertEqual(sorted(points), sorted((point, "plant.one") for point in (
            "before-load", "after-load", "before-start", "after-start")))
        self.assertLess(points.index(("before-load", "plant.one")), points.index(("before-start", "plant.one")))
        load = next(line for line in self.seen() if line[0] == "before-load")
        self.assertEqual(load[2], "asked")
        self.assertGreater(int(load[3]), 392)  # the spec
        self.assertEqual(sorted(hook["asked"] for hook in self.hooks()), [1, 1, 1, 1])
        # What the pattern does not mean is not looked at.
        self.up("other", {"one": ONE})
        self.system.wait_for_state("other.one", "ready")
        self.assertEqual(sorted(hook["asked"] for hook in self.hooks()), [1, 1, 1, 1])

    def test_a_veto_stops_a_start_and_says_why(self):
        self.guard(("before-start", "plant.>"))
        self.become("no")
        self.up("plant", {"one": ONE}, check=False)
        self.system.wait_for_state("plant.one", "failed")
        self.assertIn("was not started: the hook ops.guard says no: not today", self.system.grove("why", "plant.one").stdout)
        self.assertIn("said no 1 times, the last time at before-start plant.one: not today",
                      self.system.grove("why", "ops.guard").stdout)
        self.become("yes")
        self.system.grove("start", "plant.one")
        self.system.wait_for_state("plant.one", "ready")

    def test_a_veto_stops_a_registration(self):
        self.guard(("before-load", "plant.>"))
        self.become("no")
        result = self.up("plant", {"one": ONE}, check=False)
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("plant.one was not registered: the hook ops.guard says no: not today", result.stderr)
        self.assertIsNone(self.system.state_of("plant.one"))
        self.become("yes")
        self.up("plant", {"one": ONE})
        self.system.wait_for_state("plant.one", "ready")

    # ---- cut off ----

    def test_late_dead_and_senseless_hooks_are_cut_off(self):
        self.guard(("before-start", "plant.>"))
        for manner, why in (("late", "did not answer"), ("nonsense", "answered with too little"),
                            ("change", "no meaning at this point")):
            self.become(manner)
            self.up("plant", {"one": ONE + f"description: {manner}\n"})
            self.system.wait_for_state("plant.one", "ready")
            (hook,) = self.hooks()
            self.assertIn(why, hook["last_failure"])
        self.assertEqual(hook["failures"], 3)
        self.assertGreater(hook["paused_ns"], 0)
        told = self.system.grove("why", "ops.guard").stdout
        self.assertIn("was cut off 3 times", told)
        self.assertIn("it is left out for a while", told)
        # Left out: it is not asked, so its veto is not heard.
        asked = hook["asked"]
        self.become("no")
        self.up("plant", {"one": ONE + "description: again\n"})
        self.system.wait_for_state("plant.one", "ready")
        self.assertEqual(self.hooks()[0]["asked"], asked)
        self.assertIn("a hook was cut off", self.system.grove("logs", "system.hooks").stdout)

    def test_a_hook_that_dies_when_it_is_asked_stops_nothing(self):
        self.guard(("before-start", "plant.>"))
        self.become("die")
        self.up("plant", {"one": ONE})
        self.system.wait_for_state("plant.one", "ready")
        # The next instance is asked again: the question waited in its channel, and it says yes.
        gs.wait_for("its next instance", lambda: self.system.services()["ops.guard"]["restarts"] >= 1)

    # ---- deaths of others ----

    def test_hooks_outlive_the_service_of_hooks_and_the_registry(self):
        self.guard(("before-start", "plant.>"))
        self.become("no")
        for victim in ("hooks", "registry", "hooks"):
            os.kill(self.system.services()[f"system.{victim}"]["process"], signal.SIGKILL)
            gs.wait_for("it is back", lambda: len(self.hooks()) == 1)
            self.up("plant", {"one": ONE + f"description: after {victim}\n"}, check=False)
            self.system.grove("start", "plant.one", check=False)
            gs.wait_for("the veto", lambda: "says no: not today" in self.system.grove("why", "plant.one").stdout)
            self.system.grove("down", "-p", "plant")

    def test_a_dead_service_of_hooks_holds_nothing_for_good(self):
        self.guard(("before-start", "plant.>"))
        process = self.system.services()["system.hooks"]["process"]
        os.kill(process, signal.SIGSTOP)
        try:
            self.up("plant", {"one": ONE}, check=False)
            self.system.wait_for_state("plant.one", "ready")  # the bound of whoever asks
        finally:
            os.kill(process, signal.SIGCONT)

    # ---- rights ----

    def test_who_sets_a_hook_holds_what_it_sees(self):
        self.guard(("before-start", "plant.>"), capabilities="")
        self.assertEqual(self.hooks(), [])
        told = gs.wait_for("its complaint", lambda: self.system.grove("logs", "ops.guard").stdout)
        self.assertIn("PROC_CONTROL:plant.>", told)
        self.assertIn("PROC_CONTROL", self.system.grove("why", "ops.guard").stdout)
        wrong = self.system.grove("hooks", "set", "before-start", "ops.nothing", check=False)
        self.assertEqual(wrong.returncode, 1)
        self.assertIn("no registered service provides the endpoint ops.nothing", wrong.stderr)
        self.assertEqual(self.system.grove("hooks", "set", "before-lunch", "ops.guard", check=False).returncode, 2)

    def test_a_person_sets_and_clears_hooks(self):
        self.guard()
        self.system.grove("hooks", "set", "before-start", "ops.guard", "--pattern", "plant.*", "--priority", "7")
        self.system.grove("hooks", "set", "before-start", "ops.guard", "--pattern", "plant.*", "--priority", "9")
        (hook,) = self.hooks()
        self.assertEqual((hook["pattern"], hook["priority"]), ("plant.*", 9))
        self.become("no")
        self.up("plant", {"one": ONE}, check=False)
        self.system.wait_for_state("plant.one", "failed")
        self.system.grove("hooks", "clear", "before-start", "ops.guard")
        self.assertEqual(self.hooks(), [])
        self.system.grove("start", "plant.one")
        self.system.wait_for_state("plant.one", "ready")

    def test_extensions_are_found_by_kind_and_version(self):
        self.guard(("before-start", "plant.>"))
        (extension,) = self.system.json("hooks", "--extensions")
        self.assertEqual(extension, {"kind": "protocol", "name": "guarding", "version": "1.2.0", "endpoint": "ops.guard",
                                     "owner": "ops.guard", "detail": "port=7"})
        os.kill(self.system.services()["system.hooks"]["process"], signal.SIGKILL)
        gs.wait_for("it is back with it", lambda: self.system.json("hooks", "--extensions") == [extension])

    def test_accounts(self):
        self.guard(("before-start", "plant.>"), ("after-start", "plant.>"))
        accounts = self.accounts()
        for round_number in range(5):
            self.up("plant", {"one": ONE + f"description: '{round_number}'\n"})
            self.system.wait_for_state("plant.one", "ready")
        descriptors = {name: gs.descriptors(self.system.services()[name]["process"])
                       for name in ("system.hooks", "system.registry")}
        for round_number in range(5, 15):
            self.up("plant", {"one": ONE + f"description: '{round_number}'\n"})
            self.system.wait_for_state("plant.one", "ready")
        gs.wait_for("no descriptor more than before", lambda: descriptors == {
            name: gs.descriptors(self.system.services()[name]["process"]) for name in descriptors})
        self.system.grove("down", "--all")
        self.assert_nothing_is_left(accounts)


if __name__ == "__main__":
    gs.main()
