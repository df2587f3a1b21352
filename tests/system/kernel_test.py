"""The kernel killed with -9: the next one ends what was left and brings everything back."""
import os
import subprocess

import grove_system as gs


class Kernel(gs.SystemTest):
    def test_everything_comes_back(self):
        self.system.up()
        self.system.grove("stop", "basic.talker")
        accounts = self.accounts()
        self.system.kill_kernel()
        self.system.grove("up", "--run", self.system.run)
        for name in ("basic.counter", "basic.teller"):
            self.system.wait_for_state(name, "ready")
        self.assertEqual(self.system.state_of("basic.task"), "done")
        self.assertIn(self.system.state_of("basic.talker"), ("registered", "stopped"), "it was stopped before")
        self.assert_nothing_is_left(accounts)

    def test_what_was_registered_survives_an_orderly_end(self):
        self.system.up()
        self.system.grove("down", "--all")
        self.system.grove("up")
        self.system.wait_for_state("basic.teller", "ready")

    def test_a_damaged_file_costs_one_service_and_says_so(self):
        self.system.up()
        self.system.grove("down", "--all")
        folder = os.path.join(self.system.state, "services", "system.registry")
        with open(os.path.join(folder, "basic.talker.service"), "r+b") as file:
            file.seek(100)
            file.write(b"damage")
        with open(os.path.join(folder, "basic.task.service"), "wb") as file:
            file.write(b"short")
        self.system.grove("up")
        self.system.wait_for_state("basic.teller", "ready")
        services = self.system.services()
        self.assertNotIn("basic.talker", services)
        self.assertNotIn("basic.task", services)
        self.assertTrue(os.path.exists(os.path.join(folder, "basic.talker.service.damaged")))
        gs.wait_for("the registry says so", lambda: "basic.talker.service is damaged" in
                    self.system.grove("logs", "system.registry", check=False).stdout)
        self.system.up()
        self.assertEqual(self.system.state_of("basic.talker"), "ready")

    def test_a_full_state_folder_refuses_a_registration_and_loses_nothing(self):
        self.system.up()
        folder = os.path.join(self.system.state, "services", "system.registry")
        extra = self.system.write_project("extra", {
            "one": f'exec: ["{self.system.actors}/actor", echo, one]\nprovides: [one]'})
        # Permissions do not stop root; of others they are all that is needed.
        close, open_again = (["chattr", "+i"], ["chattr", "-i"]) if os.geteuid() == 0 else (["chmod", "a-w"], ["chmod", "u+w"])
        if subprocess.call([*close, folder], stderr=subprocess.DEVNULL) != 0:
            self.skipTest("this file system cannot make a folder unchangeable")
        try:
            result = self.system.up(extra, check=False)
        finally:
            subprocess.check_call([*open_again, folder])
        self.assertEqual(result.returncode, 1)
        self.assertIn("the state folder cannot take extra.one", result.stderr)
        self.assertEqual(self.system.state_of("basic.teller"), "ready")
        self.assertNotIn("extra.one", self.system.services())
        self.system.up(extra)


if __name__ == "__main__":
    gs.main()
