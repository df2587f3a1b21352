"""Every kind of check, good and bad; the breaker; checks that services register; probes; refusals."""
import http.server
import os
import socket
import threading

import health_system as hs


class Web(http.server.BaseHTTPRequestHandler):
    status = 200

    def do_GET(self):
        self.send_response(Web.status)
        self.end_headers()

    def log_message(self, *_):
        pass


def hostile_server(answer):
    """Accepts, says `answer` again and again as long as it is taken, and reads nothing. Returns its port and how to end it."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.2)
    is_over = threading.Event()

    def speak(connection):
        with connection:
            connection.settimeout(0.2)
            while answer and not is_over.is_set():
                try:
                    connection.sendall(answer)
                except OSError:
                    return
            is_over.wait(30)

    def serve():
        while not is_over.is_set():
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            threading.Thread(target=speak, args=(connection,), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()

    def end():
        is_over.set()
        listener.close()
    return listener.getsockname()[1], end


class Checks(hs.HealthTest):
    def web(self):
        Web.status = 200
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Web)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return server.server_address[1]

    def test_every_kind_sees_what_is_well_and_what_is_not(self):
        port = self.web()
        folder = os.path.join(self.system.folder, "shown")
        os.mkdir(folder, 0o755)
        self.up(a=f"""
system-files: true
capabilities: [FS_READ:{folder}]
health:
  - {{kind: heartbeat, interval: 50ms}}
  - {{kind: call, argument: say, interval: 50ms}}
  - {{kind: tcp, argument: '127.0.0.1:{port}', interval: 50ms, severity: warning}}
  - {{kind: http, argument: 'http://127.0.0.1:{port}/', interval: 50ms, failures: 2, severity: warning}}
  - {{kind: command, argument: '/usr/bin/test -e {folder}/ill', interval: 100ms, failures: 1, severity: warning}}
""")
        for kind in ("heartbeat", "call", "tcp", "http"):
            found = self.wait_for_check("h.a", kind, health="ok", kind=kind)
            hs.wait_for(f"{kind} has a median", lambda kind=kind: self.check("h.a", kind).get("latency_median_ns"))
            self.assertEqual(found["failures"], 0, kind)
        # The command exits with 1: a file is missing. It sees the folder by the rights of the service beside which it runs.
        failed = self.wait_for_check("h.a", "command", health="degraded", cause="failed check")
        self.assertIn("status 1", failed["reason"])
        self.wait_for_health("h.a", "degraded")
        with open(os.path.join(folder, "ill"), "w", encoding="ascii"):
            pass
        self.wait_for_check("h.a", "command", health="ok")
        self.wait_for_health("h.a", "ok")
        self.assertEqual(self.health()[""], "ok")
        Web.status = 503
        failed = self.wait_for_check("h.a", "http", health="degraded")
        self.assertIn("status 503", failed["reason"])
        self.wait_for_health("h.a", "degraded")
        self.assertEqual(self.health()[""], "degraded")
        Web.status = 204
        self.wait_for_health("h.a", "ok")
        history = self.system.json("health", "history", "h.a", "http")
        self.assertIn("failed check", {sample["result"] for sample in history})
        self.assertEqual(history[-1]["result"], "ok")

    def test_the_breaker_opens_after_five_failures_and_closes_by_a_probe(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        self.up(a=f"health: {{kind: tcp, argument: '127.0.0.1:{port}', interval: 50ms, severity: warning}}\n")
        open_one = self.wait_for_check("h.a", "tcp", breaker="open")
        self.assertEqual(open_one["failures_in_row"], 5)
        self.assertIn("refused", open_one["reason"])
        # Open, it is tried less and less often, one time each.
        hs.wait_for("it is tried again", lambda: self.check("h.a", "tcp")["failures_in_row"] > 5)
        with socket.create_server(("127.0.0.1", port)):
            self.wait_for_check("h.a", "tcp", breaker="closed", health="ok")

    def test_hostile_peers_cost_one_check_and_no_more(self):
        answers = {"silent": b"", "garbage": b"\x00\xff" * 4096, "endless": b"HTTP/1.1 " + b"9" * 4096,
                   "headers": b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 1000, "wrong": b"HTTP/1.1 2000 OK\r\n"}
        checks = []
        for name, answer in answers.items():
            port, end = hostile_server(answer)
            self.addCleanup(end)
            checks.append(f"  - {{kind: http, name: {name}, argument: 'http://127.0.0.1:{port}/', interval: 100ms, "
                          f"timeout: 300ms, failures: 1, severity: warning}}\n")
        self.up(a="health:\n" + "".join(checks) + "  - {kind: heartbeat, interval: 50ms}\n")
        self.wait_for_check("h.a", "silent", health="degraded")
        for name in ("garbage", "endless", "wrong"):
            self.assertIn("none of HTTP/1", self.wait_for_check("h.a", name, health="degraded")["reason"])
        self.wait_for_check("h.a", "headers", health="ok") # nothing behind the status line is read
        self.assertEqual(self.wait_for_check("h.a", "heartbeat", health="ok")["failures"], 0)
        self.assertEqual(self.system.services()["system.health"]["restarts"], 0)

    def test_services_register_checks_of_their_own(self):
        folder = self.system.write_project("h", {"a": self.manifest("a", "requires: [system.health]\n", "extension")})
        self.system.grove("up", folder)
        self.wait_for_check("h.a", "own", health="ok", kind="call")
        self.wait_for_check("h.a", "reported", health="ok", kind="report")
        offers = [("h.a.own", "h.a", "service=h.a check=own kind=call"),
                  ("h.a.reported", "system.health", "service=h.a check=reported kind=report")]
        hs.wait_for("they are extensions", lambda: self.offers() == offers)
        self.system.call("h.a", "well", "0")
        self.assertIn("told to be ill", self.wait_for_check("h.a", "own", health="degraded")["reason"])
        self.system.call("h.a", "well", "1")
        self.wait_for_health("h.a", "ok")
        before = self.process("h.a")
        # What is registered outlives health, and not the instance that registered it: the next registers again.
        self.system.grove("kill", "-s", "KILL", "h.a")
        hs.wait_for("another instance", lambda: self.process("h.a") not in (None, before))
        self.wait_for_check("h.a", "own", health="ok")
        tries = self.check("h.a", "own")["tries"]
        self.system.grove("kill", "-s", "KILL", "system.health")
        hs.wait_for("its history goes on", lambda: self.check("h.a", "own").get("tries", 0) > tries)
        hs.wait_for("they still are", lambda: self.offers() == offers)
        self.system.grove("down", folder)
        hs.wait_for("they are no more", lambda: self.offers() == [])

    def offers(self):
        return sorted((row["name"], row["endpoint"], row["detail"]) for row in self.system.json("find", "--extension", "health"))

    def test_what_says_nothing_is_asked_only_on_demand(self):
        self.up(a="")
        self.assertEqual(self.health("h.a")["health"], "absent")
        probe = self.system.json("health", "probe", "h.a")
        self.assertEqual([(each["kind"], each["health"]) for each in probe], [("heartbeat", "ok")])
        hs.wait_for("it is forgotten", lambda: self.health("h.a")["health"] == "absent")
        self.assertIn("no service named", self.system.grove("health", "probe", "h.b", check=False).stderr)

    def test_faults_in_manifests_are_named(self):
        for text, said in (("health: {kind: http, argument: 'https://127.0.0.1/'}", "no https"),
                           ("health: [{kind: heartbeat}, {kind: ping, name: heartbeat}]", "is in line"),
                           ("health: {kind: call, argument: unknown}", "kind call needs METHOD"),
                           ("health: {kind: command, argument: test}", "absolute path"),
                           ("recovery: {crash: {then: [sometimes]}}", "is no step"),
                           ("recovery: {crush: 1}", "did you mean crash")):
            folder = self.system.write_project("h", {"a": self.manifest("a", text)})
            result = self.system.grove("check", folder, check=False)
            self.assertNotEqual(result.returncode, 0, text)
            self.assertIn(said, result.stderr + result.stdout, text)

    def test_checks_follow_the_manifest(self):
        self.up(a="health: {kind: heartbeat, interval: 50ms}\n")
        self.wait_for_check("h.a", "heartbeat", health="ok")
        self.up(a="health: {kind: call, argument: say, interval: 50ms}\n")
        self.wait_for_check("h.a", "call", health="ok")
        self.assertEqual(self.check("h.a", "heartbeat")["health"], "absent")
        self.system.grove("down", "-p", "h")
        hs.wait_for("it is forgotten", lambda: self.health("h.a")["health"] == "absent")


if __name__ == "__main__":
    hs.main()
