"""How the system starts: phase by phase, with services that fail or hang, and what the timeline says of it."""
import os
import xml.etree.ElementTree

import grove_system as gs

PHASES = ["core", "configuration", "security", "core services", "system services", "monitoring", "gateways",
          "user services"]
FAILS = "restart: {policy: always, delay: 50ms, delay-cap: 50ms, give-up: 0}\n"


class Boot(gs.SystemTest):
    def actor(self, role, phase, more=""):
        return (f'version: 1.0.0\nnative: true\nexec: ["{self.system.actors}/actor", {role}]\nphase: {phase}\n'
                f"stop-timeout: 1s\n{more}")

    def waits_for_a_file(self, phase, path, more=""):
        """A service that fails until the file is there."""
        return (f'version: 1.0.0\nnative: true\nexec: ["{self.system.actors}/actor", echo, x, {path}]\n'
                f'capabilities: ["FS_READ:{os.path.dirname(path)}"]\nphase: {phase}\n{FAILS}{more}')

    def timeline(self):
        return self.system.json("boot")

    def phases(self):
        return {phase["phase"]: phase for phase in self.timeline()["phases"]}

    def missing(self):
        return self.timeline()["missing"]

    def test_each_phase_begins_when_the_one_before_is_over(self):
        self.system.add_system_services({f"phase{number}": self.actor("echo", number) for number in range(1, 7)})
        self.system.up()
        gs.wait_for("kernel.ready", lambda: self.timeline()["kernel_ready_ns"])
        timeline = self.timeline()
        self.assertEqual([phase["phase"] for phase in timeline["phases"]], PHASES)
        phases = timeline["phases"]
        for earlier, later in zip(phases[:6], phases[1:7]):
            self.assertLessEqual(earlier["ready_ns"], later["begin_ns"])
        for service in timeline["services"]:
            phase = phases[service["number"]]
            self.assertGreaterEqual(service["started_ns"], phase["begin_ns"], service)
            if service["number"] < 7:
                self.assertLessEqual(service["ready_ns"], phase["ready_ns"], service)
        # User services follow the system services, and neither monitoring nor gateways.
        self.assertGreaterEqual(phases[7]["begin_ns"], phases[4]["ready_ns"])
        self.assertGreaterEqual(timeline["kernel_ready_ns"], phases[6]["ready_ns"])
        self.assertEqual((timeline["missing"], timeline["waits_for"]), (0, None))

    def test_one_that_fails_degrades_the_system_and_does_not_stop_it(self):
        path = os.path.join(self.system.folder, "mended")
        self.system.add_system_services({"broken": self.waits_for_a_file(1, path)})
        self.system.up()
        self.assertEqual(self.system.state_of("basic.teller"), "ready")
        self.assertEqual(self.phases()["configuration"]["missing"], 1)
        self.assertEqual(self.missing(), 1)
        self.assertIn("degraded: 1 system service is not ready", self.system.grove("boot").stdout)
        self.assertIn("goes on without system.broken", self.system.grove("logs", "-n", "50", "system.init").stdout)
        with open(path, "w", encoding="ascii"):
            pass
        gs.wait_for("it is mended", lambda: self.missing() == 0)
        self.assertEqual(self.phases()["configuration"]["missing"], 1, "the timeline tells how the start went")

    def test_one_that_never_says_it_is_ready_holds_its_phase_for_a_while_only(self):
        self.system.add_system_services({"silent": self.actor("silent", 3, "readiness: {timeout: 60s}\n")})
        self.system.up()
        phase = self.phases()["core services"]
        self.assertEqual(phase["missing"], 1)
        self.assertEqual(self.system.state_of("basic.teller"), "ready")
        gs.wait_for("kernel.ready", lambda: self.timeline()["kernel_ready_ns"])

    def test_the_start_waits_for_an_essential_one(self):
        path = os.path.join(self.system.folder, "mended")
        self.system.add_system_services({"vital": self.waits_for_a_file(2, path, "essential: true\n"),
                                         "later": self.actor("echo", 3)})
        result = self.system.up("basic", "--timeout", "2s", check=False)
        self.assertEqual(result.returncode, 1)
        self.assertEqual(self.timeline()["waits_for"], "system.vital")
        self.assertIn("the start waits for system.vital", self.system.grove("boot").stdout)
        service = self.system.json("status", "basic.counter")
        self.assertEqual(service["state"], "waiting")
        self.assertIn("waits for system.vital", service["reason"])
        self.assertEqual(self.system.state_of("system.later"), "registered")
        self.assertIsNone(self.timeline()["kernel_ready_ns"])
        with open(path, "w", encoding="ascii"):
            pass
        self.system.wait_for_state("basic.teller", "ready")
        gs.wait_for("kernel.ready", lambda: self.timeline()["kernel_ready_ns"])
        self.assertEqual(self.missing(), 0)

    def test_a_requirement_of_a_system_service_is_waited_for(self):
        path = os.path.join(self.system.folder, "mended")
        self.system.add_system_services({"slow": self.waits_for_a_file(3, path, "provides: [system.slow 1.2]\n")})
        needy = f'exec: ["{self.system.actors}/actor", talker]\nprovides: [NAME]\nrequires: ["system.slow RANGE"]'
        self.system.grove("up", "--no-wait", self.system.write_project("needy", {
            "good": needy.replace("NAME", "good").replace("RANGE", ">=1.1 <2")}))
        gs.wait_for("it says for whom it waits", lambda: "waits for system.slow" in
                    self.system.json("status", "needy.good").get("reason", ""))
        with open(path, "w", encoding="ascii"):
            pass
        self.system.wait_for_state("needy.good", "ready")
        for wanted, answer in (("system.slow >=2", "needs.bad requires system.slow >=2.0.0"),
                               ("system.nobody", "requires system.nobody, which no registered service provides")):
            folder = self.system.write_project("needs", {"bad": needy.replace("NAME", "bad").replace(
                "system.slow RANGE", wanted)})
            self.assertIn(answer, self.system.up(folder, check=False).stderr)

    def test_the_timeline_outlives_init_and_the_registry(self):
        self.system.up()
        gs.wait_for("kernel.ready", lambda: self.timeline()["kernel_ready_ns"])
        before = self.timeline()
        for name in ("init", "registry"):
            generation = self.system.json("status", f"system.{name}")["generation"]
            self.system.grove("kill", "-s", "KILL", name)
            gs.wait_for(f"{name} is back", lambda name=name, generation=generation: self.is_back(name, generation))
        after = self.timeline()
        self.assertEqual(after["kernel_ready_ns"], before["kernel_ready_ns"])
        self.assertEqual([phase for phase in after["phases"] if phase["number"] < 7],
                         [phase for phase in before["phases"] if phase["number"] < 7])
        # Services start without waiting for a system that was up once.
        self.system.grove("restart", "basic.teller")

    def is_back(self, name, generation):
        result = self.system.grove("status", "--json", f"system.{name}", check=False)
        if result.returncode != 0:
            return False
        service = gs.json.loads(result.stdout)
        return service["state"] == "ready" and service["generation"] > generation

    def test_the_drawing_is_one(self):
        self.system.up()
        path = os.path.join(self.system.folder, "start.svg")
        self.system.grove("boot", "--svg", path)
        texts = [element.text for element in xml.etree.ElementTree.parse(path).iter("{http://www.w3.org/2000/svg}text")]
        for name in ("core", "system.registry", "basic.teller"):
            self.assertIn(name, texts)
        self.assertEqual(self.system.grove("boot", "--svg", "-").stdout.split()[0], "<svg")
        refused = self.system.grove("boot", "--svg", "/nowhere/at/all.svg", check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("/nowhere/at/all.svg cannot be written", refused.stderr)


if __name__ == "__main__":
    gs.main()
