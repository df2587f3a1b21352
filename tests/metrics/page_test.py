"""The page: every family that docs/metrics.md names, true against what the commands say, and the example of alerts."""
import os
import re
import signal
import subprocess

import metrics_system as ms
from metrics_system import gs

DOCS = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs"))


def documented():
    """{family: (kind, labels)} from the tables of docs/metrics.md."""
    with open(os.path.join(DOCS, "metrics.md"), encoding="utf-8") as file:
        rows = re.findall(r"^\| `(grove_[a-z_]+)` \| (counter|gauge|histogram) \| ([^|]*) \|", file.read(), re.MULTILINE)
    return {name: (kind, tuple(sorted(re.findall(r"[a-z]+", labels)))) for name, kind, labels in rows}


def families(page):
    """The same of a page."""
    kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", page.text, re.MULTILINE))
    result = {}
    for name, kind in kinds.items():
        series = page.families.get(name) or page.families[name + "_count"]
        result[name] = (kind, tuple(sorted(label for label, _ in next(iter(series)))))
    return result


class PageTest(ms.MetricsTest):
    def test_every_family_is_there_and_documented(self):
        self.up("grid", one="good", two="crowd")
        self.system.grove("store", "set", "lab.keys", "key", "value")
        page = self.page_when("services are there", lambda page: "user_grid_level" in page.families and
                              "grove_store_used_keys" in page.families)
        self.check(page)
        found = {name: facts for name, facts in families(page).items() if not name.startswith("user_")}
        self.assertEqual(found, documented())

    def test_values_are_what_the_commands_say(self):
        self.up("grid", one="good")
        self.system.call("grid.one", "count", "5")
        self.system.call("grid.one", "count", "50")
        page = self.page()
        feeder = "one \\\"1\\\"\\n"
        self.assertEqual(page.value("user_grid_readings_total", service="grid.one", feeder=feeder), 55)
        self.assertEqual(page.value("user_grid_level", service="grid.one"), -50)
        self.assertEqual(page.value("user_grid_reaction_seconds_bucket", service="grid.one", le="0.01"), 1)
        self.assertEqual(page.value("user_grid_reaction_seconds_bucket", service="grid.one", le="+Inf"), 2)
        self.assertAlmostEqual(page.value("user_grid_reaction_seconds_sum", service="grid.one"), 0.055)

        services = self.system.services()
        for name, service in services.items():
            self.assertEqual(page.value("grove_resource_starts_total", service=name), service["restarts"] + 1, name)
            self.assertEqual(page.value("grove_metrics_service_answered", service=name), 1, name) if name != "system.metrics" \
                else self.assertNotIn(name, [labels[0] for labels in page.series("grove_metrics_service_answered")])
        rows = {row["name"]: row for row in self.system.json("top", "--once")}
        for name, row in rows.items():
            self.assertEqual(page.value("grove_resource_processes", service=name), row["processes"], name)
            self.assertLessEqual(page.value("grove_resource_processor_seconds_total", service=name), row["processor_ns"] / 1e9, name)
            self.assertGreater(page.value("grove_resource_processor_seconds_total", service=name), 0, name)
        self.assertEqual(page.value("grove_registry_services", state="ready"), 1)
        boot = self.system.json("boot")
        self.assertAlmostEqual(page.value("grove_init_boot_seconds"), boot["kernel_ready_ns"] / 1e9, places=6)
        self.assertEqual(page.value("grove_kernel_objects", kind="containers"), len(services))
        self.assertEqual(page.value("grove_kernel_swaps_total", result="committed"), 0)

    def test_what_happens_is_counted(self):
        self.up("grid", one="good")
        before = self.page()
        for number in range(3):
            self.system.grove("pub", f"lab.{number}", "x")
        self.system.grove("store", "set", "lab.keys", "key", "value")
        process = self.system.services()["grid.one"]["process"]
        os.kill(process, signal.SIGKILL)
        gs.wait_for("the next instance", lambda: self.system.services()["grid.one"].get("process") not in (None, 0, process))
        self.system.wait_for_state("grid.one", "ready")
        after = self.page_when("the restarted service has answered", lambda page:
                               page.series("grove_metrics_service_answered").get(("grid.one",)) == 1)
        grown = lambda name, **labels: after.value(name, **labels) - before.value(name, **labels)  # noqa: E731
        self.assertGreaterEqual(grown("grove_bus_published_total"), 3)
        self.assertGreaterEqual(grown("grove_store_requests_total"), 1)
        self.assertEqual(grown("grove_registry_restarts_total", cause="signal"), 1)
        self.assertEqual(grown("grove_resource_starts_total", service="grid.one"), 1)
        self.assertEqual(grown("grove_reincarnation_failures_total", cause="crash"), 0)  # its manifest has no recovery:
        self.assertEqual(after.value("grove_store_used_keys", namespace="lab.keys"), 1)
        self.assertEqual(after.value("user_grid_readings_total", service="grid.one", feeder="one \\\"1\\\"\\n"), 0)

    def test_refusals_and_lost_log_are_there(self):
        self.system.grove("up", self.system.write_project("poor", {"one": f"exec: ['{self.system.actors}/actor', echo, one]\n"}))
        self.system.wait_for_state("poor.one", "ready")
        page = self.page()
        self.assertEqual(page.value("grove_resource_capability_denials_total", service="poor.one"), 0)
        self.assertEqual(page.value("grove_log_lost_bytes_total"), 0)

    def test_the_example_of_alerts_is_right(self):
        rules = os.path.join(DOCS, "alerts.yaml")
        result = subprocess.run(["promtool", "check", "rules", rules], capture_output=True, text=True, check=False,
                                timeout=gs.DEADLINE_SECONDS)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        with open(rules, encoding="utf-8") as file:
            used = set(re.findall(r"\bgrove_[a-z_]+", file.read()))
        self.assertGreater(len(used), 5)
        known = set(documented())
        self.assertEqual({name for name in used if name not in known}, set())


if __name__ == "__main__":
    gs.main()
