"""Alerts are told once, to every sink, not while they are silenced, and what is set outlives health and the kernel."""
import http.server
import json
import os
import queue
import socket
import threading

import health_system as hs


class Alerts(hs.HealthTest):
    def webhook(self, status=200):
        """A receiver of webhooks. Returns its address, and a queue of what it got."""
        got = queue.Queue()
        facts = {"status": status}

        class Receiver(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                got.put(json.loads(body))
                self.send_response(facts["status"])
                self.end_headers()

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return f"http://127.0.0.1:{server.server_address[1]}/alerts", got, facts

    def port(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            return listener.getsockname()[1]

    def start(self, more=""):
        port = self.port()
        self.up(a=f"health: {{kind: tcp, argument: '127.0.0.1:{port}', interval: 50ms, failures: 2, severity: warning}}\n"
                  + more)
        return port

    def test_an_alert_is_told_once_and_its_end_too(self):
        self.system.grove("up")
        address, got, _ = self.webhook()
        self.system.grove("health", "sink", "ops", "webhook", address)
        port = self.start()
        told = got.get(timeout=60)
        self.assertEqual((told["service"], told["alert"], told["severity"], told["state"]),
                         ("h.a", "tcp", "warning", "raised"))
        hs.wait_for("it is raised again", lambda: self.alerts("h.a").get("tcp", {}).get("times", 0) > 5)
        self.assertTrue(got.empty(), "raised often, told once")
        with socket.create_server(("127.0.0.1", port)):
            over = got.get(timeout=60)
            self.assertEqual((over["service"], over["alert"], over["state"]), ("h.a", "tcp", "over"))
        self.assertEqual(self.system.json("health", "sinks")[0]["told"], 2)
        self.assertIn("warning: h.a, tcp: ", self.system.grove("logs", "system.health").stdout)

    def test_silence_holds_and_ends(self):
        self.system.grove("up")
        address, got, _ = self.webhook()
        self.system.grove("health", "sink", "ops", "webhook", address)
        self.system.grove("health", "silence", "h.*", "1h")
        self.start()
        alert = hs.wait_for("it is raised", lambda: self.alerts("h.a").get("tcp"))
        self.assertTrue(alert["silenced"])
        # Silences and alerts are in the state region of health.
        self.system.grove("kill", "-s", "KILL", "system.health")
        hs.wait_for("it is raised more", lambda: self.alerts("h.a").get("tcp", {}).get("times", 0) > alert["times"])
        self.assertEqual([each["pattern"] for each in self.system.json("health", "silences")], ["h.*"])
        self.assertTrue(got.empty())
        self.system.grove("health", "silence", "h.*", "0")
        self.assertEqual(got.get(timeout=60)["alert"], "tcp")
        self.assertEqual(self.system.json("health", "silences"), [])

    def test_a_sink_that_fails_is_tried_again_and_counted(self):
        self.system.grove("up")
        address, got, facts = self.webhook(status=500)
        self.system.grove("health", "sink", "ops", "webhook", address)
        self.start()
        got.get(timeout=60)
        facts["status"] = 204
        got.get(timeout=60)
        hs.wait_for("it was told in the end", lambda: self.system.json("health", "sinks")[0]["told"] == 1)
        self.assertEqual(self.system.json("health", "sinks")[0]["failed"], 0)

    def test_a_command_has_the_rights_of_its_service(self):
        self.system.grove("up")
        folder = os.path.join(self.system.folder, "told")
        os.mkdir(folder)
        os.chmod(folder, 0o777)
        notifier = self.system.write_project("n", {"duty": self.manifest("duty").replace("h.duty", "n.duty") +
                                                   f"system-files: true\ncapabilities: [FS_WRITE:{folder}]\n"})
        self.system.grove("up", notifier)
        self.system.grove("health", "sink", "duty", "command", "n.duty", "/usr/bin/touch", f"{folder}/told")
        self.start()
        # touch is given the alert as further files; it may write in this folder and nowhere else.
        hs.wait_for("the command ran", lambda: os.path.exists(f"{folder}/told"))
        self.assertEqual(os.listdir(folder), ["told"])

    def test_sinks_that_never_take_it_are_given_up_and_hold_nobody(self):
        """Nobody listens, an answer that never comes, a command that fails: each is counted, and the one that works is told."""
        self.system.grove("up")
        address, got, _ = self.webhook()
        silent = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(silent.close)
        self.up(duty="system-files: true\n")
        self.system.grove("health", "sink", "dead", "webhook", f"http://127.0.0.1:{self.port()}/")
        self.system.grove("health", "sink", "silent", "webhook", f"http://127.0.0.1:{silent.getsockname()[1]}/")
        self.system.grove("health", "sink", "wrong", "command", "h.duty", "/usr/bin/false")
        self.system.grove("health", "sink", "works", "webhook", address)
        self.start()
        self.assertEqual(got.get(timeout=60)["alert"], "tcp")
        sinks = hs.wait_for("two are given up", lambda: [sink for sink in self.system.json("health", "sinks")
                            if sink["failed"] == 1 and sink["sink"] in ("dead", "wrong")][1:] and
                            {sink["sink"]: sink for sink in self.system.json("health", "sinks")})
        self.assertEqual((sinks["works"]["told"], sinks["works"]["failed"], sinks["silent"]["told"]), (1, 0, 0))
        said = self.system.grove("logs", "system.health").stdout
        for name in ("dead", "wrong"):
            self.assertIn(f"the sink {name} cannot be told", said)

    def test_sinks_outlive_health_and_the_kernel_and_are_checked(self):
        self.system.grove("up")
        self.system.grove("health", "sink", "ops", "webhook", "http://127.0.0.1:9/x", "--severity", "critical")
        self.system.grove("kill", "-s", "KILL", "system.health")
        self.assertEqual(self.system.json("health", "sinks")[0]["severity"], "critical")
        self.system.grove("down", "--all")
        self.system.grove("up")
        self.assertEqual([each["sink"] for each in self.system.json("health", "sinks")], ["ops"])
        self.system.grove("health", "sink", "ops", "remove")
        self.assertEqual(self.system.json("health", "sinks"), [])
        for arguments, said in ((("x", "webhook", "https://127.0.0.1/"), "https is not spoken"),
                                (("x", "webhook", "http://example.org/"), "numeric address"),
                                (("x y", "webhook", "http://127.0.0.1/"), "its name is"),
                                (("x", "command", "system.log", "touch"), "absolute path"),
                                (("x", "remove"), "no such sink")):
            result = self.system.grove("health", "sink", *arguments, check=False)
            self.assertNotEqual(result.returncode, 0)
            self.assertIn(said, result.stderr)


if __name__ == "__main__":
    hs.main()
