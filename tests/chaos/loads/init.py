"""Restarts of a system service that are asked for: one that was acknowledged has been made."""
import chaos_load

SERVICE = "system.log"


class Load(chaos_load.Load):
    def __init__(self, system):
        super().__init__(system)
        self.idle = []  # generations that stayed after an acknowledged restart

    def generation(self):
        services = chaos_load.gs.json.loads(self.ask("ps", "--json"))
        found = [service.get("generation", 0) for service in services if service["name"] == SERVICE]
        if not found:
            raise chaos_load.Unanswered("it is not listed")
        return found[0]

    def is_made(self, before):
        """The command does not wait for the next instance, so it is waited for here."""
        def is_newer():
            try:
                return self.generation() > before
            except chaos_load.Unanswered:
                return False
        try:
            return chaos_load.gs.wait_for("the next instance", is_newer, seconds=5 * chaos_load.CALL_SECONDS)
        except AssertionError:
            return False

    def step(self):
        before = self.generation()
        self.ask("restart", SERVICE)
        if not self.is_made(before):
            self.idle.append(before)

    def problems(self):
        before = self.answered(self.generation)
        self.answered(lambda: self.ask("restart", SERVICE))
        if not self.is_made(before):
            self.idle.append(before)
        return [f"a restart was acknowledged and not made: generation {number}" for number in self.idle]

    def end(self):
        self.idle = []
