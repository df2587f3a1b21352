"""Failures of a service with a policy: each is followed by one restart, and by one step of the ladder at most.

A step kills the service; it is acknowledged when the next instance is ready. While reincarnation does not decide, the registry
does, so a failure may be missing in the ladder; when it is back each is counted.
"""
import chaos_load

VICTIM = "chaosrecovery.victim"
MANIFEST = ('exec: ["{actors}/actor", echo, victim]\nprovides: [victim]\n'
            "recovery: {{crash: {{restarts: 1000, delay: 1ms, delay-cap: 1ms, heal: 10ms}}}}\n"
            "restart: {{policy: always, first-delay: 0s, delay: 1ms, delay-cap: 10ms, give-up: 0}}\n")


class Load(chaos_load.Load):
    def __init__(self, system):
        super().__init__(system)
        self.kills = 0
        self.first = None  # the generation before the first of them

    def begin(self):
        self.system.grove("up", self.system.write_project("chaosrecovery", {
            "victim": MANIFEST.format(actors=self.system.actors)}))
        self.system.wait_for_state(VICTIM, "ready")

    def victim(self):
        services = chaos_load.gs.json.loads(self.ask("ps", "--json"))
        found = [service for service in services if service["name"] == VICTIM]
        if not found or found[0]["state"] != "ready":
            raise chaos_load.Unanswered(f"{VICTIM} is not ready")
        return found[0]

    def is_next(self, generation):
        try:
            return self.victim()["generation"] > generation
        except chaos_load.Unanswered:
            return False

    def step(self):
        generation = self.victim()["generation"]
        if self.first is None:
            self.first = generation
        self.ask("kill", "-s", "KILL", VICTIM)
        self.kills += 1
        try:
            chaos_load.gs.wait_for("the next instance", lambda: self.is_next(generation), seconds=chaos_load.CALL_SECONDS)
        except AssertionError as problem:
            raise chaos_load.Unanswered(str(problem)) from problem

    def counted(self):
        """Failures in the memory of reincarnation."""
        records = chaos_load.gs.json.loads(self.ask("health", "--json", "recovery", VICTIM))
        return records[0].get("crash", {}).get("total", 0) if records else 0

    def problems(self):
        found = []
        kills = self.kills
        restarts = self.answered(self.victim)["generation"] - (self.first or 0) if kills else 0
        if restarts != kills:
            found.append(f"{kills} failures were followed by {restarts} restarts")
        before = self.answered(self.counted)
        if before > kills:
            found.append(f"{kills} failures are counted as {before}")
        self.answered(self.step)
        try:
            chaos_load.gs.wait_for("a failure is counted", lambda: self.answered(self.counted) != before)
        except AssertionError:
            return found + ["it is back, and a failure was not counted"]
        after = self.answered(self.counted)
        return found + ([f"one failure was counted as {after - before}"] if after != before + 1 else [])
