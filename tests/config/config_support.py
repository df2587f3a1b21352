"""What the tests of configuration share: a project with a service that reads, watches and validates its configuration."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))

import grove_system as gs  # noqa: E402

METHODS = """
    methods:
      - {number: 1, name: read, request: "key:text", reply: "value:text"}
      - {number: 2, name: pair, reply: "left:i64 right:i64"}
      - {number: 3, name: told, reply: "count:u64 last:text"}
      - {number: 4, name: mode, request: "mode:u64"}
      - {number: 5, name: speed, request: "count:u64", reply: "by_name_ns:f64 by_key_ns:f64"}
      - {number: 6, name: fetch, request: "words:text", reply: "value:text"}
"""
SCHEMA = """config:
  limit: {type: float, default: 49.0, minimum: 45, maximum: 55, description: trip below this}
  left: {type: int, default: 0}
  right: {type: int, default: 0}
  period: {type: duration, default: 250ms}
  size: {type: size, default: 64K}
  on: {type: bool, default: true}
  mode: {type: string, default: slow, choices: [fast, slow]}
  name: {type: string, pattern: "[a-z]+-[0-9]+"}
  steps: {type: int, list: true, default: [1, 2, 3]}
  peers: {type: address, list: true}
  token: {type: string, secret: true, minimum: 8}
  port: {type: int, default: 502, restart-only: true}
"""


def manifest(system, name, *operands, schema=SCHEMA, capabilities=()):
    """The text of a manifest of a reader, without its name."""
    program = os.path.join(system.build, "musl", "tests", "config", "config-reader")
    words = ", ".join(f'"{word}"' for word in (program, name, *operands))
    rights = "".join(f"  - {capability}\n" for capability in capabilities)
    return (f"exec: [{words}]\n" + (f"capabilities:\n{rights}" if rights else "") +
            f"provides:\n  - name: {name}\n    version: 1.0.0{METHODS}" + schema)


class ConfigTest(gs.SystemTest):
    """A system with demo.reader in it."""

    def up(self, services=None):
        services = services or {"reader": manifest(self.system, "reader")}
        self.project = self.system.write_project("demo", services)
        self.system.grove("up", self.project)

    def config(self, verb, *arguments, **options):
        return self.system.grove("config", verb, *arguments, **options)

    def json(self, verb, *arguments):
        return self.system.json("config", verb, *arguments)

    def refused(self, *arguments, part=""):
        result = self.config(*arguments, check=False)
        self.assertNotEqual(result.returncode, 0, result.stdout)
        self.assertIn(part, result.stderr)
        return result.stderr

    def read(self, key, service="demo.reader"):
        return self.system.call(service, "read", key)["value"]

    def told(self, service="demo.reader"):
        return self.system.call(service, "told")

    def wait_until_told(self, part, service="demo.reader"):
        return gs.wait_for(f"{service} is told of {part}", lambda: part in self.told(service)["last"])

    def logs(self, service):
        """What it has written; nothing while nothing is kept of it yet."""
        return self.system.grove("logs", service, check=False).stdout

    @property
    def files(self):
        return os.path.join(self.system.state, "services", "system.config", "config.d")

    def write_file(self, name, text):
        path = os.path.join(self.files, name)
        with open(path + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.rename(path + ".new", path)
        return path
