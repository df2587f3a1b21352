"""grove run and grove caps with a running system: the same program, in a kernel that others use too."""

import os
import pty
import select
import signal
import subprocess
import time

import support

PYTHON = "/usr/bin/python3"


def state_of(process):
    """The letter of /proc: T stopped, S asleep, Z ended; None when it is gone."""
    try:
        with open(f"/proc/{process}/stat", encoding="utf-8") as stream:
            return stream.read().rsplit(")", 1)[1].split()[0]
    except OSError:
        return None


def wait_for(what, condition):
    deadline = time.monotonic() + support.DEADLINE
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {support.DEADLINE} s")
        time.sleep(0.005)


class Terminal:
    """A command on a terminal of its own, with a shell's part: a session whose foreground group the command is."""

    def __init__(self, command, environment, folder):
        self.text = ""
        self.process, self.master = pty.fork()
        if self.process == 0:
            os.chdir(folder)
            os.execve(command[0], command, environment)

    def expect(self, text):
        """Read until the text was there; returns what came up to it."""
        deadline = time.monotonic() + support.DEADLINE
        while text not in self.text:
            if not select.select([self.master], [], [], max(0, deadline - time.monotonic()))[0]:
                raise AssertionError(f"{text!r} did not come, but {self.text!r}")
            try:
                part = os.read(self.master, 4096)
            except OSError:
                part = b""
            if not part:
                raise AssertionError(f"the terminal ended without {text!r}: {self.text!r}")
            self.text += part.decode(errors="replace")
        before, self.text = self.text.split(text, 1)
        return before

    def type(self, text):
        os.write(self.master, text.encode())

    def wait(self):
        """The exit status, or minus the signal's number."""
        deadline = time.monotonic() + support.DEADLINE
        while True:
            # What it still writes must be read, or it would wait for us.
            if select.select([self.master], [], [], 0.01)[0]:
                try:
                    self.text += os.read(self.master, 4096).decode(errors="replace")
                except OSError:
                    pass
            done, status = os.waitpid(self.process, os.WNOHANG)
            if done:
                os.close(self.master)
                return os.waitstatus_to_exitcode(status)
            if time.monotonic() > deadline:
                os.kill(self.process, signal.SIGKILL)
                raise AssertionError(f"it did not end: {self.text!r}")


class Session:
    """Everything is tried with the kernel that runs; the terminal also with a kernel of the command's own."""

    own_kernel = []

    def setUp(self):
        super().setUp()
        os.chmod(self.folder, 0o755)
        self.good("up")
        self.addCleanup(self.grove, "down", "--all")
        wait_for("all system services are ready", lambda: {row["state"] for row in self.system_services()} == {"ready"})
        self.before = self.accounts()
        self.addCleanup(self.check_accounts)

    def system_services(self):
        return self.json("ps", "--json", "--project", "system")

    def accounts(self):
        kernel = self.kernel()
        return {"kernel": kernel,
                "services": sorted((row["name"], row["generation"]) for row in self.system_services())}

    def kernel(self):
        with open(self.path("run", "kernel.pid"), encoding="utf-8") as stream:
            return int(stream.read().split()[0])

    def check_accounts(self):
        wait_for("the kernel and its services are as before", lambda: self.accounts() == self.before)

    def terminal(self, *arguments):
        return Terminal([support.GROVE, "run", *self.own_kernel, *arguments], self.environment, self.folder)

    # ---- terminals ----

    def test_a_program_reads_the_terminal(self):
        terminal = self.terminal("--", "sh", "-c", "test -t 0 && test -t 1 && echo ready; read line; echo \"got $line\"")
        terminal.expect("ready")
        terminal.type("some words\n")
        terminal.expect("got some words")
        self.assertEqual(terminal.wait(), 0)


class Ignoring(support.CommandTest):
    def test_what_the_kernels_starter_ignored_is_not_ignored_by_programs(self):
        os.chmod(self.folder, 0o755)
        result = subprocess.run(["sh", "-c", "trap '' HUP INT QUIT TERM USR1; exec \"$0\" up", support.GROVE], env=self.environment,
                                cwd=self.folder, capture_output=True, text=True, timeout=support.DEADLINE, check=False)
        self.addCleanup(self.grove, "down", "--all")
        self.assertEqual(result.returncode, 0, result.stderr)
        status = self.good("run", "--", "cat", "/proc/self/status").stdout
        ignored = int([line.split()[1] for line in status.splitlines() if line.startswith("SigIgn:")][0], 16)
        self.assertEqual(ignored & ((1 << 31) - 1), 0)


class OwnKernel(Session, support.CommandTest):
    own_kernel = ["--own-kernel"]


class Running(Session, support.CommandTest):
    # ---- a kernel that others use ----

    def test_streams_status_and_capabilities(self):
        result = self.grove("run", "-n", "demo.cat", "--", "sh", "-c", "cat; exit 7", stdin=None, input="text\n")
        self.assertEqual((result.returncode, result.stdout), (7, "text\n"))

    def test_caps_of_a_running_program(self):
        with subprocess.Popen([support.GROVE, "run", "-n", "demo.app", "--allow", "FS_READ:.", "--allow",
                               "NET_CONNECT:127.0.0.1:80", "--", "sh", "-c", "echo ready; read line"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=self.environment,
                              cwd=self.folder) as process:
            self.assertEqual(process.stdout.readline(), "ready\n")
            rows = self.json("caps", "--json", "demo.app")
            self.assertEqual(sorted(row["capability"] for row in rows),
                             [f"FS_READ:{self.folder}", "NET_CONNECT:127.0.0.1:80"])
            process.communicate("\n", timeout=support.DEADLINE)
            self.assertEqual(process.returncode, 0)
        result = self.grove("caps", "demo.app")
        self.assertEqual(result.returncode, 1)
        self.assertIn("there is no running service demo.app", result.stderr)

    def test_a_refusal_is_explained(self):
        result = self.grove("run", "--explain", "-n", "demo.app", "--", PYTHON, "-c",
                            "import socket; open('/etc/hostname') if False else socket.create_connection(('127.0.0.1', 9))")
        self.assertEqual(result.returncode, 1)
        self.assertIn("demo.app may not connect to 127.0.0.1:9/tcp", result.stderr)

    def test_a_killed_shell_ends_its_program_and_harms_nobody(self):
        with subprocess.Popen([support.GROVE, "run", "-n", "demo.other", "--", "sh", "-c", "echo ready; cat"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=self.environment) as other:
            self.assertEqual(other.stdout.readline(), "ready\n")
            with subprocess.Popen([support.GROVE, "run", "-n", "demo.app", "--", "sh", "-c", "echo ready; sleep 600"],
                                  stdout=subprocess.PIPE, text=True, env=self.environment) as process:
                self.assertEqual(process.stdout.readline(), "ready\n")
                process.kill()
                # The program holds the other end of the pipe: its end is the end of the pipe.
                self.assertEqual(process.stdout.read(), "")
            wait_for("the container is gone", lambda: self.grove("caps", "demo.app").returncode == 1)
            output, _ = other.communicate("still here\n", timeout=support.DEADLINE)
            self.assertEqual((other.returncode, output), (0, "still here\n"))

    def test_a_program_cannot_signal_the_kernel_by_its_group(self):
        terminal = self.terminal("--", "sh", "-c", "echo ready; kill -KILL 0")
        terminal.expect("ready")
        self.assertEqual(terminal.wait(), 128 + signal.SIGKILL)
        self.assertEqual(self.kernel(), self.before["kernel"])


if __name__ == "__main__":
    support.main()
