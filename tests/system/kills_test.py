"""Killing system services harms nobody: each in turn, and all of them in random order, while messages flow."""
import random

import grove_system as gs

LOOKS_AT_REST = 20


class Kills(gs.SystemTest):
    def kill_and_wait(self, name):
        full = name if "." in name else f"system.{name}"
        before = self.system.services()[full].get("process")
        self.system.grove("kill", name, check=False)
        gs.wait_for(f"{name} is back", lambda: self.is_back(full, before))

    def is_back(self, full, before):
        result = self.system.grove("ps", "--json", check=False)
        if result.returncode != 0:
            return False
        services = {service["name"]: service for service in gs.json.loads(result.stdout)}
        service = services.get(full, {})
        return service.get("state") == "ready" and service.get("process") not in (None, before)

    def assert_all_counted(self):
        """Every number that the channel accepted arrives; at most one more, the one under way when it was asked."""
        told = self.system.call("basic.teller", "told")["told"]
        gs.wait_for(f"{told} numbers are counted", lambda: self.system.call("basic.counter", "count")["count"] >= told)
        self.system.grove("stop", "basic.teller")
        count = self.system.call("basic.counter", "count")
        self.assertGreaterEqual(count["count"], told)

    def test_each_system_service_in_turn(self):
        self.system.up()
        user = {name: service.get("process") for name, service in self.system.services("-p", "basic").items()}
        for name in gs.system_services():
            with self.subTest(name):
                self.kill_and_wait(name)
                now = {name: service.get("process") for name, service in self.system.services("-p", "basic").items()}
                self.assertEqual(user, now, "user services must not notice")
        self.assertEqual(self.system.call("basic.echo", "say", "still here")["words"], "still here")
        self.assert_all_counted()

    def test_a_project_that_goes_up_while_the_registry_is_killed_is_up_in_the_end(self):
        self.system.grove("up")
        for _ in range(3):
            up = gs.subprocess.Popen([self.system.program, "up", "--run", self.system.run, "--state", self.system.state,
                                      "--set", f"bin={self.system.actors}", self.system.project("basic")],
                                     stdin=gs.subprocess.DEVNULL, stdout=gs.subprocess.PIPE, stderr=gs.subprocess.STDOUT,
                                     text=True)
            for _ in range(3):
                self.system.grove("kill", "system.registry", check=False)
            output, _ = up.communicate(timeout=gs.DEADLINE_SECONDS)
            self.assertEqual(up.returncode, 0, output)
            self.assertEqual(self.system.state_of("basic.teller"), "ready")
            self.system.grove("down", "--project", "basic")

    def descriptors_at_rest(self):
        """Those of the kernel, once the services have all connected to whom they will: some do when they are ready already."""
        seen = []

        def are_the_same():
            seen.append(gs.descriptors(self.system.kernel))
            return seen[-LOOKS_AT_REST:].count(seen[-1]) == LOOKS_AT_REST
        gs.wait_for("nobody connects any more", are_the_same)
        return seen[-1]

    def test_all_in_random_order_and_nothing_is_lost(self):
        self.system.up()
        accounts = self.descriptors_at_rest()
        chance = random.Random(4711)
        names = gs.system_services() + ["basic.counter", "basic.teller"]
        for _ in range(25):
            self.system.grove("kill", chance.choice(names), check=False)
        for name in names:
            full = name if "." in name else f"system.{name}"
            gs.wait_for(f"{name} is back", lambda full=full: self.is_back(full, 0))
        self.assert_all_counted()
        gs.wait_for("the kernel has its descriptors back",
                    lambda: gs.descriptors(self.system.kernel) <= accounts + 8)
        self.assertEqual({name for name in self.system.services("-p", "basic")},
                         {f"basic.{name}" for name in ("counter", "teller", "echo", "talker", "task")})


if __name__ == "__main__":
    gs.main()
