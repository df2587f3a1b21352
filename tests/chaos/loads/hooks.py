"""Hooks that come and go, and one that says no: what was set and acknowledged is set, once, and is asked.

A step sets a hook or clears one. When the service is back, a start over which a hook says no is refused.
"""
import os

import chaos_load

KEPT = 6
GUARD = """exec: ['{folder}/guard', before-start, 'chaosvetoed.>']
provides:
  - name: guard
    methods:
      - {{number: 1, name: become, request: "manner:text"}}
requires: [system.hooks]
capabilities: ['PROC_CONTROL:chaosvetoed.>']
restart: {{policy: always, delay: 5ms, delay-cap: 50ms, give-up: 0}}
"""
ENDPOINT = "chaosguard.guard"
VETOED = "chaosvetoed.one"


class Load(chaos_load.Load):
    def __init__(self, system):
        super().__init__(system)
        self.number = 0
        self.set, self.gone, self.unknown = [], set(), set()

    def begin(self):
        folder = os.path.join(self.system.build, "musl", "tests", "hooks")
        self.system.grove("up", self.system.write_project("chaosguard", {"guard": GUARD.format(folder=folder)}))
        self.system.call(ENDPOINT, "become", "no")
        self.system.grove("up", self.system.write_project("chaosvetoed", {
            "one": f'exec: ["{self.system.actors}/actor", echo, one]\nprovides: [one]\non-demand: true\n'}))

    def step(self):
        """One endpoint and pattern at each of two points, so that a clear, which is of all patterns, is of one hook."""
        self.number += 1
        if len(self.set) >= KEPT:
            self.clear(self.set.pop(0))
        else:
            point = next(point for point in ("before-load", "after-load", "after-start", "before-publish", "after-publish",
                                             "before-write", "after-write") if not self.is_in_use(point))
            pattern = f"chaos{self.number}.>"
            self.unknown.add((point, pattern))
            self.ask("hooks", "set", point, ENDPOINT, "--pattern", pattern)
            self.unknown.discard((point, pattern))
            self.set.append((point, pattern))

    def is_in_use(self, point):
        return any(kept == point for kept, _ in self.set)

    def clear(self, hook):
        self.unknown.add(hook)
        of_point = {each for each in self.unknown if each[0] == hook[0]}
        self.ask("hooks", "clear", hook[0], ENDPOINT)
        self.unknown -= of_point
        self.gone |= of_point

    def listed(self):
        hooks = chaos_load.gs.json.loads(self.ask("hooks", "--json"))
        return [(hook["point"], hook["pattern"]) for hook in hooks if hook["pattern"].startswith("chaos")
                and hook["point"] != "before-start"]

    def problems(self):
        listed = self.answered(self.listed)
        found = [f"the hook {hook} was set and is not there" for hook in self.set if hook not in listed]
        found += [f"the hook {hook} was cleared and is there" for hook in listed if hook in self.gone]
        found += [f"the hook {hook} is there twice" for hook in sorted(set(listed)) if listed.count(hook) > 1]
        found += [f"the hook {hook} was never set" for hook in listed
                  if hook not in self.gone and hook not in self.set and hook not in self.unknown]
        return found + self.unheard()

    def unheard(self):
        """One that has failed is left out for a while, and asked again by itself."""
        def is_refused():
            self.answered(lambda: self.ask("stop", VETOED))
            try:
                self.ask("start", VETOED)
            except chaos_load.Unanswered:
                pass  # the refusal may be its answer
            return "says no" in self.answered(lambda: self.ask("why", VETOED))
        try:
            chaos_load.gs.wait_for("the hook is heard", is_refused, seconds=30)
        except AssertionError:
            return ["a start was not refused, over which a hook says no"]
        return []

    def end(self):
        for point, pattern in self.answered(self.listed):
            self.answered(lambda point=point, pattern=pattern: self.clear_if_there((point, pattern)))
        self.set, self.gone, self.unknown = [], set(), set()

    def clear_if_there(self, hook):
        if hook in self.listed():
            self.clear(hook)
