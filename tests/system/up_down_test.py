"""A project goes up and down, and nothing stays behind."""
import os
import shutil

import grove_system as gs


class UpAndDown(gs.SystemTest):
    def test_a_project_goes_up_and_the_system_with_it_and_all_of_it_ends(self):
        result = self.system.up()
        self.assertIn("ready after", result.stderr)
        services = self.system.services()
        for name in ("system.init", "system.registry", "system.log", "basic.counter", "basic.teller", "basic.talker"):
            self.assertEqual(services[name]["state"], "ready", name)
        self.assertEqual(services["basic.task"]["state"], "done")
        self.assertEqual(services["basic.echo"]["state"], "registered", "it starts when it is connected to")
        accounts = self.accounts()
        self.assertGreaterEqual(len(accounts[0]), 7)
        self.system.grove("down", "--all")
        self.assert_nothing_is_left(accounts)
        self.assertNotEqual(self.system.grove("ps", check=False).returncode, 0)

    def test_a_registry_that_cannot_start_is_said_and_not_waited_for(self):
        """Waiting would end with an answer that did not come in time, and the reason is another."""
        servers = os.path.join(self.system.folder, "servers")
        shutil.copytree(os.path.join(self.system.build, "musl", "servers"), servers, ignore=shutil.ignore_patterns("*.p", "*.a"))
        with open(os.path.join(servers, "grove-registry"), "w", encoding="ascii") as file:
            file.write("broken")
        self.system.environment["GROVE_SERVERS"] = servers
        result = self.system.up(check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn("the registry cannot be started", result.stderr)
        self.assertIn("system.registry could not be started: layer execute", result.stderr)

    def test_going_up_again_changes_nothing_that_has_not_changed(self):
        self.system.up()
        before = self.system.services()
        self.system.up()
        after = self.system.services()
        self.assertEqual({name: service.get("process") for name, service in before.items()},
                         {name: service.get("process") for name, service in after.items()})

    def test_a_changed_manifest_restarts_its_service_and_a_removed_one_ends_it(self):
        actor = f'exec: ["{self.system.actors}/actor", echo, one]\nprovides: [one]\n'
        other = f'exec: ["{self.system.actors}/actor", echo, other]\nprovides: [other]\n'
        folder = self.system.write_project("changing", {"one": actor, "other": other})
        self.system.up(folder)
        before = self.system.services()
        self.system.write_project("changing", {"one": actor + "environment: {A: b}\n"})
        self.system.up(folder)
        after = self.system.services()
        self.assertEqual(after["changing.one"]["state"], "ready")
        self.assertNotEqual(before["changing.one"]["process"], after["changing.one"]["process"])
        self.assertNotIn("changing.other", after)

    def test_down_ends_the_project_and_only_it(self):
        self.system.up()
        folder = self.system.write_project("second", {
            "one": f'exec: ["{self.system.actors}/actor", echo, one]\nprovides: [one]'})
        self.system.up(folder)
        self.system.grove("down", "--project", "basic")
        services = self.system.services()
        self.assertFalse([name for name in services if name.startswith("basic.")])
        self.assertEqual(services["second.one"]["state"], "ready")

    def test_going_up_and_down_many_times_costs_the_kernel_nothing(self):
        self.system.up()
        self.system.grove("down", "--project", "basic")
        before = self.settled_descriptors()
        self.go_up_and_down()
        self.assert_descriptors_return(before, self.go_up_and_down, exactly=True)

    def go_up_and_down(self):
        for _ in range(8):
            self.system.up()
            self.system.grove("down", "--project", "basic")

    def test_a_fault_in_a_manifest_is_named_with_file_and_line(self):
        folder = self.system.write_project("faulty", {"one": "exec: [/bin/true]\nreadyness: grove"})
        result = self.system.up(folder, check=False)
        self.assertNotEqual(result.returncode, 0)
        self.assertRegex(result.stderr, r"one\.yaml:\d+: readyness: ")


if __name__ == "__main__":
    gs.main()
