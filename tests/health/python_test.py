"""The Python binding: a service that registers checks, and clients that read and subscribe."""
import json
import os
import subprocess

import health_system as hs

SERVICE = """
import grove

service = grove.Service()
state = {"well": True, "heard": []}


@service.on_change("init")
def begin(reason):
    grove.health.register(service, "own", check=look, endpoint="h.a", interval=0.05, failures=1)
    grove.health.register(service, "told", interval=0.2, timeout=0.2, failures=1)
    service.every(0.05, lambda: grove.health.report("told") if state["well"] else None)
    state["subscription"] = grove.health.subscribe(service, "h.*", lambda record: state["heard"].append(record.status))


def look():
    if not state["well"]:
        raise grove.Full("the tank is empty")


@service.on("h.a", 6)
def well(request):
    state["well"] = request.data[0] != 0


@service.on("h.a", 10)
def say(request):
    return " ".join(state["heard"]).encode()


service.run()
"""

CLIENT = """
import json, grove
overall, records = grove.health.read("h.*")
print(json.dumps([overall, [record._asdict() for record in records]]))
"""


class Python(hs.HealthTest):
    def environment(self):
        return {"GROVE_LIBRARY": os.path.join(self.system.build, "lib", "libgrove.so.1"), "PYTHONPATH": self.package,
                "PYTHONDONTWRITEBYTECODE": "1"}

    def setUp(self):
        super().setUp()
        self.package = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "lib", "python"))

    def up_python(self):
        program = os.path.join(self.system.folder, "service.py")
        with open(program, "w", encoding="utf-8") as file:
            file.write(SERVICE)
        variables = ", ".join(f"{name}: '{value}'" for name, value in self.environment().items())
        library = os.path.join(self.system.build, "lib")
        text = self.manifest("a", f"system-files: true\nrequires: [system.health]\nenvironment: {{{variables}}}\n"
                                  f"capabilities: [FS_READ:{program}, FS_READ:{self.package}, FS_EXEC:{library}]\n")
        self.system.grove("up", self.system.write_project(
            "h", {"a": text.replace(f"'{self.sample}', h.a", f"/usr/bin/python3, '{program}'")}))

    def read(self):
        result = subprocess.run(["/usr/bin/python3", "-c", CLIENT], env=dict(os.environ, GROVE_RUN=self.system.run,
                                                                            **self.environment()),
                                capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(result.returncode, 0, result.stderr)
        return json.loads(result.stdout)

    def test_a_service_registers_reports_and_hears(self):
        self.up_python()
        self.wait_for_health("h.a", "ok")
        overall, records = self.read()
        self.assertEqual((overall, [(record["name"], record["status"], record["checks"]) for record in records]),
                         ("ok", [("h.a", "ok", 2)]))
        self.system.call("h.a", "well", "0")
        self.assertIn("the tank is empty", self.wait_for_check("h.a", "own", health="degraded")["reason"])
        self.assertIn("said nothing", self.wait_for_check("h.a", "told", health="degraded")["reason"])
        self.assertEqual(self.read()[1][0]["status"], "degraded")
        hs.wait_for("the registry has it as degraded", lambda: self.marked() == ["h.a"])
        self.system.call("h.a", "well", "1")
        self.wait_for_health("h.a", "ok")
        hs.wait_for("and as ready again", lambda: self.marked() == [])
        heard = hs.wait_for("it heard of itself", lambda: bytes.fromhex(
            self.system.json("call", "h.a", "10", "--hex", "00")["hex"]).decode())
        self.assertIn("degraded ok", heard)
        # Another instance of system.health: the subscription goes on by itself, and tells everything once more.
        self.system.grove("kill", "-s", "KILL", "system.health")
        self.system.call("h.a", "well", "0")
        hs.wait_for("it hears of the next change", lambda: bytes.fromhex(
            self.system.json("call", "h.a", "10", "--hex", "00")["hex"]).decode().count("degraded") > heard.count("degraded"))

    def marked(self):
        return [found["name"] for found in self.system.json("find", "--in", "degraded")]


if __name__ == "__main__":
    hs.main()
