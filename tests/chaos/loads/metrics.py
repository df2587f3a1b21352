"""Scrapers of the metrics gateway: each page that is said to be one is whole, and no counter goes backwards.

A step fetches the page over a connection of its own. A page that ends early, a line that is none, a series that stands there
twice, and a counter of a service that nobody disturbs and that is less than on an earlier page, are problems. So is a page
without the services of the project, unless it says that the resource service, who knows them, did not answer in time.
"""
import http.client
import os
import sys

import chaos_load

sys.path.insert(0, os.path.join(os.path.dirname(chaos_load.HERE), "metrics"))
import metrics_system  # noqa: E402

ITSELF = ("service", "system.metrics")
WANTED = ("basic.counter", "basic.teller")


class Load(chaos_load.Load):
    def __init__(self, system):
        super().__init__(system)
        self.counters = {}
        self.found = []

    def begin(self):
        self.port = self.system.gateways["metrics"]
        super().begin()
        self.system.wait_for_state("system.metrics", "ready")

    def fetch(self):
        """The text of a page whose length is the one that its head says."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=chaos_load.CALL_SECONDS)
        try:
            connection.request("GET", "/metrics")
            response = connection.getresponse()
            text = response.read().decode()
        except (OSError, http.client.HTTPException) as problem:  # cut off, which a scraper sees as well
            raise chaos_load.Unanswered(f"{type(problem).__name__}: {problem}") from problem
        finally:
            connection.close()
        if response.status != 200:
            raise chaos_load.Unanswered(f"status {response.status}: {text.strip()}")
        return text

    def step(self):
        self.judge(self.fetch())

    def judge(self, text):
        try:
            families = metrics_system.parse(text)
        except AssertionError as problem:
            self.found.append(str(problem))
            return
        started = {dict(labels)["service"] for labels in families.get("grove_resource_starts_total", {})}
        is_told = families.get("grove_metrics_service_answered", {}).get((("service", "system.resource"),), 0) == 1
        self.found += [f"{name} runs and is not on the page" for name in WANTED if is_told and name not in started]
        for name, series in families.items():
            for labels, value in series.items() if name.endswith("_total") and not name.startswith("grove_metrics_") else ():
                if ITSELF not in labels and value < self.counters.get((name, labels), 0):
                    self.found.append(f"{name}{dict(labels)} went from {self.counters[name, labels]} to {value}")
                self.counters[name, labels] = value

    def problems(self):
        self.answered(self.step)
        return sorted(set(self.found))[:5]

    def end(self):
        self.counters, self.found = {}, []
