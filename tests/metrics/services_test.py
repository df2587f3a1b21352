"""Services and the page: those that lie, are silent, have too much, come and go, and what asking them costs."""
import os
import signal

import metrics_system as ms
from metrics_system import gs

PYTHON = """
import grove

service = grove.Service()
metrics = grove.metrics.Metrics(service, "one")
readings = metrics.counter("readings", "Readings taken.", feeder="3", side="low")
level = metrics.gauge("level_metres", "Height of the water.")
reaction = metrics.histogram("reaction_seconds", "How fast.", [0.1, 1])
asked = 0


@metrics.collect
def collect():
    global asked
    asked += 1
    metrics.tell("gauge", "asked", asked, "How often it was asked.")


@service.on("one", 1)
def count(request):
    number = int.from_bytes(request.data, "little")
    readings.add(number)
    level.set(-number)
    reaction.observe(number / 10)


for wrong in (lambda: readings.add(-1), lambda: metrics.counter("No"), lambda: metrics.counter("a", "", b=1, c=2, d=3)):
    try:
        wrong()
    except grove.Invalid:
        continue
    raise SystemExit("what cannot be was taken")
service.run()
"""


class Services(ms.MetricsTest):
    def answered(self, page, name):
        return page.series("grove_metrics_service_answered").get((name,))

    def test_who_does_not_wait_serves_at_once_and_is_shown_when_it_can_be(self):
        hooks = self.system.services()["system.hooks"]["process"]
        os.kill(hooks, signal.SIGSTOP)
        try:
            self.up("grid", late="later")
            self.system.call("grid.late", "count", "3")
        finally:
            os.kill(hooks, signal.SIGKILL)  # its next instance is asked again
        self.page_when("it is shown", lambda page: self.answered(page, "grid.late") == 1)

    def test_liars_spoil_only_their_own(self):
        self.up("grid", good="good", liar="liar", huge="huge")
        self.system.call("grid.good", "count", "3")
        for _ in range(4):
            page = self.page()
            self.check(page)
            self.assertEqual(page.value("user_grid_level", service="grid.good"), -3)
            self.assertEqual(self.answered(page, "grid.huge"), 0)
            self.assertEqual({labels for labels in page.series("grove_kernel_objects")}, {(kind,) for kind in (
                "containers", "endpoints", "channels", "regions", "projects", "capabilities", "text", "pending")})
            for name, series in page.families.items():
                if any(dict(labels).get("service") == "grid.liar" for labels in series):
                    self.assertTrue(name in ("user_grid_lie", "grove_metrics_service_answered", "grove_metrics_service_refused_values")
                                    or name.startswith("grove_resource_") or name.startswith("grove_health_"), name)
        self.assertEqual(self.system.call("grid.huge", "scrapes")["number"], 4)
        self.assertGreater(page.value("grove_metrics_refused_values_total", reason="malformed"), 0)

    def test_a_silent_one_delays_a_scrape_and_no_more(self):
        self.up("grid", good="good", silent="silent")
        page = self.page()
        self.check(page)
        self.assertEqual((self.answered(page, "grid.good"), self.answered(page, "grid.silent")), (1, 0))
        self.assertEqual(page.value("grove_metrics_services", result="silent"), 1)
        # As one that is stopped by hand: it is not asked while it does not run, and not started by being asked.
        self.system.grove("stop", "grid.silent")
        self.system.wait_for_state("grid.silent", "stopped")
        page = self.page()
        self.assertIsNone(self.answered(page, "grid.silent"))
        self.assertEqual(self.system.state_of("grid.silent"), "stopped")

    def test_a_stopped_system_service_is_left_out(self):
        process = self.system.services()["system.config"]["process"]
        os.kill(process, signal.SIGSTOP)
        try:
            page = self.page()
            self.assertEqual(self.answered(page, "system.config"), 0)
            self.assertNotIn("grove_config_changes_total", page.families)
            self.assertIn("grove_bus_published_total", page.families)
        finally:
            os.kill(process, signal.SIGCONT)
        self.page_when("it answers again", lambda page: self.answered(page, "system.config") == 1)

    def test_series_have_a_bound(self):
        self.up("grid", one="crowd")
        page = self.page()
        self.check(page)
        series = page.families["user_grid_crowd_total"]
        self.assertEqual(len(series), 1001)
        self.assertEqual(page.value("user_grid_crowd_total", service="other", number="other"), 24)
        self.assertEqual(sum(series.values()), 1024)
        self.assertEqual(page.value("grove_metrics_overflowed_values_total"), 24)

    def test_the_first_by_name_says_what_a_family_is(self):
        self.up("grid", a="good", b="other")
        page = self.page()
        self.check(page)
        self.assertEqual(len(page.families["user_grid_level"]), 1)
        self.assertEqual(page.value("grove_metrics_refused_values_total", reason="conflicting"), 1)
        # In another project it is a family of its own.
        self.up("plant", b="other")
        page = self.page()
        self.assertEqual(page.value("user_plant_level", service="plant.b", a="b"), 0)
        self.check(page)

    def test_services_come_and_go(self):
        self.up("grid", one="good", two="good")
        self.assertEqual(self.answered(self.page(), "grid.two"), 1)
        self.system.grove("down", "--project", "grid")
        page = self.page()
        self.assertIsNone(self.answered(page, "grid.two"))
        self.assertNotIn("user_grid_level", page.families)
        self.up("grid", one="good")
        page = self.page_when("it is there again", lambda page: self.answered(page, "grid.one") == 1)
        self.check(page)

    def test_a_service_without_the_right_is_told_which(self):
        text = ms.MANIFEST.format(program=self.program, endpoint="one", role="good").replace("requires: [system.hooks]\n", "")
        self.system.grove("up", self.system.write_project("poor", {"one": text + "restart: {policy: never}\n"}), check=False)
        self.system.wait_for_state("poor.one", "failed", "stopped")
        self.assertIn("IPC_SEND:system.hooks", self.system.grove("logs", "poor.one").stdout)

    def test_a_service_in_python(self):
        program = os.path.join(self.system.folder, "service.py")
        with open(program, "w", encoding="utf-8") as file:
            file.write(PYTHON)
        package = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "lib", "python"))
        library = os.path.join(self.system.build, "lib")
        text = ms.MANIFEST.format(program="/usr/bin/python3", endpoint="one", role="good").replace(
            "one, good]", f"'{program}']") + (
            f"system-files: true\nenvironment: {{GROVE_LIBRARY: '{library}/libgrove.so.1', PYTHONPATH: '{package}', "
            f"PYTHONDONTWRITEBYTECODE: '1'}}\ncapabilities: [FS_READ:{program}, FS_READ:{package}, FS_EXEC:{library}]\n")
        self.system.grove("up", self.system.write_project("snake", {"one": text}))
        self.system.wait_for_state("snake.one", "ready")
        self.system.call("snake.one", "count", "7")
        page = self.page()
        self.check(page)
        self.assertEqual(page.value("user_snake_readings_total", service="snake.one", feeder="3", side="low"), 7)
        self.assertEqual(page.value("user_snake_level_metres", service="snake.one"), -7)
        self.assertEqual(page.value("user_snake_reaction_seconds_bucket", service="snake.one", le="1"), 1)
        self.assertEqual(page.value("user_snake_reaction_seconds_sum", service="snake.one"), 0.7)
        self.assertEqual(page.value("user_snake_asked", service="snake.one"), 1)
        self.assertEqual(self.page().value("user_snake_asked", service="snake.one"), 2)

    def test_scrapes_leave_nothing_behind(self):
        self.up("grid", one="good")
        self.page()
        process = self.system.services()["system.metrics"]["process"]

        def held(page):
            """By the gateway, and by the kernel for it: others come and go with work of their own."""
            return (gs.descriptors(process), page.value("grove_resource_channels", service="system.metrics"),
                    page.value("grove_resource_shared_bytes", service="system.metrics"),
                    page.value("grove_resource_capabilities", service="system.metrics"))

        before = held(self.page())
        for _ in range(50):
            self.page()
        self.assertEqual(held(self.page()), before)


if __name__ == "__main__":
    gs.main()
