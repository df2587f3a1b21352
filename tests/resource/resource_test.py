"""What the machine can give and what happens at its limits: admission, policies, and what the resource service's death costs."""
import os
import random
import signal
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
import grove_system as gs  # noqa: E402

MEBIBYTE = 1 << 20


class Resource(gs.SystemTest):
    def actor(self, name, more="", role="echo"):
        return f'exec: ["{self.system.actors}/actor", {role}, {name}]\nprovides: [{name}]\n{more}'

    def greedy(self, name, memory, policy, more=""):
        return self.actor(name, f"resources: {{memory: {memory}}}\nlimits: {{memory: {policy}}}\n{more}", role="greedy")

    def up_alone(self):
        self.system.grove("up")
        self.system.wait_until_booted()
        self.system_share = self.system.json("resources")["machine"]

    def machine(self):
        """What the machine says, without what system services were promised once all of them were up."""
        machine = self.system.json("resources")["machine"]
        for what in ("memory_promised_bytes", "processor_promised_ppm", "services"):
            machine[what] -= self.system_share[what]
        return machine

    def cases(self):
        return {case["name"]: case for case in self.system.json("resources")["cases"]}

    def state(self, name):
        service = self.system.json("status", name)
        return service["state"], service.get("reason", "")

    def hold(self, name, bytes_wanted):
        self.system.grove("call", name, "6", "--hex", bytes_wanted.to_bytes(8, "little").hex())

    def pid(self, name):
        return self.system.services()[name].get("process")

    def kill_resource(self):
        before = self.pid("system.resource")
        os.kill(before, signal.SIGKILL)
        gs.wait_for("the resource service is back", lambda: self.state("system.resource")[0] == "ready" and
                    self.pid("system.resource") != before)

    def has_cgroup(self):
        """Without one nothing is limited, and nothing tells what a container uses."""
        doctor = gs.json.loads(self.system.grove("doctor", "--json", check=False).stdout)
        return next(layer["enforced"] for layer in doctor["layers"] if layer["layer"] == "cgroup")

    def needs_cgroup(self):
        if not self.has_cgroup():
            self.skipTest("no control group can be written here, so nothing is limited")


class Admission(Resource):
    def test_what_the_machine_cannot_give_is_refused_and_fits_when_somebody_ends(self):
        self.up_alone()
        whole = self.machine()["memory_promisable_bytes"] // MEBIBYTE
        first, second = whole * 6 // 10, whole * 5 // 10
        self.system.up(self.system.write_project("big", {
            "a": self.actor("a", f"resources: {{memory: {first}M}}"),
            "c": self.actor("c")}))
        result = self.system.up(self.system.write_project("more", {
            "b": self.actor("b", f"resources: {{memory: {second}M}}")}), check=False)
        self.assertEqual(result.returncode, 1)
        state, reason = self.state("more.b")
        self.assertEqual(state, "failed")
        self.assertIn("was not admitted: this machine may promise", reason)
        self.assertIn("more.b asks for", reason)
        machine = self.machine()
        self.assertEqual(machine["memory_promised_bytes"], first * MEBIBYTE)
        self.assertEqual((machine["services"], machine["refusals"]), (1, 1))
        # A restart needs no new promise.
        self.system.grove("kill", "-s", "KILL", "big.a")
        gs.wait_for("big.a is back", lambda: self.system.json("status", "big.a").get("generation") == 2 and
                    self.state("big.a")[0] == "ready")
        self.assertEqual(self.machine()["memory_promised_bytes"], first * MEBIBYTE)
        # Room comes when the first ends, and then the second starts by itself.
        self.system.grove("stop", "big.a")
        self.system.wait_for_state("more.b", "ready")
        self.assertEqual(self.machine()["memory_promised_bytes"], second * MEBIBYTE)

    def test_the_binding_tells_the_same(self):
        self.up_alone()
        self.system.up(self.system.write_project("bound", {"a": self.actor("a", "resources: {memory: 8M}")}))
        resource = self.binding().resource
        with self.session() as session:
            machine = resource.machine(session)
            self.assertEqual((machine.memory_promised - self.system_share["memory_promised_bytes"],
                              machine.services - self.system_share["services"]), (8 * MEBIBYTE, 1))
            resource.overcommit(resource.MEMORY, 1.5, session)
            self.assertEqual(resource.machine(session).memory_factor, 1.5)
            with self.assertRaises(self.binding().Invalid):
                resource.overcommit(resource.MEMORY, 0.01, session)
            with self.assertRaises(self.binding().NotFound):
                resource.history("bound.nobody", session)
            self.assertEqual(resource.cases(session), [])
            samples = gs.wait_for("two seconds are sampled", lambda: len(resource.history("bound.a", session)) > 1 and
                                  resource.history("bound.a", session))
            if self.has_cgroup():
                self.assertGreater(samples[0].memory_bytes, 0)
            self.assertLess(samples[0].time, samples[1].time)
        rows = {row["name"]: row for row in self.system.json("top", "--history")}
        self.assertGreater(len(rows["bound.a"]["memory_history_bytes"]), 1)
        projects = {row["project"]: row for row in self.system.json("top", "--tree")}
        self.assertEqual([row["name"] for row in projects["bound"]["services"]], ["bound.a"])

    def test_over_commitment_is_explicit_and_kept(self):
        self.up_alone()
        processors = self.machine()["processors"]
        folder = self.system.write_project("busy", {
            "a": self.actor("a", f"resources: {{processor: {processors * 100}%}}"),
            "b": self.actor("b", "resources: {processor: 50%}")})
        self.assertEqual(self.system.up(folder, check=False).returncode, 1)
        states = sorted(self.state(f"busy.{name}")[0] for name in "ab")
        self.assertEqual(states, ["failed", "ready"])
        self.system.grove("resources", "--overcommit", "processor=150%")
        self.system.grove("start", "busy.a", "busy.b")
        self.assertEqual(self.machine()["processor_promised_ppm"], processors * 10 ** 6 + 500000)
        self.kill_resource()
        machine = self.machine()
        self.assertEqual(machine["processor_factor_ppm"], 1500000)
        self.assertEqual(machine["processor_promised_ppm"], processors * 10 ** 6 + 500000, "added up again")
        for wrong in ("processor=5%", "disk=10%", "memory"):
            self.assertNotEqual(self.system.grove("resources", "--overcommit", wrong, check=False).returncode, 0)

    def test_a_resource_service_that_hangs_or_dies_keeps_nobody_from_starting(self):
        self.up_alone()
        os.kill(self.pid("system.resource"), signal.SIGSTOP)
        self.system.up(self.system.write_project("late", {
            name: self.actor(name, "resources: {memory: 8M, processor: 1%}") for name in "abc"}))
        for name in "abc":
            self.assertEqual(self.state(f"late.{name}")[0], "ready")
        os.kill(self.pid("system.resource"), signal.SIGKILL)
        gs.wait_for("it is back", lambda: self.state("system.resource")[0] == "ready")
        gs.wait_for("their promises are known", lambda: self.machine()["memory_promised_bytes"] == 3 * 8 * MEBIBYTE)

    def test_killed_at_random_it_loses_no_promise_and_admits_nobody_twice(self):
        self.up_alone()
        chance = random.Random(11)
        names = [f"s{number}" for number in range(12)]
        folder = self.system.write_project("kept", {
            name: self.actor(name, "resources: {memory: 8M}\nrestart: {policy: always, delay: 1ms, give-up: 0}")
            for name in names})
        up = gs.subprocess.Popen([self.system.program, "up", "--run", self.system.run, "--state", self.system.state, folder],
                                 stdin=gs.subprocess.DEVNULL, stdout=gs.subprocess.PIPE, stderr=gs.subprocess.STDOUT, text=True)
        for _ in range(6):
            self.system.grove("kill", "system.resource", check=False)
        output, _ = up.communicate(timeout=gs.DEADLINE_SECONDS)
        self.assertEqual(up.returncode, 0, output)
        for _ in range(8):
            victims = ["system.resource", "system.registry"] + [f"kept.{name}" for name in names]
            self.system.grove("kill", chance.choice(victims), check=False)
        for name in names:
            self.system.wait_for_state(f"kept.{name}", "ready")
        gs.wait_for("the resource service answers", lambda: self.system.grove("resources", check=False).returncode == 0)
        gs.wait_for("each has one promise", lambda: self.machine()["memory_promised_bytes"] == 12 * 8 * MEBIBYTE)
        self.system.grove("stop", "-p", "kept")
        gs.wait_for("all of it is given back", lambda: self.machine()["memory_promised_bytes"] == 0)


class OfSystemServices(Resource):
    """What system services may have is promised to them, and one that is not needed is refused like any other."""

    def gateway(self, more):
        return f'exec: ["{self.system.actors}/actor", echo, greedy]\nphase: 6\nnative: true\n{more}'

    def test_they_are_counted(self):
        self.up_alone()
        self.assertGreater(self.system_share["services"], 5)
        self.assertGreaterEqual(self.system_share["memory_promised_bytes"], 32 * MEBIBYTE, "system.resource alone has that")
        self.kill_resource()
        gs.wait_for("all are counted again", lambda: self.machine()["memory_promised_bytes"] == 0)
        os.kill(self.pid("system.init"), signal.SIGKILL)
        gs.wait_for("init is back", lambda: self.system.grove("boot", check=False).returncode == 0)
        self.kill_resource()
        gs.wait_for("all are counted again", lambda: self.machine()["memory_promised_bytes"] == 0)

    def test_one_that_does_not_fit_is_refused_and_tried_again(self):
        self.system.add_system_services({"greedy": self.gateway(
            "resources: {memory: 900G}\nrestart: {policy: always, delay: 100ms, delay-cap: 200ms}")})
        self.system.grove("up")
        self.system.wait_until_booted()
        self.assertNotEqual(self.state("system.greedy")[0], "ready")
        gs.wait_for("it says why", lambda: "was not admitted: this machine may promise" in
                    self.system.grove("logs", "-n", "100", "system.init").stdout)
        self.system.grove("resources", "--overcommit", "memory=10000%")
        self.system.wait_for_state("system.greedy", "ready")

    def test_what_is_essential_is_not_refused(self):
        self.system.add_system_services({"greedy": self.gateway("resources: {memory: 900G}\nessential: true")})
        self.system.grove("up")
        self.system.wait_until_booted()
        self.system.wait_for_state("system.greedy", "ready")
        self.assertGreater(self.system.json("resources")["machine"]["memory_promised_bytes"], 900 << 30)


class Limits(Resource):
    def setUp(self):
        super().setUp()
        self.needs_cgroup()

    def test_told_only(self):
        self.system.up(self.system.write_project("told", {"a": self.greedy("a", "64M", "tell")}))
        subject = "resource.limit.exceeded.told.a"
        listener = gs.subprocess.Popen([self.system.program, "sub", "--run", self.system.run, "--state", self.system.state,
                                        "--json", "-n", "1", "-w", "50s", subject], stdout=gs.subprocess.PIPE, text=True)
        gs.wait_for("somebody listens", lambda: subject in self.system.grove("sub", "--list", check=False).stdout)
        self.hold("told.a", 60 * MEBIBYTE)
        event = gs.json.loads(listener.communicate(timeout=gs.DEADLINE_SECONDS)[0])
        data = event["data"] if isinstance(event["data"], dict) else gs.json.loads(event["data"])
        self.assertEqual((event["publisher"], data["resource"], data["action"]), ("system.resource", "memory", "told"))
        self.assertEqual(data["limit"], 64 * MEBIBYTE)
        gs.wait_for("it is told", lambda: "told.a reached its limit of memory: told" in
                    self.system.grove("logs", "-n", "50", "system.resource").stdout)
        self.assertEqual(self.cases(), {})
        self.assertEqual(self.state("told.a")[0], "ready")

    def test_terminated(self):
        self.system.up(self.system.write_project("ended", {
            "a": self.greedy("a", "64M", "terminate", "restart: {policy: always, delay: 1ms, give-up: 0}")}))
        before = self.pid("ended.a")
        self.hold("ended.a", 60 * MEBIBYTE)
        gs.wait_for("it is another one", lambda: self.pid("ended.a") not in (None, before))
        gs.wait_for("the case is closed", lambda: self.cases() == {})

    def test_terminated_by_the_ladder_for_budgets(self):
        """Each cause has a ladder: this one does not restart at all over a budget, and goes on over crashes."""
        self.system.up(self.system.write_project("ended", {"a": self.greedy(
            "a", "64M", "terminate", "recovery: {crash: 1000, budget: {restarts: 0, then: [give-up]}}")}))
        before = self.pid("ended.a")
        os.kill(before, signal.SIGKILL)
        gs.wait_for("it is another one", lambda: self.pid("ended.a") not in (None, before))
        self.system.wait_for_state("ended.a", "ready")
        self.hold("ended.a", 60 * MEBIBYTE)
        self.system.wait_for_state("ended.a", "given-up")
        (found,) = gs.wait_for("both are counted", lambda: [record for record in self.system.json("health", "recovery")
                               if record["name"] == "ended.a" and record.get("budget", {}).get("total") == 1])
        self.assertEqual((found["crash"]["total"], found["cause"], found["step"]), (1, "budget", "give-up"))
        self.assertIn("over its budget of memory", found["reason"])
        gs.wait_for("the case is closed", lambda: self.cases() == {})

    def test_terminated_though_nobody_decides(self):
        self.system.up(self.system.write_project("ended", {
            "a": self.greedy("a", "64M", "terminate", "restart: {policy: always, delay: 1ms, give-up: 0}")}))
        before, decider = self.pid("ended.a"), self.pid("system.reincarnation")
        os.kill(decider, signal.SIGSTOP)
        try:
            self.hold("ended.a", 60 * MEBIBYTE)
            gs.wait_for("it is another one", lambda: self.pid("ended.a") not in (None, before))
        finally:
            os.kill(decider, signal.SIGCONT)
        gs.wait_for("the case is closed", lambda: self.cases() == {})

    def test_suspended_for_a_while_and_again_while_it_does_not_change(self):
        self.system.up(self.system.write_project("still", {"a": self.greedy("a", "64M", "{policy: suspend, for: 1s}")}))
        self.hold("still.a", 60 * MEBIBYTE)
        gs.wait_for("it is frozen", lambda: self.state("still.a") == ("degraded", "is frozen"))
        self.assertEqual(self.cases()["still.a"]["state"], "suspended")
        # Whoever is killed meanwhile, it is thawed in time.
        self.kill_resource()
        gs.wait_for("it is thawed", lambda: self.state("still.a")[0] == "ready")
        gs.wait_for("and frozen again, as it holds what it held", lambda: self.state("still.a") == ("degraded", "is frozen"))
        self.assertGreaterEqual(self.cases()["still.a"]["actions"], 2)
        # A new instance starts without a case.
        self.system.grove("restart", "still.a")
        gs.wait_for("the case is closed", lambda: self.cases() == {})
        self.assertEqual(self.state("still.a")[0], "ready")

    def test_throttled_and_released(self):
        self.system.up(self.system.write_project("slow", {
            "a": self.greedy("a", "64M", "{policy: throttle, for: 1s, to: 7%}")}))
        self.hold("slow.a", 60 * MEBIBYTE)
        gs.wait_for("it is throttled", lambda: self.cases().get("slow.a", {}).get("state") == "throttled")
        gs.wait_for("the kernel limits it", lambda: self.processor_limit("slow.a") == 70000)
        gs.wait_for("it is released", lambda: self.processor_limit("slow.a") == 0)
        self.assertEqual(self.state("slow.a")[0], "ready")
        # Once more throttled, a new instance has all of its budget.
        gs.wait_for("it is throttled again", lambda: self.processor_limit("slow.a") == 70000)
        self.system.grove("restart", "slow.a")
        self.assertEqual(self.processor_limit("slow.a"), 0)

    def processor_limit(self, name):
        """What the kernel's record of the container says, through the binding of libgrove."""
        import ctypes
        session, native = self.session(), self.binding().native
        message = native.Message(operation=18)
        raw = (0).to_bytes(8, "little") + name.encode().ljust(64, b"\0")
        ctypes.memmove(message.body, raw, len(raw))
        status = native.library.grove_kernel_request(session._handle, ctypes.byref(message), None, 0, None, None,
                                                     ctypes.c_uint64(10 ** 10))
        session.close()
        self.assertEqual(status, 0)
        budget = bytes(message.body)[240:]  # struct grove_container_record of abi/request.h
        return int.from_bytes(budget[8:16], "little")

    def test_policies_are_checked_where_they_are_written(self):
        for text, words in (("memory: melt", "did you mean"), ("memory: {policy: suspend, for: 2h}", "1h"),
                            ("processor: {policy: throttle, to: 0%}", "no processor time at all"),
                            ("disks: tell", "no such field")):
            path = os.path.join(self.system.folder, "wrong.yaml")
            with open(path, "w", encoding="ascii") as file:
                file.write(f"name: a\nexec: [/bin/true]\nlimits: {{{text}}}\n")
            result = self.system.grove("check", path, check=False)
            self.assertEqual(result.returncode, 1, text)
            self.assertIn(words, result.stdout + result.stderr, text)


class Hard(Resource):
    """The limits that hold whoever watches: each is tried by a service that wants more."""

    def test_private_space_and_files_end_at_their_limits(self):
        program = "import sys; f = open(sys.argv[1], 'wb', 0)\ntry:\n  while True: f.write(bytes(65536))\nexcept OSError as " \
                  "e: print(e.errno, f.tell(), flush=True)\n"
        path = os.path.join(self.system.folder, "fill.py")
        with open(path, "w", encoding="ascii") as file:
            file.write(program)
        for name, limits, place, most in (("scratch", "scratch: 1M", "/tmp/full", MEBIBYTE),
                                          ("file", "file-size: 512K, scratch: 16M", "/tmp/full", MEBIBYTE // 2)):
            with self.subTest(name):
                result = self.system.grove("run", "--manifest", self.manifest(name, limits, path, place), check=False)
                self.assertEqual(len(result.stdout.split()), 2, result.stdout + result.stderr)
                self.assertLessEqual(int(result.stdout.split()[1]), most)

    def manifest(self, name, limits, path, place):
        manifest = os.path.join(self.system.folder, name + ".yaml")
        with open(manifest, "w", encoding="ascii") as file:
            file.write(f"name: {name}\nexec: [/usr/bin/python3, {path}, {place}]\nresources: {{{limits}}}\n"
                       f"capabilities: ['FS_READ:{path}']\n")
        return manifest


if __name__ == "__main__":
    gs.main()
