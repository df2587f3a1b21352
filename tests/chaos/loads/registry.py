"""Services that come and go: a registration that was acknowledged is there, once; one that was taken back is gone."""
import re

import chaos_load

KEPT = 8  # registered at a time


class Load(chaos_load.Load):
    def __init__(self, system):
        super().__init__(system)
        self.number = 0
        self.registered, self.gone, self.unknown = [], set(), set()

    def step(self):
        if len(self.registered) >= KEPT:
            self.take_back(self.registered.pop(0))
        else:
            self.register()

    def register(self):
        self.number += 1
        name = f"chaos{self.number}"
        # On demand: it is registered and not started, so the registry alone has to do with it.
        text = f'exec: ["{self.system.actors}/actor", echo, one]\nprovides: [one]\non-demand: true'
        project = self.system.write_project(name, {"one": text})
        self.unknown.add(name)
        self.ask("up", "--timeout", f"{chaos_load.CALL_SECONDS}s", project)
        self.unknown.discard(name)
        self.registered.append(name)

    def take_back(self, name):
        self.unknown.add(name)
        self.ask("down", "--project", name)
        self.unknown.discard(name)
        self.gone.add(name)

    def names(self):
        listed = [entry["name"] for entry in chaos_load.gs.json.loads(self.ask("ps", "--json"))]
        return [name[:-len(".one")] for name in listed if re.fullmatch(r"chaos\d+\.one", name)]

    def problems(self):
        names = self.answered(self.names)
        found = [f"{name} is registered and not there" for name in self.registered if name not in names]
        found += [f"{name} was taken back and is there" for name in names if name in self.gone]
        found += [f"{name} is there twice" for name in set(names) if names.count(name) > 1]
        known = self.unknown.union(self.registered, self.gone)
        return found + [f"{name} is there and was never asked for" for name in names if name not in known]

    def end(self):
        for name in self.answered(self.names):
            self.answered(lambda name=name: self.ask("down", "--project", name))
        self.gone |= self.unknown.union(self.registered)
        self.registered, self.unknown = [], set()
