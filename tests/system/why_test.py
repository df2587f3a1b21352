"""grove why: what a registered service with `explain: true` missed, and what programs of grove run were refused."""
import os
import re
import subprocess

import grove_system as gs

CONNECT = "import socket, sys\ntry: socket.create_connection(('127.0.0.1', 9), 5)\nexcept OSError: pass\n"


class Why(gs.SystemTest):
    def write(self, explain, capabilities=()):
        """A service that looks for files which its view does not have, and stays."""
        folder = self.system.write_project("curious", {})
        with open(f"{folder}/services/one.yaml", "w", encoding="utf-8") as file:
            file.write("name: one\nversion: 1.0.0\nrestart: never\n"
                       f"exec: [/bin/sh, -c, \"cat {self.hidden}; cat {self.hidden}; cat {self.hidden}-not; "
                       "echo looked; exec sleep 600\"]\n"
                       + ("explain: true\n" if explain else "")
                       + ("capabilities:\n" + "".join(f"- {text}\n" for text in capabilities) if capabilities else ""))
        return folder

    def setUp(self):
        super().setUp()
        self.hidden = os.path.join(self.system.folder, "hidden")
        with open(self.hidden, "w", encoding="utf-8") as file:
            file.write("content\n")

    def has_looked(self):
        gs.wait_for("it has looked", lambda: "looked" in self.system.grove("logs", "curious.one").stdout)

    def test_a_file_that_a_service_misses_is_explained(self):
        self.system.up(self.write(explain=True))
        self.has_looked()
        refusals = self.system.json("why", "curious.one")["refusals"]
        ours = [refusal for refusal in refusals if self.system.folder in refusal["what"]]
        self.assertEqual([(refusal["grant"], refusal["what"]) for refusal in ours],
                         [(f"FS_READ:{self.hidden}", f"curious.one may not read {self.hidden}: FS_READ:{self.hidden} is missing")])
        self.assertIn(f"- FS_READ:{self.hidden}\n", self.system.grove("why", "one").stdout)

    def test_what_is_granted_is_not_missed(self):
        self.system.up(self.write(True, [f"FS_READ:{self.hidden}"]))
        self.has_looked()
        self.assertIn("content", self.system.grove("logs", "curious.one").stdout)
        self.assertNotIn(self.hidden, self.system.grove("why", "curious.one").stdout)

    def test_without_explain_a_missing_file_is_just_not_there(self):
        self.system.up(self.write(explain=False))
        self.has_looked()
        self.assertNotIn(self.hidden, self.system.grove("why", "curious.one").stdout)

    # ---- programs of grove run ----

    def program(self, *options, after=""):
        return subprocess.Popen([self.system.program, "run", "--run", self.system.run, "--state", self.system.state, *options,
                                 "--", "/usr/bin/python3", "-c", CONNECT + after], stdin=subprocess.PIPE, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def finish(self, process):
        _, errors = process.communicate("\n", timeout=gs.DEADLINE_SECONDS)
        return re.search(r"grove run: (\S+) may not connect to 127\.0\.0\.1:9/tcp", errors)[1]

    def is_explained(self, name, state):
        document = self.system.json("why", name)
        self.assertEqual((document["state"]["name"], document["state"]["state"]), (name, state))
        self.assertEqual([refusal["grant"] for refusal in document["refusals"]], ["NET_CONNECT:127.0.0.1:9/tcp"])
        text = self.system.grove("why", name).stdout
        self.assertIn("to grant it: --allow NET_CONNECT:127.0.0.1:9/tcp\n", text)

    def test_a_program_of_the_running_kernel(self):
        self.system.up()
        process = self.program("-n", "demo.app", after="print('ready', flush=True); input(); sys.exit(3)")
        self.assertEqual(process.stdout.readline(), "ready\n")
        self.is_explained("demo.app", "running")
        self.assertEqual(self.finish(process), "demo.app")
        self.is_explained("demo.app", "ended")
        self.assertEqual([end["what"] for end in self.system.json("why", "demo.app")["ends"]], ["exited with status 3"])
        # What the kernel forgets with its end is kept.
        self.system.grove("down", "--all")
        self.is_explained("demo.app", "ended")

    def test_a_program_of_an_embedded_kernel(self):
        name = self.finish(self.program("--own-kernel"))
        self.assertTrue(name.startswith("run.python3-"), name)
        self.is_explained(name, "ended")
        self.system.up()
        self.is_explained(name, "ended")

    def test_the_latest_programs_are_kept(self):
        folder = os.path.join(self.system.state, "runs")
        os.makedirs(folder)
        for number in range(80):
            path = os.path.join(folder, f"run.old-{number}")
            with open(path, "wb"):
                pass
            os.utime(path, (number, number))
        for _ in range(20):
            name = self.finish(self.program("--own-kernel"))
        self.is_explained(name, "ended")
        self.assertLessEqual(len(os.listdir(folder)), 80)
        self.assertNotIn("run.old-0", os.listdir(folder))

    def test_damaged_records_are_passed_over(self):
        name = self.finish(self.program("--own-kernel"))
        path = os.path.join(self.system.state, "runs", name)
        with open(path, "r+b") as file:
            file.seek(200)
            file.write(b"x")
        result = self.system.grove("why", name)
        self.assertNotIn("NET_CONNECT", result.stdout)

    def test_unknown_names(self):
        result = self.system.grove("why", "run.nothing-1", check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn("grove up", result.stderr)
        self.system.up()
        result = self.system.grove("why", "run.nothing-1", check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn("no service named run.nothing-1 is registered", result.stderr)


if __name__ == "__main__":
    gs.main()
