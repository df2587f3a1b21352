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
        self.failures, self.counted_each = 0, 1
        self.values, self.changes = {}, []
        self.kept = {kind: [] for kind in ("sink", "silence", "hook", "token")}
        self.is_refusing = True

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
        services += [{"name": name, "generation": self.generation, "state": "ready"}
                     for name in ("system.log", "chaosrecovery.victim")]
        return chaos_load.gs.json.dumps(services)

    def do_kill(self, *arguments):
        self.generation += self.restarts
        self.failures += self.counted_each
        return ""

    def change(self, kind, name, is_there):
        """Sinks, silences, hooks and tokens come and go; what comes is kept as `keeps` says, what goes if it does."""
        if is_there:
            self.kept[kind] += self.keeps(name)
        elif self.keeps(name):
            self.kept[kind] = [kept for kept in self.kept[kind] if kept != name]

    def do_health(self, *words):
        verb = words[1] if words[0] == "--json" else words[0]
        if words[0] != "--json" and verb != "probe":
            self.change(verb, words[1], words[2] not in ("remove", "0s"))
        lists = {"sinks": [{"sink": name} for name in self.kept["sink"]], "recovery": [{"crash": {"total": self.failures}}],
                 "silences": [{"pattern": name} for name in self.kept["silence"]]}
        return chaos_load.gs.json.dumps(lists.get(verb))

    def do_hooks(self, *words):
        if words[0] == "set":
            self.change("hook", (words[1], words[-1]), True)
        elif words[0] == "clear":
            for hook in [hook for hook in self.kept["hook"] if hook[0] == words[1]]:
                self.change("hook", hook, False)
        return chaos_load.gs.json.dumps([{"point": point, "pattern": pattern} for point, pattern in self.kept["hook"]])

    def do_start(self, *arguments):
        return ""

    do_stop = do_start

    def do_why(self, *arguments):
        return "the hook chaosguard.guard says no" if self.is_refusing else ""

    def do_token(self, *words):
        if words[1] == "add" or words[0] == "remove":
            self.change("token", words[2] if words[1] == "add" else words[1], words[1] == "add")
        return chaos_load.gs.json.dumps([{"name": name} for name in self.kept["token"]] if "list" in words else
                                        {"token": "secret"})

    def do_config(self, *words):
        if words[0] == "set":
            for number in self.keeps(words[-1]):
                self.changes.insert(0, {"why": number, "changes": [{"key": key, "after": number} for key in ("left", "right")]})
        return chaos_load.gs.json.dumps(self.changes)

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
        if "pair" in arguments:
            newest = int(self.changes[0]["why"])
            return chaos_load.gs.json.dumps({"left": newest, "right": newest})
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
        for service in ("registry", "log", "init", "store", "any", "config", "health", "hooks", "reincarnation"):
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

    def test_a_change_of_configuration_that_is_lost_doubled_or_half_is_found(self):
        lost = problems_after("config", FalseSystem(lambda why: [] if why == "5" else [why]))
        self.assertEqual(lost, ["change 5 was acknowledged and is not in the history"])
        doubled = problems_after("config", FalseSystem(lambda why: [why, why] if why == "5" else [why]))
        self.assertIn("has changes twice", doubled[0])
        system = FalseSystem()
        load = chaos.load_class("config")(system)
        load.step()
        system.changes[0]["changes"][0]["after"] = "0"
        self.assertIn("half there", load.problems()[0])

    def test_a_reader_that_stays_behind_is_found(self):
        system = FalseSystem()
        system.do_call = lambda *arguments: '{"left": 1, "right": 1}'
        self.assertIn("is the newest, and the reader has", problems_after("config", system)[0])

    def test_sinks_silences_and_hooks_that_are_lost_doubled_or_come_back_are_found(self):
        for service, names in (("health", ("chaos5", "chaos6")), ("hooks", (("before-load", "chaos1.>"),) * 2)):
            for name in names:
                for keeps, words in ((lambda other, name=name: [] if other == name else [other], "was set and is not there"),
                                     (lambda other, name=name: [other, other] if other == name else [other], "is there twice")):
                    self.assertTrue(any(words in problem for problem in problems_after(service, FalseSystem(keeps), 5 if
                                    service == "hooks" else 8)), (service, name, words))
            system = FalseSystem()
            load = chaos.load_class(service)(system)
            for _ in range(20):
                load.step()
            gone = sorted(load.gone)[0]
            system.kept["hook" if service == "hooks" else "sink"].append(gone)
            self.assertTrue(any("and is there" in problem for problem in load.problems()), service)

    def test_a_hook_that_is_not_heard_is_found(self):
        system = FalseSystem()
        system.is_refusing = False
        self.assertIn("a start was not refused", problems_after("hooks", system, 1)[0])

    def test_failures_that_are_not_restarted_or_counted_wrongly_are_found(self):
        for counted in (0, 2):
            system = FalseSystem()
            system.counted_each, system.failures = counted, 0
            self.assertNotEqual(problems_after("reincarnation", system, 2), [], counted)
        system = FalseSystem()
        system.restarts = 2
        self.assertTrue(any("restarts" in problem for problem in problems_after("reincarnation", system, 2)))

    def test_tokens_and_numbers_of_the_gateway_that_are_wrong_are_found(self):
        system = FalseSystem()
        load = chaos.load_class("nats")(system)
        system.kept["token"], load.tokens, load.gone = ["user", "a", "b"], ["a"], {"b"}
        self.assertEqual(load.problems(), ["the token b was removed and is there"])
        system.kept["token"], load.received = ["a", "a"], [1, 2, 2]
        self.assertEqual(load.problems(), ["the token user was made and is not there", "the token a is there twice",
                                           "numbers came twice: [2]"])

    def test_pages_that_are_wrong_are_found(self):
        told = 'grove_metrics_service_answered{service="system.resource"} 1\n'
        good = told + "".join(f'grove_resource_starts_total{{service="{name}"}} 2\n' for name in ("basic.counter", "basic.teller"))
        for pages, words in (((good, good), None), ((good, good.replace("} 2", "} 1")), "went from 2.0 to 1.0"),
                             ((good + "grove_cut{serv",), "no line of a page"), ((good + good,), "twice on the page"),
                             (("",), None), ((told,), "basic.counter runs and is not on the page")):
            load = chaos.load_class("metrics")(FalseSystem())
            for page in pages:
                load.judge(page)
            load.fetch = lambda good=good: good
            self.assertEqual(any(words in problem for problem in load.problems()) if words else load.problems(),
                             True if words else [], pages)


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
