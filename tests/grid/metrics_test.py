"""What of the grid is seen from outside: its numbers on the page for Prometheus, also after deaths of those who count them."""
import urllib.request

import grid_support as grid
import grid_test
from grid_support import gs


class Numbers(grid_test.WithDevice):
    def up(self, *files):
        self.gateway = grid.free_port()
        self.system.grove("up", "--gateway", f"metrics=127.0.0.1:{self.gateway}")
        self.system.wait_until_booted()
        super().up(*files)

    def page(self):
        """{series without labels but `le`: number}, of the services of the grid."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.gateway}/metrics", timeout=gs.DEADLINE_SECONDS) as answer:
            lines = answer.read().decode().splitlines()
        rows = (line.rsplit(" ", 1) for line in lines if line.startswith("user_grid_"))
        return {name.split("{")[0] + (name.split("le=")[1].split(",")[0].rstrip("}") if "le=" in name else ""): float(value)
                for name, value in rows}

    def page_when(self, what, condition):
        def ask():
            page = self.page()
            return page if condition(page) else None
        return gs.wait_for(what, ask)

    def test_readings_trips_and_reactions(self):
        page = self.page_when("all three are shown", lambda page: page.get("user_grid_readings_stored_total", 0) > 0 and
                              page.get("user_grid_readings_total", 0) > 0 and "user_grid_trips_total" in page)
        self.assertEqual((page["user_grid_trips_total"], page["user_grid_readings_lost_total"]), (0, 0))
        self.assertEqual(page["user_grid_devices_connected"], 1)
        self.tell("current 450")
        page = self.page_when("the trip is counted", lambda page: page["user_grid_trips_total"] == 1)
        self.assertEqual(page["user_grid_reaction_seconds_count"], 1)
        self.assertGreater(page["user_grid_reaction_seconds_sum"], 0)
        self.assertEqual(page['user_grid_reaction_seconds_bucket"+Inf"'], 1)
        for service in ("protect", "historian", "acquire"):
            self.kill(service)
        self.system.grove("kill", "-s", "KILL", "system.hooks")
        self.kill("protect")
        before = page["user_grid_readings_stored_total"]
        page = self.page_when("they count on", lambda page: page.get("user_grid_readings_stored_total", 0) > before and
                              page.get("user_grid_trips_total") == 1)
        self.assertEqual(page["user_grid_readings_lost_total"], 0)
        self.summary()


if __name__ == "__main__":
    grid.main()
