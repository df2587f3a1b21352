"""What grows is announced before it does harm: memory before it kills, latency before the timeout."""
import http.server
import re
import threading

import health_system as hs


class Trends(hs.HealthTest):
    def test_a_leak_is_announced_before_it_kills(self):
        self.up(a="health: {kind: heartbeat, interval: 50ms}\nresources: {memory: 48M}\n"
                  "recovery: {budget: {first-delay: 0s}}\n")
        self.wait_for_health("h.a", "ok")
        self.system.call("h.a", "leak", "200000")
        alert = hs.wait_for("the leak is announced", lambda: self.alerts("h.a").get("memory"))
        self.assertRegex(alert["text"], r"memory grows [0-9.]+ (KiB|MiB)/min, limit in [0-9]+ (s|min)")
        self.assertEqual(self.system.services()["h.a"]["restarts"], 0, "it is still alive")
        self.wait_for_health("h.a", "degraded", cause="trend")
        # The rate is what it really is: 200,000 bytes every 20 ms is 572 MiB a minute; a loaded machine makes it fewer.
        rate = float(re.search(r"grows ([0-9.]+) MiB/min", hs.wait_for(
            "a rate in MiB", lambda: "MiB/min" in self.alerts("h.a")["memory"]["text"] and
            self.alerts("h.a")["memory"]["text"])).group(1))
        self.assertLess(rate, 700)
        self.assertGreater(rate, 5)
        if hs.gs.os.geteuid() == 0:
            hs.wait_for("it was ended for it", lambda: self.recovery("h.a").get("cause") == "budget")
            hs.wait_for("the alert is over with the instance", lambda: "memory" not in self.alerts("h.a"))
            self.wait_for_health("h.a", "ok")

    def test_what_only_sways_is_not_announced(self):
        self.up(a="health: {kind: heartbeat, interval: 20ms}\nresources: {memory: 48M}\n")
        hs.wait_for("it was tried often", lambda: self.check("h.a", "heartbeat").get("tries", 0) > 80)
        self.assertEqual(self.alerts("h.a"), {})

    def test_latency_that_grows_is_announced(self):
        self.up(a="health: {kind: call, argument: slow, interval: 20ms, timeout: 400ms, severity: warning}\n")
        alert = hs.wait_for("it is announced", lambda: self.alerts("h.a").get("latency call"))
        self.assertRegex(alert["text"], "longer each time: its timeout in [0-9]+ s")
        self.assertEqual(self.check("h.a", "call")["failures"], 0, "before it fails")
        self.wait_for_health("h.a", "degraded", cause="trend")

    def test_errors_that_become_more_are_announced_before_the_check_fails(self):
        """The share of failures grows from none to nearly half, evenly spread: never so many in a row that it fails."""
        facts = {"asked": 0, "owed": 0.0}

        class Failing(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                facts["asked"] += 1
                facts["owed"] += min(0.45, facts["asked"] / 140)
                fails = facts["owed"] >= 1
                facts["owed"] -= fails
                self.send_response(500 if fails else 200)
                self.end_headers()

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Failing)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.up(a=f"health: {{kind: http, argument: 'http://127.0.0.1:{server.server_address[1]}/', interval: 20ms, "
                  "failures: 4, severity: warning}\n")
        alert = hs.wait_for("it is announced", lambda: self.alerts("h.a").get("errors http"))
        self.assertRegex(alert["text"], r"fails [0-9]+% of the time, and more and more: 50% in [0-9]+ s")
        self.assertNotIn("http", self.alerts("h.a"), "it has not failed")
        self.wait_for_health("h.a", "degraded", cause="trend")


if __name__ == "__main__":
    hs.main()
