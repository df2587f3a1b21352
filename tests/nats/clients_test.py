"""The gateway and clients that others wrote: libnats from Debian, and the client for JavaScript from npm."""
import json
import os
import shutil
import subprocess

import nats_system as ns
from nats_system import gs

HERE = os.path.dirname(os.path.abspath(__file__))


class Clients(ns.NatsTest):
    def run_client(self, *command, **options):
        token = self.token("client", "BUS_SUB:grid.>", "BUS_PUB:grid.>")
        done = subprocess.run([*command, f"nats://127.0.0.1:{self.port}", token], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=gs.DEADLINE_SECONDS, check=False, **options)
        self.assertEqual(done.returncode, 0, done.stderr + self.system.evidence())
        return json.loads(done.stdout)

    def assert_seen(self, seen):
        self.assertEqual(sum(seen["queue"]), 10)
        self.assertEqual(seen["header"], "volt")
        self.assertEqual(seen["reply"], "you said hello")
        self.assertEqual(seen["limited"], 2)

    def test_libnats(self):
        seen = self.run_client(os.path.join(self.system.build, "tests", "nats", "libnats-client"))
        self.assert_seen(seen)
        self.assertEqual(seen["plain"], 3)
        self.assertEqual(seen["denied"], 1)

    def test_the_client_from_npm(self):
        folder = os.path.join(self.system.build, "tests", "nats", "npm")
        os.makedirs(folder, exist_ok=True)
        for name in ("package.json", "package-lock.json", "client.mjs"):
            shutil.copy(os.path.join(HERE, "npm", name), folder)
        if not os.path.exists(os.path.join(folder, "node_modules", "nats", "package.json")):
            subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder, check=True,
                           stdout=subprocess.DEVNULL, timeout=120)
        seen = self.run_client("node", "client.mjs", cwd=folder)
        self.assert_seen(seen)
        self.assertEqual(seen["plain"], ["grid.npm.value v0", "grid.npm.value v1", "grid.npm.value v2"])
        self.assertEqual(seen["denied"], "PERMISSIONS_VIOLATION")


if __name__ == "__main__":
    gs.main()
