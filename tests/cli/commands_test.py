"""Every command as people and scripts use it, where something is odd: output that cannot be written, wrong names, a narrow
terminal, a kernel or a system service that hangs or dies meanwhile."""

import fcntl
import json
import os
import pty
import select
import shutil
import signal
import struct
import subprocess
import tempfile
import termios
import time
import unittest

import support

# What prints something on standard output and ends by itself.
PRINTING = [["ps"], ["tree"], ["status", "demo.one"], ["caps", "system.registry"], ["why", "demo.one"], ["logs", "demo.one"],
            ["top", "--once"], ["boot"], ["call", "demo.one", "--json"], ["check", "demo"], ["cat", "demo/one.yaml"],
            ["doctor"], ["help"], ["help", "run"], ["ps", "--help"]]
# What needs the running kernel.
ASKING = [["ps"], ["tree"], ["status", "demo.one"], ["caps", "demo.one"], ["why", "demo.one"], ["logs", "demo.one"],
          ["top", "--once"], ["boot"], ["start", "demo.one"], ["stop", "demo.one"], ["restart", "demo.one"],
          ["kill", "-s", "CONT", "demo.one"], ["call", "demo.one", "anything"], ["trace", "-n", "1"], ["down", "-p", "demo"],
          ["up", "demo"], ["run", "--", "true"]]


class Help(support.CommandTest):
    def names(self):
        return [command["name"] for command in self.json("help", "--json")]

    def test_help_fits_and_has_examples(self):
        for name in self.names():
            text = self.good(name, "--help").stdout
            self.assertIn("\nExamples:\n", text, name)
            self.assertEqual([line for line in text.split("\nExamples:\n")[0].splitlines() if len(line) > 101], [], name)

    def test_help_as_json_names_all_that_is_parsed(self):
        for command in self.json("help", "--json"):
            self.assertEqual(command, self.json("help", "--json", command["name"]))
            for option in command["options"] + command["common_options"]:
                self.assertIn("--" + option["name"], self.good(command["name"], "--help").stdout)

    def test_errors_are_json_wherever_json_stands(self):
        for arguments in (["ps", "--hlep", "--json"], ["ps", "--json", "--hlep"], ["status", "--json"], ["run", "--x", "--json"]):
            result = self.grove(*arguments)
            if arguments[0] == "run":
                continue
            self.assertEqual(json.loads(result.stderr)["command"], "grove " + arguments[0])
        # What follows a program's name is the program's.
        self.assertEqual(self.good("run", "--own-kernel", "echo", "--json").stdout, "--json\n")

    def test_a_wrong_call_of_run_is_not_the_programs_status(self):
        for arguments in (["run", "--hlep"], ["run"], ["run", "--memory"], ["run", "--timeout", "soon", "--", "true"],
                          ["learn", "--hlep"]):
            self.assertEqual(self.grove(*arguments).returncode, 125, arguments)

    def test_check_without_a_project_says_what_to_name(self):
        result = self.grove("check")
        self.assertEqual(result.returncode, 1)
        self.assertIn("there is no grove.yaml in this folder", result.stderr)


class WithoutKernel(support.CommandTest):
    def test_down_is_done_already(self):
        self.assertEqual(self.json("down", "--all", "--json"), {"stopped_kernel": None})
        self.assertIn("no kernel runs in", self.good("down", "--all").stderr)


class Running(support.CommandTest):
    def setUp(self):
        super().setUp()
        os.chmod(self.folder, 0o755)
        self.write("demo/grove.yaml", "name: demo\nservices: [one.yaml]\n")
        self.write("demo/one.yaml", "name: one\nexec: [sh, -c, 'echo begun; exec sleep 600']\n")
        self.good("up", "demo")
        self.addCleanup(self.grove, "down", "--all")

    def kernel(self):
        with open(self.path("run", "kernel.pid"), encoding="utf-8") as stream:
            return int(stream.read().split()[0])

    def process(self, name):
        return {row["name"]: row.get("process") for row in self.json("ps", "--json")}[name]

    def printing(self):
        """The commands that print; logs once there is something to print."""
        deadline = time.monotonic() + support.DEADLINE
        while "begun" not in self.good("logs", "demo.one").stdout and time.monotonic() < deadline:
            time.sleep(0.005)
        return [arguments for arguments in PRINTING if arguments[0] != "call"]

    # ---- standard output ----

    def test_output_that_cannot_be_written_is_a_failure(self):
        for arguments in self.printing():
            for extra in ([], ["--json"]):
                if extra and "--help" in arguments:
                    continue
                with open("/dev/full", "w", encoding="utf-8") as full:
                    result = subprocess.run([support.GROVE, *arguments, *extra], stdin=subprocess.DEVNULL, stdout=full,
                                            stderr=subprocess.PIPE, text=True, env=self.environment, cwd=self.folder,
                                            timeout=support.DEADLINE, check=False)
                self.assertEqual(result.returncode, 1, (arguments, extra))
                self.assertIn("the output cannot be written", result.stderr, (arguments, extra))

    def test_a_closed_output_is_a_failure_and_nothing_else_is_written_to(self):
        for arguments in self.printing():
            result = subprocess.run(["sh", "-c", 'exec "$0" "$@" >&-', support.GROVE, *arguments], stdin=subprocess.DEVNULL,
                                    stderr=subprocess.PIPE, text=True, env=self.environment, cwd=self.folder,
                                    timeout=support.DEADLINE, check=False)
            self.assertEqual(result.returncode, 1, arguments)
            self.assertIn("the output cannot be written", result.stderr, arguments)

    def test_a_reader_that_is_gone_ends_what_follows(self):
        for arguments in (["top", "--interval", "20ms"], ["logs", "-f", "demo.one"], ["trace"], ["ps"]):
            with subprocess.Popen([support.GROVE, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, env=self.environment, cwd=self.folder) as process:
                process.stdout.close()
                # What follows ends with its next line; a trace and a log have one when something happens.
                deadline = time.monotonic() + support.DEADLINE
                while process.poll() is None and time.monotonic() < deadline:
                    self.good("restart", "demo.one") if arguments[0] == "logs" else self.good("status", "demo.one")
                self.assertEqual(process.poll(), -signal.SIGPIPE, arguments)
                process.stderr.close()

    # ---- JSON ----

    def members(self, value):
        if isinstance(value, list):
            return set().union(*(self.members(item) for item in value))
        if isinstance(value, dict):
            return set(value) | set().union(*(self.members(item) for item in value.values()))
        return set()

    def test_every_member_that_is_printed_is_documented(self):
        with open(os.path.join(os.path.dirname(__file__), "..", "..", "docs", "cli.md"), encoding="utf-8") as file:
            text = file.read().split("## JSON, for programs")[1]
        self.printing()
        self.grove("run", "-n", "demo.app", "--", "/usr/bin/python3", "-c",
                   "import socket; socket.create_connection(('127.0.0.1', 9))")
        commands = [["ps"], ["status", "demo.one"], ["why", "demo.one"], ["why", "demo.app"], ["caps", "system.log"], ["logs", "demo.one"],
                    ["top"], ["boot"], ["doctor"], ["check", "demo"], ["restart", "demo.one"], ["kill", "-s", "CONT", "demo.one"],
                    ["learn", "-o", "true.yaml", "--", "true"], ["help", "run"], ["up", "demo"], ["down", "-p", "demo"],
                    ["down", "--all"]]
        for command in commands:
            result = self.grove(command[0], "--json", *command[1:])
            documents = [json.loads(line) for line in result.stdout.splitlines()]
            self.assertTrue(documents, command)
            self.assertEqual([name for name in self.members(documents) if f"`{name}`" not in text], [], command)

    # ---- names ----

    def test_a_wrong_name_finds_the_right_one(self):
        for command in ("status", "start", "stop", "restart", "kill", "why"):
            for name, right in (("demo.onne", "demo.one"), ("onne", "one")):
                result = self.grove(command, name)
                self.assertEqual(result.returncode, 1, (command, name))
                self.assertIn(f"no service named {name} is registered; did you mean {right}?", result.stderr, command)
            error = json.loads(self.grove(command, "--json", "demo.onne").stderr)
            self.assertEqual(error["command"], "grove " + command)
        self.assertIn("did you mean demo.one?", self.grove("call", "demo.onne", "x").stderr)
        self.assertIn('"grove ps" lists those that are', self.grove("status", "nothing-like-it.at-all").stderr)
        self.assertEqual(self.grove("status", "größe").returncode, 2)

    # ---- kernel and system services that do not answer ----

    def run_all(self, commands):
        """Run them at the same time; yields (arguments, status, standard error)."""
        running = [(arguments, subprocess.Popen([support.GROVE, *arguments], stdin=subprocess.DEVNULL,
                                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                                                env=self.environment, cwd=self.folder)) for arguments in commands]
        for arguments, process in running:
            errors = process.communicate(timeout=2 * support.DEADLINE)[1]
            yield arguments, process.returncode, errors

    def test_a_stopped_kernel_is_said_with_what_to_do(self):
        kernel = self.kernel()
        os.kill(kernel, signal.SIGSTOP)
        try:
            for arguments, status, errors in self.run_all(ASKING):
                self.assertEqual(status, 125 if arguments[0] == "run" else 1, (arguments, errors))
                self.assertIn(f'"kill -CONT {kernel}"', errors, arguments)
            for _, _, errors in self.run_all([["doctor"]]):
                self.assertIn(f'"kill -CONT {kernel}"', errors)
        finally:
            os.kill(kernel, signal.SIGCONT)
        self.good("ps")

    def test_a_registry_that_hangs_can_be_replaced_as_is_said(self):
        registry = self.process("system.registry")
        os.kill(registry, signal.SIGSTOP)
        for arguments, status, errors in self.run_all([["ps"], ["tree"], ["status", "demo.one"], ["why", "demo.one"]]):
            self.assertEqual(status, 1, arguments)
            self.assertIn('"grove restart system.registry" replaces it', errors, arguments)
        self.good("restart", "system.registry")
        deadline = time.monotonic() + support.DEADLINE
        while self.grove("status", "demo.one").returncode != 0 and time.monotonic() < deadline:
            time.sleep(0.01)
        self.assertNotEqual(self.process("system.registry"), registry)

    def test_a_kernel_killed_in_the_middle(self):
        self.write("slow/grove.yaml", "name: slow\nservices: [two.yaml]\n")
        self.write("slow/two.yaml", "name: two\nexec: [sleep, '600']\nreadiness: {kind: port, argument: '127.0.0.1:9', timeout: 100s}\n"
                                    "capabilities: ['NET_BIND:127.0.0.1:9']\n")
        registry = self.process("system.registry")
        os.kill(registry, signal.SIGSTOP)
        commands = [["ps"], ["status", "demo.one"], ["stop", "demo.one"], ["logs", "-f", "demo.one"], ["top"],
                    ["trace"], ["up", "slow"], ["run", "--", "sleep", "600"]]
        processes = [subprocess.Popen([support.GROVE, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                      stderr=subprocess.PIPE, text=True, env=self.environment, cwd=self.folder)
                     for arguments in commands]
        # Each is a client of the kernel before it is killed.
        deadline = time.monotonic() + 4
        kernel = self.kernel()
        while time.monotonic() < deadline and not all(self.is_connected(process.pid) for process in processes):
            time.sleep(0.005)
        os.kill(kernel, signal.SIGKILL)
        for arguments, process in zip(commands, processes):
            errors = process.communicate(timeout=support.DEADLINE)[1]
            self.assertEqual(process.returncode, 125 if arguments[0] == "run" else 1, (arguments, errors))
            self.assertIn('"grove up" starts', errors, arguments)
        self.good("up", "demo")

    @staticmethod
    def is_connected(process):
        """It holds the page of the kernel that a session maps: it is past the greeting."""
        try:
            with open(f"/proc/{process}/maps", encoding="utf-8") as maps:
                return "memfd:" in maps.read()
        except OSError:
            return True

    # ---- somebody else's kernel ----

    @unittest.skipUnless(os.geteuid() == 0, "only root can be somebody else")
    def test_the_kernel_of_another_user_is_not_taken_for_none(self):
        # The build folder may lie where nobody else may look, such as below /root.
        folder = tempfile.mkdtemp(prefix="grove-cli-other-")
        self.addCleanup(shutil.rmtree, folder)
        os.chmod(folder, 0o755)
        grove = shutil.copy(support.GROVE, folder)
        for arguments in (["ps"], ["down", "--all"], ["run", "--", "true"], ["status", "demo.one"]):
            result = subprocess.run([grove, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                    env=self.environment, cwd="/", user=65534, group=65534, extra_groups=[],
                                    timeout=support.DEADLINE, check=False)
            self.assertEqual(result.returncode, 125 if arguments[0] == "run" else 1, arguments)
            self.assertIn("only that user and root may use it", result.stderr, arguments)
        self.good("ps")

    # ---- terminals ----

    def screen(self, columns, *arguments, environment=None):
        """What a command writes to a terminal of so many columns, up to its second picture or its end."""
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 10, columns, 0, 0))
        process = subprocess.Popen([support.GROVE, *arguments], stdin=slave, stdout=slave, stderr=slave,
                                   env=environment or self.environment, cwd=self.folder, start_new_session=True)
        os.close(slave)
        text, deadline = "", time.monotonic() + support.DEADLINE
        while text.count("\033[H") < 2 and time.monotonic() < deadline:
            if not select.select([master], [], [], 0.5)[0]:
                continue
            try:
                text += os.read(master, 65536).decode()
            except OSError:
                break
        process.terminate()
        process.wait(timeout=support.DEADLINE)
        os.close(master)
        return text

    def test_top_stays_within_a_narrow_terminal(self):
        environment = dict(self.environment, NO_COLOR="1")
        picture = self.screen(40, "top", "--interval", "20ms", environment=environment).split("\033[J")[1].split("\033[H")[0]
        lines = picture.split("\r\n")
        self.assertTrue(lines[0].startswith("NAME"), picture)
        self.assertLessEqual(max(len(line) for line in lines), 40, picture)
        # Each ends with a new line; a tenth one would move the picture up.
        self.assertLess(picture.count("\r\n"), 10)

    def test_colours_at_a_terminal_and_not_when_they_are_not_wanted(self):
        self.assertIn("\033[32mready", self.screen(120, "ps"))
        self.assertNotIn("\033", self.screen(120, "ps", environment=dict(self.environment, NO_COLOR="1")))
        self.assertNotIn("\033", self.good("ps").stdout)


if __name__ == "__main__":
    support.main()
