"""Restarts of a system service that are asked for: one that was acknowledged has been made."""
import chaos_load

SERVICE = "system.log"


class Load(chaos_load.Load):
    def __init__(self, system):
        super().__init__(system)
        self.idle = []  # generations that were the same after an acknowledged restart

    def generation(self):
        services = chaos_load.gs.json.loads(self.ask("ps", "--json"))
        found = [service.get("generation", 0) for service in services if service["name"] == SERVICE]
        if not found:
            raise chaos_load.Unanswered("it is not listed")
        return found[0]

    def step(self):
        before = self.generation()
        self.ask("restart", SERVICE)
        after = self.generation()
        if after <= before:
            self.idle.append(before)

    def problems(self):
        before = self.answered(self.generation)
        self.answered(lambda: self.ask("restart", SERVICE))
        found = [] if self.answered(self.generation) > before else ["the last restart was acknowledged and not made"]
        return found + [f"a restart was acknowledged and not made: generation {number}" for number in self.idle]
