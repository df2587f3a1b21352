"""groved killed with -9 at any moment, while the grid works: also while it starts, revokes, recovers and shuts down.

Each round begins with a kernel killed at a random time and ends with a system that is up. What was acknowledged is there:
every registered service, every completed reading; and in the end nothing is left of any of the kernels. FAULT_ROUNDS says
how many rounds (10; a hundred take a few minutes).
"""
import contextlib
import os
import random
import signal
import subprocess
import time

import faults_support as fs
from faults_support import gs

ROUNDS = int(os.environ.get("FAULT_ROUNDS", "10"))


class KernelKills(fs.Scarcity):
    def setUp(self):
        super().setUp()
        self.chance = random.Random(20261127)
        self.marks, self.families = set(), set()

    def note(self):
        """Whatever runs now must be gone in the end."""
        self.families |= self.system.family()
        for process in self.families:
            try:
                self.marks.add(gs.kernel_mark(process))
            except OSError:
                pass

    def popen(self, *arguments):
        return subprocess.Popen([self.system.program, arguments[0], "--run", self.system.run, "--state", self.system.state,
                                 *arguments[1:]], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True)

    def kill_within(self, seconds, command=None):
        """Begin a command, let a random time pass, and kill the kernel wherever it is by then."""
        process = self.popen(*command) if command else None
        time.sleep(self.chance.random() * seconds)
        self.note()
        try:
            kernel = self.system.kernel
            os.kill(kernel, signal.SIGKILL)
            gs.wait_for("the kernel is gone", lambda: gs.has_ended(kernel))
            self.system.assert_no_copy_of_the_kernel()
        except (OSError, IndexError):
            pass  # it has not begun, or has ended by itself
        if process:
            output, _ = process.communicate(timeout=gs.DEADLINE_SECONDS)
            self.assertGreaterEqual(process.returncode, 0, f"{command}: {output}")

    def restart_many(self):
        return self.chance.choice([("restart", "basic.counter"), ("restart", "grid.alarm"), ("stop", "basic.talker"),
                                   ("kill", "system.registry"), ("kill", "system.init"), ("down", "-p", "extra")])

    def test_at_random_moments(self):
        extra = self.system.write_project("extra", {
            name: f'exec: ["{self.system.actors}/actor", echo, {name}]\nprovides: [{name}]' for name in ("one", "two")})
        moments = [lambda: self.kill_within(0.3),  # under load
                   lambda: self.kill_within(0.05, self.restart_many()),  # while objects come and go
                   lambda: self.kill_within(0.15, ("up", extra)),
                   lambda: (self.kill_within(0.01), self.kill_within(0.1, ("up",))),  # recovering, starting
                   lambda: self.kill_within(0.05, ("down", "--all"))]
        for number in range(ROUNDS):
            before = self.historian()["stored"]
            moments[number % len(moments)]()
            wanted = self.popen("up")
            output, _ = wanted.communicate(timeout=gs.DEADLINE_SECONDS)
            self.assertEqual(wanted.returncode, 0, f"round {number}: {output}\n{self.system.evidence()}")
            for name in [f"grid.{name}" for name in fs.grid_test.USER_SERVICES] + ["basic.counter", "basic.teller"]:
                try:
                    self.system.wait_for_state(name, "ready")
                except AssertionError:
                    self.fail(f"round {number}: {name} is not ready\n{self.system.grove('ps').stdout}"
                              f"{self.system.grove('why', name).stdout}{self.system.evidence()}")
            self.assertIn("basic.talker", self.system.services())
            after = self.historian()
            self.assertGreaterEqual(after["stored"], before, f"round {number}: completed readings are gone")
            self.assertEqual((after["missing"], after["damaged"]), (0, 0), f"round {number}")
        self.assert_all_is_well()
        self.note()
        self.system.grove("down", "--all")
        self.assert_nothing_is_left((self.families, self.marks - {None}))

    @fs.unittest.skipUnless(os.geteuid() == 0, "without root all containers have one user")
    def test_kernels_of_one_machine_share_no_user(self):
        """Linux counts processes by user: with a common one, a container could use up what another kernel's may have."""
        other = gs.System()
        self.addCleanup(other.close)
        other.up()
        users = [{fs.owner(service["process"])[0] for service in system.services().values() if service.get("process")}
                 for system in (self.system, other)]
        self.assertEqual(users[0] & users[1], set())

    def test_what_was_never_acknowledged_is_ended_by_the_next_registry(self):
        """A registry that died between making a container and keeping its file leaves the one without the other."""
        services = self.system.services()
        os.unlink(os.path.join(self.system.state, "services", "system.registry", "basic.talker.service"))
        os.kill(services["system.registry"]["process"], signal.SIGKILL)
        gs.wait_for("the next registry does not know it", lambda: "basic.talker" not in self.system.services())
        gs.wait_for("it is ended", lambda: gs.has_ended(services["basic.talker"]["process"]))
        self.assertFalse(gs.has_ended(services["basic.counter"]["process"]), "one that has its file was ended too")

    def test_stopped_for_a_while(self):
        """SIGSTOP is not an end: what waits, waits within its deadline, and goes on."""
        self.assert_all_is_well()
        services = self.system.services()
        names = ["groved"] + [name for name, service in services.items() if service.get("process")]
        before = self.account()
        self.stop_each(names)
        self.assert_as_before(before, lambda: self.stop_each(names))

    def stop_each(self, names):
        for name in names:
            with self.subTest(name):
                process = self.process_of(name)
                os.kill(process, signal.SIGSTOP)
                try:
                    time.sleep(2)  # the length of the stop is what is tried
                    if name != "groved":
                        self.attempt("ps")
                finally:
                    os.kill(process, signal.SIGCONT)
                self.assert_all_is_well()
                self.assertEqual(self.process_of(name), process, "it was replaced")

    def test_every_service_killed_at_random(self):
        names = ["system.init", "system.registry", "system.log", "basic.counter", "basic.teller"] + \
            [f"grid.{name}" for name in fs.grid_test.USER_SERVICES]
        self.assert_all_is_well()
        before = self.account()
        self.kill_at_random(names)
        told = self.system.call("basic.teller", "told")["told"]
        gs.wait_for("all numbers are counted", lambda: self.system.call("basic.counter", "count")["count"] >= told)
        self.assert_as_before(before, lambda: self.kill_at_random(names))

    def kill_at_random(self, names):
        for _ in range(ROUNDS):
            victims = self.chance.sample(names, self.chance.randint(1, 4))
            for name in victims:
                process = self.system.services().get(name, {}).get("process")
                if process:
                    with contextlib.suppress(ProcessLookupError):  # it ended between the list and this, and comes back as well
                        os.kill(process, signal.SIGKILL)
        self.assert_all_is_well()


if __name__ == "__main__":
    gs.main()
