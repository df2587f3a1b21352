"""Two thousand services are registered, and the registry dies."""
import os
import signal

import grove_system as gs

SERVICES = 2000


class Scale(gs.SystemTest):
    def test_the_registry_comes_back_to_thousands_of_services(self):
        folder = self.system.write_project("many", {
            f"s{number}": f'exec: ["{self.system.actors}/actor", echo, s{number}]\nprovides: [s{number}]\non-demand: true'
            for number in range(SERVICES)})
        self.system.up(folder)
        self.assertEqual(self.system.grove("call", "many.s7", "3", "--hex", "6162").stdout, "6162\n")
        running = self.system.state_of("many.s7"), self.system.services()["many.s7"]["process"]
        registry = self.system.services()["system.registry"]["process"]
        os.kill(registry, signal.SIGKILL)
        gs.wait_for("the registry is back", lambda: self.system.json("status", "system.registry").get("generation") == 2 and
                    self.system.state_of("system.registry") == "ready")
        services = self.system.services("-p", "many")
        self.assertEqual(len(services), SERVICES)
        self.assertEqual((services["many.s7"]["state"], services["many.s7"]["process"]), running)
        # One that was never started is still started by whoever connects to it.
        self.assertEqual(self.system.grove("call", f"many.s{SERVICES - 1}", "3", "--hex", "63").stdout, "63\n")
        self.assertNotIn("never acknowledged", self.system.grove("logs", "-n", "50", "system.registry").stdout)


if __name__ == "__main__":
    gs.main()
