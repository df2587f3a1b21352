"""The kernel killed with -9: the next one ends what was left and brings everything back."""
import ctypes
import os
import signal
import subprocess
import unittest

import grove_system as gs


PTRACE_SEIZE, PTRACE_DETACH = 0x4206, 17


def trace(request, process):
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    return libc.ptrace(request, process, None, None)


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

    def prepared(self):
        """Children of the kernel that wait to become an instance: its program, and no service's process."""
        services = {service.get("process") for service in self.system.services().values()}
        kernel = os.readlink(f"/proc/{self.system.kernel}/exe")
        found = []
        for process in gs.descendants(self.system.kernel) - services - {self.system.kernel}:
            try:
                if os.readlink(f"/proc/{process}/exe") == kernel:
                    found.append(process)
            except OSError:
                pass
        return found

    @unittest.skipUnless(os.geteuid() == 0, "without root a prepared child cannot be held")
    def test_a_prepared_child_that_cannot_end_holds_nobody_up(self):
        """Held by a tracer it is killed and does not end, as in a call that no signal interrupts."""
        self.system.up()
        others = gs.wait_for("a child is prepared", self.prepared)
        folder = self.system.write_project("limited", {
            "one": f'exec: ["{self.system.actors}/actor", echo, one]\nprovides: [one]'})
        with open(os.path.join(folder, "grove.yaml"), "a", encoding="utf-8") as file:
            file.write("budget: {memory: 64M}\n")
        self.system.up(folder)
        gs.wait_for("one is prepared for the project", lambda: set(self.prepared()) - set(others))
        accounts = self.accounts()
        held = [process for process in self.prepared() if trace(PTRACE_SEIZE, process) == 0]
        if not held:
            self.skipTest("this machine forbids tracing")
        # With the project go the children that were prepared for it.
        self.system.grove("down", "-p", "limited")
        dead = gs.wait_for("one of them is killed", lambda: [process for process in held if gs.has_ended(process)])
        self.system.up(folder)
        self.assertEqual(self.system.state_of("limited.one"), "ready")
        self.assertTrue(all(os.path.exists(f"/proc/{process}") for process in dead), "it was waited for after all")
        for process in held:
            if process in dead:
                os.waitpid(process, 0x40000000)
            else:
                os.kill(process, signal.SIGSTOP)  # a tracer lets go of one that has stopped only
                os.waitpid(process, 0x40000000)
                trace(PTRACE_DETACH, process)
                os.kill(process, signal.SIGCONT)
        gs.wait_for("the kernel has waited for them", lambda: not [one for one in dead if os.path.exists(f"/proc/{one}")])
        self.system.grove("down", "--all")
        self.assert_nothing_is_left(accounts)


if __name__ == "__main__":
    gs.main()
