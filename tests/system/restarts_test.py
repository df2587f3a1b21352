"""What fails is started again, ever more slowly, and given up in the end."""
import grove_system as gs


class Restarts(gs.SystemTest):
    def actor(self, role, extra, name="one"):
        return self.system.write_project("p", {
            name: f'exec: ["{self.system.actors}/actor", {role}, {name}]\nprovides: [{name}]\n{extra}'})

    def test_what_fails_too_often_is_given_up_and_tried_again_on_request(self):
        folder = self.actor("crasher", "restart: {policy: on-failure, delay: 1ms, delay-cap: 5ms, give-up: 3, window: 60s}")
        result = self.system.up(folder, check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn("given-up", result.stderr)
        service = self.system.services()["p.one"]
        self.assertEqual((service["state"], service["restarts"], service["generation"]), ("given-up", 3, 4))
        self.assertIn("exited with status 3", service["reason"])
        self.assertIn("exited with status 3", self.system.grove("why", "p.one").stdout)
        self.system.grove("start", "p.one", check=False)
        self.system.wait_for_state("p.one", "given-up")
        self.assertGreater(self.system.services()["p.one"]["generation"], 4)

    def test_given_up_is_remembered_by_the_next_registry(self):
        folder = self.actor("crasher", "restart: {policy: on-failure, delay: 1ms, delay-cap: 5ms, give-up: 2, window: 60s}")
        self.system.up(folder, check=False)
        generation = self.system.services()["p.one"]["generation"]
        registry = self.system.services()["system.registry"]["process"]
        self.system.grove("kill", "registry")
        gs.wait_for("a new registry", lambda: self.system.services()["system.registry"].get("process") not in
                    (None, registry))
        service = self.system.services()["p.one"]
        self.assertEqual((service["state"], service["generation"]), ("given-up", generation))

    def test_what_is_not_ready_in_time_has_failed(self):
        folder = self.actor("silent", "readiness: {kind: grove, timeout: 50ms}\nrestart: {policy: never}")
        result = self.system.up(folder, check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn("was not ready within", self.system.services()["p.one"]["reason"])

    def test_a_killed_service_keeps_its_channels_and_its_state(self):
        self.system.up()
        before = self.system.call("basic.counter", "count")["count"]
        process = self.system.services()["basic.counter"]["process"]
        self.system.grove("kill", "basic.counter")
        after = self.system.call("basic.counter", "count")
        self.assertGreaterEqual(after["count"], before)
        self.assertNotEqual(self.system.services()["basic.counter"]["process"], process)

    def test_a_stopped_service_stays_stopped(self):
        self.system.up()
        self.system.grove("stop", "basic.talker")
        self.system.grove("kill", "registry")
        gs.wait_for("the registry is back", lambda: self.system.state_of("system.registry") == "ready")
        self.assertEqual(self.system.state_of("basic.talker"), "stopped")
        self.system.grove("start", "basic.talker")
        self.assertEqual(self.system.state_of("basic.talker"), "ready")

    def test_readiness_by_port_and_by_command(self):
        if not gs.os.path.exists("/usr/bin/python3"):
            self.skipTest("needs /usr/bin/python3 for an unmodified server")
        with gs.socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        folder = self.system.write_project("ports", {})
        with open(f"{folder}/services/web.yaml", "w", encoding="utf-8") as file:
            file.write(f'name: web\nversion: 1.0.0\n'
                       f'exec: [/usr/bin/python3, -m, http.server, --bind, 127.0.0.1, "{port}"]\n'
                       f'capabilities: ["NET_BIND:127.0.0.1:{port}"]\n'
                       f'readiness: {{kind: port, argument: "127.0.0.1:{port}", timeout: 20s}}\n')
        with open(f"{folder}/services/asked.yaml", "w", encoding="utf-8") as file:
            file.write('name: asked\nversion: 1.0.0\nexec: [/usr/bin/sleep, "1000"]\n'
                       'readiness: {kind: command, argument: /usr/bin/true, timeout: 20s}\n')
        self.system.up(folder)
        self.assertEqual(self.system.state_of("ports.web"), "ready")
        self.assertEqual(self.system.state_of("ports.asked"), "ready")
        with gs.socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            self.assertIn(b"HTTP/1.0", connection.recv(100))


if __name__ == "__main__":
    gs.main()
