"""The checks of the matrix find what they are there for: each load is run against a system that plays false."""
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import chaos  # noqa: E402
import chaos_load  # noqa: E402

chaos_load.gs.DEADLINE_SECONDS = 1
wait_for = chaos_load.gs.wait_for
chaos_load.gs.wait_for = lambda what, condition, seconds=1: wait_for(what, condition, min(seconds, 1))


class Answer:
    def __init__(self, returncode=0, stdout="", stderr="no"):
        self.returncode, self.stdout, self.stderr = returncode, stdout, stderr


class FalseSystem:
    """A system that answers everything and keeps what `keeps` says of it."""

    actors = "/actors"

    def __init__(self, keeps=lambda name: [name]):
        self.keeps, self.names, self.lines = keeps, [], []
        self.told = self.counted = 5
        self.generation, self.restarts = 1, True
        self.values = {}

    def write_project(self, name, services):
        return name

    def grove(self, command, *arguments, check=True, timeout=0):
        handler = getattr(self, "do_" + command)
        return Answer(0, handler(*arguments))

    def do_up(self, *arguments):
        self.names += self.keeps(arguments[-1])
        return ""

    def do_down(self, *arguments):
        self.names = [name for name in self.names if name != arguments[-1] or not self.keeps(name)]
        return ""

    def do_ps(self, *arguments):
        services = [{"name": f"{name}.one"} for name in self.names]
        return chaos_load.gs.json.dumps(services + [{"name": "system.log", "generation": self.generation}])

    def do_store(self, verb, space, key, value=None):
        if verb == "set" and self.keeps(value):
            self.values[key] = value
        return self.values[key] if verb == "get" else ""

    def do_restart(self, *arguments):
        self.generation += self.restarts
        return ""

    def do_call(self, *arguments):
        if "say" in arguments:
            self.lines += self.keeps(arguments[-1])
            return "{}"
        return chaos_load.gs.json.dumps({"told": self.told, "count": self.counted})

    def do_logs(self, *arguments):
        return "\n".join(self.lines)


def problems_after(service, system, steps=12):
    load = chaos.load_class(service)(system)
    for _ in range(steps):
        load.step()
    return load.problems()


class Loads(unittest.TestCase):
    def test_a_true_system_passes(self):
        for service in ("registry", "log", "init", "store", "any"):
            self.assertEqual(problems_after(service, FalseSystem()), [], service)

    def test_a_registration_that_is_lost_is_found(self):
        found = problems_after("registry", FalseSystem(lambda name: [] if name == "chaos5" else [name]))
        self.assertTrue(any("chaos5 is registered and not there" in problem for problem in found), found)

    def test_a_registration_that_is_there_twice_is_found(self):
        found = problems_after("registry", FalseSystem(lambda name: [name, name] if name == "chaos5" else [name]))
        self.assertTrue(any("chaos5 is there twice" in problem for problem in found), found)

    def test_a_service_that_comes_back_is_found(self):
        system = FalseSystem()
        load = chaos.load_class("registry")(system)
        for _ in range(12):
            load.step()
        system.names.append(sorted(load.gone)[0])
        self.assertTrue(any("was taken back and is there" in problem for problem in load.problems()))

    def test_a_line_that_is_lost_is_found(self):
        lose = "line 7 of the chaos"
        found = problems_after("log", FalseSystem(lambda line: [] if line == lose else [line]))
        self.assertIn("1 of", found[0])

    def test_a_line_that_was_said_to_be_dropped_is_not_lost(self):
        lose = "line 7 of the chaos"
        said = f"{len(lose)} bytes were dropped here: the log could not be written"
        self.assertEqual(problems_after("log", FalseSystem(lambda line: [said] if line == lose else [line])), [])
        too_little = "3 bytes were dropped here: the log could not be written"
        self.assertNotEqual(
            problems_after("log", FalseSystem(lambda line: [too_little] if line == lose else [line])), [])

    def test_a_value_that_is_lost_is_found(self):
        found = problems_after("store", FalseSystem(lambda value: [] if value == "12" else [value]))
        self.assertEqual(found, ["key4 is 4, and 12 was written"])

    def test_numbers_of_the_bus_that_are_lost_or_handled_twice_are_found(self):
        load = chaos.load_class("bus")(None)
        load.told = lambda: 5
        for count, doubled, missed, problems in ((5, 0, 0, 0), (4, 0, 0, 1), (5, 1, 0, 1), (6, 1, 2, 2)):
            load.count = lambda: {"count": count, "doubled": doubled, "missed": missed}  # noqa: B023
            self.assertEqual(len(load.problems()), problems, (count, doubled, missed))

    def test_a_restart_that_was_not_made_is_found(self):
        system = FalseSystem()
        system.restarts = False
        self.assertIn("acknowledged and not made", problems_after("init", system, 1)[0])

    def test_numbers_that_are_lost_or_counted_twice_are_found(self):
        for counted in (4, 9):
            system = FalseSystem()
            system.counted = counted
            self.assertEqual(len(problems_after("any", system, 1)), 1, counted)


class Matrix(unittest.TestCase):
    def test_what_has_grown_is_found(self):
        before = {what: {"all": 10} for what in chaos.SLACK}
        self.assertEqual(chaos.grown(before, before), [])
        for what, slack in chaos.SLACK.items():
            now = {**before, what: {"all": 10 + slack + 1}}
            self.assertEqual(chaos.grown(before, now), [f"{what} all: 10 before, {10 + slack + 1} now"])
        self.assertEqual(len(chaos.grown(before, {**before, "descriptors": {"all": 10, "new": 7}})), 1)

    def test_the_short_run_tries_every_fault_and_every_service(self):
        for services in (["a"], ["a", "b", "c"], [f"s{number}" for number in range(25)]):
            chosen = chaos.cells(services, chaos.chaos_faults.ALL, True)
            self.assertEqual({kind for kinds in chosen.values() for kind in kinds}, set(chaos.chaos_faults.ALL))
            self.assertTrue(all(chosen.values()))

    def test_a_load_that_breaks_is_told(self):
        class Broken(chaos_load.Load):
            def step(self):
                raise ValueError("broken")
        driver = chaos.Driver(Broken(None))
        driver.join()
        self.assertIsNone(driver.await_operations(0, 1))
        self.assertIn("broken", driver.breakdown)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=1)
