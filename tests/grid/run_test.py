"""make run as a person would: by itself, under chaos, interrupted; the summary is right and nothing is left over."""
import os
import re
import signal
import socket
import subprocess
import tempfile
import unittest

import grid_support as grid
from grid_support import gs

SUMMARY = re.compile(r"readings +taken (\d+)  stored (\d+)  lost (\d+)  redelivered (\d+)")


class Run(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory(prefix="grove-run-")
        self.addCleanup(holder.cleanup)
        self.folder = holder.name
        os.chmod(self.folder, 0o755)
        self.mounts = gs.mounts()

    def start(self, **variables):
        environment = dict(os.environ, BUILD=gs.build_folder(), RUN_FOLDER=self.folder,
                           **{"RUN_PORT": str(grid.free_port()), **variables})
        return subprocess.Popen([os.path.join(grid.SOURCE, "tools", "run")], env=environment, text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                start_new_session=True)

    def finish(self, process):
        output, _ = process.communicate(timeout=gs.DEADLINE_SECONDS * 2)
        match = SUMMARY.search(output)
        self.assertTrue(match, output)
        taken, stored, lost, redelivered = (int(number) for number in match.groups())
        self.assertEqual(lost, 0, output)
        self.assertEqual(process.returncode, 0, output)
        self.assertGreater(taken, 0)
        self.assertEqual(taken, stored)
        self.assertFalse(os.path.exists(os.path.join(self.folder, "run", "kernel.sock")), "the kernel still runs")
        gs.wait_for("no more mounts than before", lambda: gs.mounts() <= self.mounts)
        return output, redelivered

    def test_chaos_loses_nothing(self):
        output, _ = self.finish(self.start(RUN_SECONDS="8", RUN_CHAOS="1"))
        with open(os.path.join(self.folder, "chaos.log"), encoding="utf-8") as file:
            hit = set(re.findall(r"killed (\S+)$", file.read(), re.M))
        self.assertLessEqual({f"system.{name}" for name in gs.system_services()}, hit, "each service of the system must have been killed")
        own = int(re.search(r"(\d+) of them the system's own", output).group(1))
        self.assertGreaterEqual(own, len(gs.system_services()), output)
        killed = int(re.search(r"killed (\d+) services", output).group(1))
        restarts = int(re.search(r"restarts (\d+)", output.split("system  ")[-1]).group(1))
        self.assertGreaterEqual(killed, 10, output)
        self.assertGreaterEqual(restarts, killed // 2, output)
        trips = int(re.search(r"trips (\d+)", output).group(1))
        self.assertGreaterEqual(trips, 2, "the fault and the under-frequency of the profile must have been acted on")

    def test_an_interrupt_ends_it_with_the_summary(self):
        process = self.start()
        line = process.stdout.readline()
        while line and " Hz " not in line:
            line = process.stdout.readline()
        self.assertTrue(line, "it never printed a line")
        os.killpg(process.pid, signal.SIGINT)
        output, _ = self.finish(process)
        self.assertRegex(output, r"settings +change \d+  intents 6 of 6  trips without 0  health \w+  dead letters 0")

    def test_a_taken_port_is_said(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            process = self.start(RUN_SECONDS="1", RUN_TIMEOUT="1s", RUN_PORT=str(taken.getsockname()[1]))
            output, _ = process.communicate(timeout=gs.DEADLINE_SECONDS * 2)
        self.assertNotEqual(process.returncode, 0)
        self.assertIn("substation: cannot listen on 127.0.0.1", output)
        gs.wait_for("no more mounts than before", lambda: gs.mounts() <= self.mounts)


if __name__ == "__main__":
    grid.main()
