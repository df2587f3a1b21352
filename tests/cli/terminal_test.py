"""grove run at a terminal, with a shell around it as a person has: keys, job control, size, hang-up, and what is left."""

import fcntl
import os
import pty
import re
import select
import shlex
import signal
import struct
import subprocess
import termios
import time

import support

PYTHON = "/usr/bin/python3"
PROMPT = "PROMPT> "


def wait_for(what, condition):
    deadline = time.monotonic() + support.DEADLINE
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {support.DEADLINE} s")
        time.sleep(0.005)


class Shell:
    """An interactive bash at a terminal of its own, seen from the other end."""

    def __init__(self, environment, folder):
        self.text = self.seen = ""
        self.process, self.master = pty.fork()
        if self.process == 0:
            os.chdir(folder)
            for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP):
                signal.signal(number, signal.SIG_DFL)
            os.execve("/bin/bash", ["bash", "--norc", "--noprofile", "-i"],
                      dict(environment, PS1=PROMPT, TERM="dumb", HISTFILE="", INPUTRC="/dev/null"))
        self.expect(PROMPT)

    def expect(self, text):
        """Read until the text was there; returns what came before it."""
        deadline = time.monotonic() + support.DEADLINE
        while text not in self.text:
            if not select.select([self.master], [], [], max(0, deadline - time.monotonic()))[0]:
                raise AssertionError(f"{text!r} did not come, but {self.text!r} (all: {self.seen!r})")
            try:
                part = os.read(self.master, 65536).decode(errors="replace")
            except OSError:
                part = ""
            if not part:
                raise AssertionError(f"the terminal ended without {text!r}: {self.seen!r}")
            self.text += part
            self.seen += part
        before, self.text = self.text.split(text, 1)
        return before

    def type(self, text):
        os.write(self.master, text.encode())

    def enter(self, line):
        """Type a line and wait until the terminal has shown it."""
        self.type(line + "\n")
        self.expect(line[-20:])
        self.expect("\n")

    def modes(self):
        return termios.tcgetattr(self.master)

    def resize(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def hang_up(self):
        if self.master >= 0:
            os.close(self.master)
        self.master = -1

    def end(self):
        self.hang_up()
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            if os.waitpid(self.process, os.WNOHANG)[0]:
                return
            time.sleep(0.01)
        os.kill(self.process, signal.SIGKILL)
        os.waitpid(self.process, 0)


class Terminal:
    """The same for both kernels: it is as without grove."""

    own_kernel = []

    def setUp(self):
        super().setUp()
        os.chmod(self.folder, 0o755)
        self.shell = Shell(self.environment, self.folder)
        self.addCleanup(self.shell.end)
        self.before = self.shell.modes()

    def start(self, *arguments, after=""):
        """Have the shell run it, from a file: what the shell shows of it is short then."""
        words = [support.GROVE, "run", *self.own_kernel, "--allow", "FS_WRITE:.", *arguments]
        self.write("line.sh", " ".join(map(shlex.quote, words)) + after + "\n")
        self.shell.enter(". ./line.sh")

    def ends_with(self, status):
        """Back at the prompt, with this status and the terminal as it was."""
        self.shell.expect(PROMPT)
        self.shell.enter("echo status=$?=")
        self.shell.expect(f"status={status}=")
        self.shell.expect(PROMPT)
        self.assertEqual(self.shell.modes()[:4], self.before[:4])

    def test_ctrl_c_reaches_the_children(self):
        self.start("--", "sh", "-c", 'trap : INT; sh -c "echo ready; exec sleep 600"; echo "slept=$?="; exit 5')
        self.shell.expect("ready")
        self.shell.type("\x03")
        self.shell.expect("slept=130=")
        self.ends_with(5)

    def test_ctrl_c_ends_a_program_as_a_signal_does(self):
        self.start("--", "sh", "-c", "echo ready; sleep 600 | cat")
        self.shell.expect("ready")
        self.shell.type("\x03")
        self.ends_with(130)
        self.assertNotIn("grove run:", self.shell.seen)

    def test_ctrl_backslash(self):
        self.start("--", "sh", "-c", 'ulimit -c 0; trap : QUIT; sh -c "echo ready; exec sleep 600"; echo "slept=$?="; exit 6')
        self.shell.expect("ready")
        self.shell.type("\x1c")
        self.shell.expect("slept=131=")
        self.ends_with(6)

    def test_ctrl_d_is_the_end_of_input(self):
        self.start("--", "cat")
        self.shell.type("some words\n")
        self.shell.expect("some words")
        self.shell.expect("some words")
        self.shell.type("\x04")
        self.ends_with(0)

    def test_stop_and_continue(self):
        self.start("--", "sh", "-c", 'echo ready; read line; echo "got=$line="')
        self.shell.expect("ready")
        self.shell.type("\x1a")
        self.shell.expect("Stopped")
        self.shell.expect(PROMPT)
        self.assertEqual(self.shell.modes()[:4], self.before[:4])
        self.shell.enter("fg")
        self.shell.type("words\n")
        self.shell.expect("got=words=")
        self.ends_with(0)

    def test_a_program_that_catches_the_stop(self):
        # As editors do: clean up, stop by the default action, and draw again afterwards.
        program = ("import os, signal, sys, termios, tty\n"
                   "old = termios.tcgetattr(0)\n"
                   "def draw():\n"
                   "    tty.setraw(0, termios.TCSANOW)\n"
                   "    modes = termios.tcgetattr(0)\n"
                   "    modes[3] |= termios.ISIG\n"
                   "    termios.tcsetattr(0, termios.TCSANOW, modes)\n"
                   "    os.write(1, b'drawn')\n"
                   "def stop(number, frame):\n"
                   "    termios.tcsetattr(0, termios.TCSANOW, old)\n"
                   "    os.write(1, b'cleaned')\n"
                   "    signal.signal(signal.SIGTSTP, signal.SIG_DFL)\n"
                   "    os.kill(0, signal.SIGTSTP)\n"
                   "    signal.signal(signal.SIGTSTP, stop)\n"
                   "    draw()\n"
                   "signal.signal(signal.SIGTSTP, stop)\n"
                   "draw()\n"
                   "while sys.stdin.read(1) != 'q':\n"
                   "    os.write(1, b'key')\n"
                   "termios.tcsetattr(0, termios.TCSANOW, old)\n")
        self.write("editor.py", program)
        self.start("--", PYTHON, "editor.py")
        self.shell.expect("drawn")
        self.shell.type("x")
        self.shell.expect("key")
        self.shell.type("\x1a")
        self.shell.expect("cleaned")
        self.shell.expect("Stopped")
        self.shell.expect(PROMPT)
        self.assertEqual(self.shell.modes()[:4], self.before[:4])
        self.shell.enter("fg")
        self.shell.expect("drawn")
        self.shell.type("q")
        self.ends_with(0)

    def test_in_the_background(self):
        # One process: a shell that waits for the child that it is about to begin cannot be stopped, with grove or without.
        program = ("import os, time\n"
                   "print('ready', flush=True)\n"
                   "while not os.path.exists('go'): time.sleep(0.02)\n"
                   "open('went', 'w').close()\n"
                   "while not os.path.exists('on'): time.sleep(0.02)\n"
                   "print('got=%s=' % input())\n")
        self.start("--", PYTHON, "-c", program)
        self.shell.expect("ready")
        self.shell.type("\x1a")
        self.shell.expect("Stopped")
        self.shell.expect(PROMPT)
        self.shell.enter("bg")
        self.shell.expect(PROMPT)
        self.shell.enter("echo typed-to-the-shell; touch go")
        self.shell.expect("typed-to-the-shell")
        wait_for("it goes on in the background", lambda: os.path.exists(self.path("went")))
        self.shell.expect(PROMPT)
        self.shell.enter("fg; echo")
        self.write("on", "")
        self.shell.type("words\n")
        self.shell.expect("got=words=")
        self.ends_with(0)

    def test_started_in_the_background(self):
        self.start("--", "sh", "-c", "echo begun; echo ended > ended", after=" &")
        self.shell.expect("begun")
        wait_for("it has ended", lambda: os.path.exists(self.path("ended")))
        self.shell.type("\n")
        self.shell.expect(PROMPT)
        self.assertEqual(self.shell.modes()[:4], self.before[:4])
        self.shell.enter("wait; echo waited")
        self.shell.expect("waited")

    def test_a_stop_from_outside(self):
        self.start("--", "sh", "-c", "echo ready; read line; echo got=$line=")
        self.shell.expect("ready")
        os.kill(os.tcgetpgrp(self.shell.master), signal.SIGTSTP)
        self.shell.expect("Stopped")
        self.shell.expect(PROMPT)
        self.shell.enter("fg")
        self.shell.type("words\n")
        self.shell.expect("got=words=")
        self.ends_with(0)

    def test_two_stops_in_a_row(self):
        # It looks up now and then: Python runs handlers of signals that came before a read only after that.
        self.write("job.py", "import os, select, signal\n"
                             "signal.signal(signal.SIGCONT, lambda *_: os.write(1, b'going on'))\n"
                             "os.write(1, b'ready')\n"
                             "while not select.select([0], [], [], 0.02)[0]: pass\n"
                             "print('got=%s=' % input())\n")
        self.start("--", PYTHON, "job.py")
        self.shell.expect("ready")
        for _ in range(5):
            self.shell.type("\x1a")
            self.shell.expect("Stopped")
            self.shell.expect(PROMPT)
            self.shell.enter("fg")
            self.shell.expect("going on")
        self.shell.type("words\n")
        self.shell.expect("got=words=")
        self.ends_with(0)

    def test_window_size(self):
        # It looks up now and then: see test_two_stops_in_a_row.
        program = ("import os, select, signal\n"
                   "def tell(*_):\n"
                   "    size = os.get_terminal_size(0)\n"
                   "    os.write(1, b'size=%dx%d=' % (size.lines, size.columns))\n"
                   "signal.signal(signal.SIGWINCH, tell)\n"
                   "tell()\n"
                   "while not select.select([0], [], [], 0.02)[0]: pass\n"
                   "input()\n")
        self.shell.resize(31, 97)
        self.start("--", PYTHON, "-c", program)
        self.shell.expect("size=31x97=")
        self.shell.resize(40, 123)
        self.shell.expect("size=40x123=")
        self.shell.type("\n")
        self.ends_with(0)

    def test_hang_up(self):
        self.start("--", "sh", "-c", 'trap "echo it > hung-up; exit 3" HUP; echo ready; while :; do sleep 0.05; done')
        self.shell.expect("ready")
        self.shell.hang_up()
        wait_for("the program was told of the hang-up", lambda: os.path.exists(self.path("hung-up")))
        wait_for("nothing is left", lambda: not self.running())

    def running(self):
        """Processes of this test's container program: they carry its run folder's grove in their environment."""
        marker = f"GROVE_RUN={self.path('run')}".encode()
        found = []
        for entry in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{entry}/environ", "rb") as stream:
                    if marker in stream.read().split(b"\0") and b"run" in self.command_line(entry):
                        found.append(entry)
            except OSError:
                continue
        return found

    @staticmethod
    def command_line(process):
        with open(f"/proc/{process}/cmdline", "rb") as stream:
            return stream.read().split(b"\0")

    def test_job_control_in_an_interactive_shell(self):
        self.write("job.py", "import os, signal, time\n"
                             "signal.signal(signal.SIGCONT, lambda *_: os.write(1, b'going on'))\n"
                             "signal.signal(signal.SIGINT, signal.SIG_DFL)\n"
                             "os.write(1, b'begun')\n"
                             "while True: time.sleep(0.02)\n")
        self.start("-e", "PS1=INNER> ", "-e", "HISTFILE=", "--", "bash", "--norc", "--noprofile", "-i")
        self.shell.expect("INNER> ")
        self.assertNotIn("no job control", self.shell.seen)
        self.shell.enter("python3 job.py")
        self.shell.expect("begun")
        self.shell.type("\x1a")
        self.shell.expect("Stopped")
        self.shell.expect("INNER> ")
        self.shell.enter("jobs -l")
        self.shell.expect("Stopped")
        self.shell.expect("INNER> ")
        self.shell.enter("fg")
        self.shell.expect("going on")
        self.shell.type("\x03")
        self.shell.expect("INNER> ")
        self.shell.enter("echo inner=$?=")
        self.shell.expect("inner=130=")
        self.shell.expect("INNER> ")
        self.shell.type("\x1a\n")  # means nothing at the prompt of a shell
        self.shell.expect("INNER> ")
        self.shell.enter("exit 9")
        self.ends_with(9)

    def test_raw_programs_have_every_byte(self):
        program = ("import os, sys, termios, tty\n"
                   "old = termios.tcgetattr(0)\n"
                   "tty.setraw(0, termios.TCSANOW)\n"
                   "os.write(1, b\"ready\")\n"
                   "seen = b\"\"\n"
                   "while len(seen) < 256:\n"
                   "    seen += os.read(0, 256)\n"
                   "termios.tcsetattr(0, termios.TCSANOW, old)\n"
                   "print(\"same\" if seen == bytes(range(256)) else seen)\n")
        self.start("--", PYTHON, "-c", program)
        self.shell.expect("ready")
        os.write(self.shell.master, bytes(range(256)))
        self.shell.expect("same")
        self.ends_with(0)

    def test_much_output_is_whole(self):
        self.start("--", "seq", "1", "60000")
        self.shell.expect("\n60000\r\n")
        numbers = [int(line) for line in re.findall(r"^(\d+)\r$", self.shell.seen, re.M)]
        self.assertEqual(numbers, list(range(1, 60001)))
        self.ends_with(0)

    def test_output_can_be_interrupted(self):
        self.start("--", "sh", "-c", "yes | cat")
        self.shell.expect("y\r\ny\r\n")
        self.shell.type("\x03")
        self.ends_with(130)

    def test_the_terminal_is_restored_when_grove_is_told_to_end(self):
        self.start("--timeout", "300ms", "--", "sleep", "600")
        self.ends_with(124)
        self.start("--", "sh", "-c", "stty -echo raw; echo ready; exec sleep 600")
        self.shell.expect("ready")
        os.kill(os.tcgetpgrp(self.shell.master), signal.SIGTERM)
        self.ends_with(143)

    def test_the_terminal_is_restored_when_the_start_fails(self):
        self.write("script", "#!/no/such/interpreter\n", 0o755)
        self.start("--", "./script")
        self.ends_with(127)

    # ---- not all of the streams are the terminal ----

    def test_ctrl_c_in_a_pipeline(self):
        # The reader ignores the key, and has begun to before it comes.
        self.start("--", "sh", "-c", 'trap : INT; until test -e reader; do sleep 0.02; done; '
                                     'sh -c "echo ready >&2; exec sleep 600"; echo "slept=$?=" >&2; exit 5',
                   after=" | sh -c \"trap '' INT; echo > reader; cat\"")
        self.shell.expect("ready")
        self.shell.type("\x03")
        self.shell.expect("slept=130=")
        self.ends_with(0)  # that of the reader

    def test_ctrl_c_without_a_stream_at_the_terminal(self):
        self.start("--", "sh", "-c", 'trap : INT; sh -c "echo > began; exec sleep 600"; echo "slept=$?=" > ended; exit 5',
                   after=" </dev/null >output 2>&1")
        wait_for("it runs", lambda: os.path.exists(self.path("began")))
        self.shell.type("\x03")
        self.ends_with(5)
        with open(self.path("ended"), encoding="utf-8") as stream:
            self.assertEqual(stream.read(), "slept=130=\n")

    def test_a_pager_behind_it_has_the_keys(self):
        self.start("--", "sh", "-c", "echo one; echo two", after=" | sh -c 'cat; read key < /dev/tty; echo key=$key='")
        self.shell.expect("two")
        self.shell.type("q\n")
        self.shell.expect("key=q=")
        self.ends_with(0)

    def test_input_from_a_pipe(self):
        self.start("--", "sh", "-c", 'trap : INT; read line; sh -c "echo got=$line=; exec sleep 600"; echo "slept=$?="',
                   after=" < <(echo words; sleep 600)")
        self.shell.expect("got=words=")
        self.shell.type("\x03")
        self.shell.expect("slept=130=")
        self.ends_with(0)


class OwnKernel(Terminal, support.CommandTest):
    own_kernel = ["--own-kernel"]


class Running(Terminal, support.CommandTest):
    def setUp(self):
        super().setUp()
        self.good("up")
        self.addCleanup(self.grove, "down", "--all")

    def test_the_kernel_ends_meanwhile(self):
        self.start("--", "sh", "-c", "echo ready; sleep 600")
        self.shell.expect("ready")
        with open(self.path("run", "kernel.pid"), encoding="utf-8") as stream:
            os.kill(int(stream.read().split()[0]), signal.SIGKILL)
        self.shell.expect("the kernel ended while the program ran")
        self.ends_with(125)

    def test_it_has_a_session_and_terminal_of_its_own(self):
        self.start("--", "sh", "-c", "test -t 0 -a -t 1 -a -t 2 && echo mine > /dev/tty")
        self.shell.expect("mine")
        self.ends_with(0)


if __name__ == "__main__":
    support.main()
