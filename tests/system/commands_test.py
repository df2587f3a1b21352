"""The commands as people use them: what they print, and what they say when something is wrong."""
import grove_system as gs


class Commands(gs.SystemTest):
    def fails(self, *arguments, status=1):
        result = self.system.grove(*arguments, check=False)
        self.assertEqual(result.returncode, status, result.stdout + result.stderr)
        return result.stderr

    def test_without_a_kernel_each_says_how_to_get_one(self):
        for command in (("ps",), ("tree",), ("status", "a.b"), ("start", "a.b"), ("logs", "a.b"), ("why", "a.b"),
                        ("top", "--once"), ("trace",), ("boot",), ("call", "a.b", "c"), ("kill", "a.b"), ("down", "-p", "a")):
            with self.subTest(command[0]):
                self.assertIn("grove up", self.fails(*command))

    def test_calls_are_encoded_checked_and_decoded(self):
        self.system.up()
        self.assertEqual(self.system.call("counter", "tell", "number=70000"), {})
        self.assertEqual(self.system.grove("call", "echo", "say", "a b").stdout, "words: a b\n")
        self.assertIn("number is u64", self.fails("call", "counter", "tell", "many", status=2))
        self.assertIn("number:u64 is missing", self.fails("call", "counter", "tell", status=2))
        self.assertIn("one argument too many", self.fails("call", "counter", "count", "1", status=2))
        self.assertIn("it has: tell, count, crash", self.fails("call", "counter", "cuont"))
        self.assertEqual(self.system.grove("call", "echo", "3", "--hex", "6162").stdout, "6162\n")

    def test_the_timeline_of_the_start_counts_from_the_kernel(self):
        self.system.up()
        timeline = self.system.json("boot")
        phases = [phase["phase"] for phase in timeline["phases"]]
        self.assertEqual((phases[0], phases[-1]), ("core", "user services"))
        services = {service["name"]: service for service in timeline["services"]}
        core, user = timeline["phases"][0]["ready_ns"], timeline["phases"][-1]["ready_ns"]
        self.assertGreaterEqual(core, max(services["system." + name]["ready_ns"] for name in ("registry", "log")))
        self.assertEqual(user, max(service["ready_ns"] for service in services.values()
                                   if service["phase"] == "user services"))
        for service in services.values():
            self.assertLess(service["started_ns"], service["ready_ns"], service["name"])
        # What requires another was started when that one was ready.
        self.assertLessEqual(services["basic.counter"]["ready_ns"], services["basic.teller"]["started_ns"])
        self.assertNotIn("basic.echo", services)
        text = self.system.grove("boot").stdout
        self.assertLess(text.index("user services"), text.index("basic.counter"))

    def test_names_that_are_unknown_or_mean_several(self):
        self.system.up()
        self.system.up(self.system.write_project("second", {
            "echo": f'exec: ["{self.system.actors}/actor", echo, echo]\nprovides: [echo]'}))
        self.assertIn("grove ps", self.fails("status", "nobody"))
        message = self.fails("status", "echo")
        self.assertIn("basic.echo", message)
        self.assertIn("second.echo", message)
        self.assertIn("project.service", self.fails("status", "no/name", status=2))

    def test_what_is_printed_for_programs_is_json(self):
        self.system.up()
        for command in (("ps",), ("tree",), ("status", "counter"), ("why", "counter"), ("top", "--once"),
                        ("restart", "talker"), ("stop", "talker"), ("start", "talker"), ("kill", "talker")):
            with self.subTest(command[0]):
                self.system.json(*command)
        lines = self.system.grove("trace", "--json", "-n", "6").stdout.splitlines()
        self.assertLessEqual({gs.json.loads(line)["stage"] for line in lines},
                             {"sent", "taken", "completed", "replied", "applied"})

    def test_system_services_are_not_stopped_but_restarted(self):
        self.system.up()
        self.assertIn("grove restart", self.fails("stop", "registry"))
        before = self.system.services()["system.log"]["process"]
        self.system.grove("restart", "log")
        gs.wait_for("a new log service", lambda: self.system.services()["system.log"].get("process") not in (None, before))

    def test_a_refusal_is_explained_with_the_line_that_allows_it(self):
        folder = self.system.write_project("curious", {})
        with open(f"{folder}/services/one.yaml", "w", encoding="utf-8") as file:
            file.write('name: one\nversion: 1.0.0\nreadiness: exit\nrestart: never\n'
                       'exec: [/usr/bin/python3, -c, "import socket; socket.create_connection((\'127.0.0.1\', 9), 5)"]\n')
        self.system.up(folder, check=False)
        told = gs.wait_for("the refusal", lambda: "NET_CONNECT" in self.system.grove("why", "curious.one").stdout and
                           self.system.grove("why", "curious.one").stdout)
        self.assertIn("- NET_CONNECT:127.0.0.1:9", told)


if __name__ == "__main__":
    gs.main()
