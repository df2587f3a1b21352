"""What health is told to remember: sinks, which are on disk, and silences, which are in its state region; and what it finds.

A step adds a sink or a silence or takes one back, and has a check of a service tried. What was acknowledged is there, once.
"""
import chaos_load

KEPT = 6  # of each kind at a time
PROBED = "basic.counter"
KINDS = {"sink": "sinks", "silence": "silences"}  # the word that sets one: the word that lists them


class Load(chaos_load.Load):
    def __init__(self, system):
        super().__init__(system)
        self.number = 0
        self.set = {kind: [] for kind in KINDS}
        self.gone, self.unknown = set(), set()

    def tell(self, kind, name, is_there):
        """Sinks go to a port at which nobody listens; nothing is told to them, as nothing fails here that critically."""
        if kind == "sink":
            words = ["webhook", "http://127.0.0.1:9/", "--severity", "critical"] if is_there else ["remove"]
        else:
            words = ["1h" if is_there else "0s"]
        self.unknown.add(name)
        self.ask("health", kind, name, *words)
        self.unknown.discard(name)

    def step(self):
        kind = list(KINDS)[self.number % 2]
        self.number += 1
        if len(self.set[kind]) >= KEPT:
            name = self.set[kind].pop(0)
            self.tell(kind, name, False)
            self.gone.add(name)
        else:
            name = f"chaos{self.number}"
            self.tell(kind, name, True)
            self.set[kind].append(name)
        self.ask("health", "probe", PROBED)

    def names(self, kind):
        listed = chaos_load.gs.json.loads(self.ask("health", "--json", KINDS[kind]))
        return [entry["sink" if kind == "sink" else "pattern"] for entry in listed]

    def problems(self):
        found = []
        for kind, kept in self.set.items():
            names = self.answered(lambda kind=kind: self.names(kind))
            found += [f"the {kind} {name} was set and is not there" for name in kept if name not in names]
            found += [f"the {kind} {name} was taken back and is there" for name in names if name in self.gone]
            found += [f"the {kind} {name} is there twice" for name in sorted(set(names)) if names.count(name) > 1]
            found += [f"the {kind} {name} was never set" for name in names
                      if name not in self.gone and name not in kept and name not in self.unknown]
        return found

    def end(self):
        for kind in KINDS:
            for name in self.answered(lambda kind=kind: self.names(kind)):
                self.answered(lambda kind=kind, name=name: self.tell(kind, name, False))
            self.set[kind] = []
        self.gone, self.unknown = set(), set()
