"""What the tests of health and reincarnation share: a system with a sample service that can be made ill."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
import grove_system as gs  # pylint: disable=wrong-import-position

METHODS = ("[{number: 1, name: loop}, {number: 2, name: block}, {number: 4, name: crash}, "
           "{number: 5, name: leak, request: 'bytes:u64'}, {number: 6, name: well, request: 'yes:u64'}, "
           "{number: 7, name: slow}, {number: 8, name: count, reply: 'count:u64 doubled:u64'}, "
           "{number: 9, name: add, request: 'number:u64'}, {number: 10, name: say}]")


class HealthTest(gs.SystemTest):
    def setUp(self):
        super().setUp()
        self.sample = os.path.join(self.system.build, "musl", "tests", "health", "sample")

    def manifest(self, name, more="", role=""):
        """A sample named NAME of the project h, with what else its manifest says."""
        return (f"exec: ['{self.sample}', h.{name}{', ' + role if role else ''}]\n"
                f"provides:\n  - name: {name}\n    methods: {METHODS}\n{more}")

    def up(self, **services):
        """Start the project h of these samples; a text is the rest of a manifest."""
        folder = self.system.write_project("h", {name: self.manifest(name, more) for name, more in services.items()})
        self.system.grove("up", folder)
        return folder

    def health(self, name=None):
        """The record of one service, or all: {name: record}, with the overall status under ""."""
        document = gs.json.loads(self.system.grove("health", "--json", check=False).stdout)
        records = {record["name"]: record for record in document["services"]}
        records[""] = document["health"]
        return records if name is None else records.get(name, {"health": "absent"})

    def check(self, service, check):
        result = self.system.grove("health", "--json", service, check=False)
        if result.returncode != 0:
            return {"health": "absent"}
        return {each["check"]: each for each in gs.json.loads(result.stdout)}.get(check, {"health": "absent"})

    def alerts(self, service):
        return {alert["alert"]: alert for alert in self.system.json("health", "alerts", service)}

    def wait_for_health(self, name, status, **facts):
        def is_so():
            record = self.health(name)
            return record["health"] == status and all(record.get(key) == value for key, value in facts.items()) and record
        return gs.wait_for(f"{name} is {status} {facts}", is_so)

    def wait_for_check(self, service, check, **facts):
        def is_so():
            record = self.check(service, check)
            return all(record.get(key) == value for key, value in facts.items()) and record
        return gs.wait_for(f"the check {check} of {service} is {facts}", is_so)

    def make_ill(self, service, method):
        """Call a method that does not come back. The caller hangs up at once, so nothing is delivered again for it."""
        caller = subprocess.Popen([self.system.program, "call", "--run", self.system.run, "--state", self.system.state,
                                   service, method, "--timeout", "60s"], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(caller.wait)
        self.addCleanup(caller.kill)
        return caller

    def process(self, service):
        return self.system.services().get(service, {}).get("process")

    def recovery(self, service):
        return {record["name"]: record for record in self.system.json("health", "recovery")}.get(service, {})


main = gs.main
wait_for = gs.wait_for
