"""What the tests of the metrics gateway share: a system with the gateway, scrapes of it, and services that have metrics."""
import http.client
import os
import re
import socket
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))

import grove_system as gs  # noqa: E402

SERIES = re.compile(r'^([a-zA-Z_][a-zA-Z0-9_]*)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)+)\})? (\S+)$')
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\\n]|\\["\\n])*)"')
MANIFEST = """exec: ['{program}', {endpoint}, {role}]
provides:
  - name: {endpoint}
    version: 1.0.0
    methods:
      - {{number: 1, name: count, request: "number:u64"}}
      - {{number: 2, name: scrapes, reply: "number:u64"}}
requires: [system.hooks]
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def parse(text):
    """{name: {(("label", "value"), ...): number}}; every line must be one that Prometheus reads."""
    families = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        match = SERIES.match(line)
        if match is None:
            raise AssertionError(f"no line of a page: {line!r}")
        labels = tuple(sorted(LABEL.findall(match.group(2) or "")))
        series = families.setdefault(match.group(1), {})
        if labels in series:
            raise AssertionError(f"twice on the page: {line!r}")
        series[labels] = float(match.group(3))
    return families


class Page:
    def __init__(self, text):
        self.text, self.families = text, parse(text)

    def value(self, name, **labels):
        return self.families[name][tuple(sorted(labels.items()))]

    def series(self, name):
        return {tuple(dict(labels).values()): value for labels, value in self.families.get(name, {}).items()}


class MetricsTest(gs.SystemTest):
    def setUp(self):
        super().setUp()
        self.port = free_port()
        self.program = os.path.join(self.system.build, "musl", "tests", "metrics", "measured")
        self.system.grove("up", "--gateway", f"metrics=127.0.0.1:{self.port}")
        self.wait_ready()

    def wait_ready(self):
        self.system.wait_until_booted()
        gs.wait_for("the gateway is ready", lambda: self.system.services()["system.metrics"]["state"] == "ready")

    def get(self, path="/metrics", method="GET"):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=gs.DEADLINE_SECONDS)
        try:
            connection.request(method, path)
            response = connection.getresponse()
            return response.status, response.headers, response.read().decode()
        finally:
            connection.close()

    def page(self):
        status, headers, text = self.get()
        self.assertEqual(status, 200)
        self.assertEqual(headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8")
        return Page(text)

    def page_when(self, what, condition):
        def ask():
            page = self.page()
            return page if condition(page) else None
        return gs.wait_for(what, ask)

    def check(self, page):
        """As Prometheus' own tool judges it: the format, names, units, help."""
        result = subprocess.run(["promtool", "check", "metrics"], input=page.text, capture_output=True, text=True, check=False,
                                timeout=gs.DEADLINE_SECONDS)
        self.assertEqual((result.returncode, result.stdout + result.stderr), (0, ""))

    def up(self, project, **roles):
        """Services of one project, by their role; the name may have a number at its end."""
        services = {name: MANIFEST.format(program=self.program, endpoint=name, role=role) for name, role in roles.items()}
        self.system.grove("up", self.system.write_project(project, services))
        for name in roles:
            self.system.wait_for_state(f"{project}.{name}", "ready")
