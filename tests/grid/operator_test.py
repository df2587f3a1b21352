"""The operator's terminal, on a pseudo-terminal as a person would have it."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import grid_support as grid
import grid_test
from grid_support import gs

ROWS, COLUMNS = 30, 90


class Terminal(grid_test.Grid):
    def setUp(self):
        super().setUp()
        self.up()
        self.wait_for_readings(12)
        self.text = ""
        environment = dict(os.environ, TERM="xterm", GROVE_SOCKET=os.path.join(self.system.run, "kernel.sock"),
                           GROVE_RUN=self.system.run, GROVE_STATE=self.system.state)
        leader, follower = pty.openpty()
        self.terminal = leader
        self.resize(ROWS, COLUMNS)
        self.process = subprocess.Popen([grid.program("operator"), "--config", f"{grid.SERVICES}/grid.conf",
                                         "--grove", self.system.program], stdin=follower, stdout=follower,
                                        stderr=follower, env=environment, start_new_session=True,
                                        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(follower)
        self.addCleanup(os.close, leader)
        self.addCleanup(self.process.wait)
        self.addCleanup(self.process.kill)

    def resize(self, rows, columns):
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self):
        """What came by now; nothing at the end."""
        if select.select([self.terminal], [], [], 0.05)[0]:
            try:
                self.text += os.read(self.terminal, 65536).decode(errors="replace")
            except OSError:
                pass
        return self.text

    def wait_for_text(self, pattern):
        return gs.wait_for(f"'{pattern}' on the terminal", lambda: re.search(pattern, self.read()))

    def type(self, line):
        self.text = ""
        os.write(self.terminal, line.encode() + b"\r")

    def wait_for_end(self):
        deadline = time.monotonic() + gs.DEADLINE_SECONDS
        while self.process.poll() is None and time.monotonic() < deadline:
            self.read()
        return self.process.poll()

    def test_view_commands_and_the_summary(self):
        self.wait_for_text(r"grove> ")
        self.wait_for_text(r"foundry +10000 ")
        self.type("trip 2")
        self.wait_for_text(r"water .*TRIPPED")
        self.wait_for_text(r"feeder 2 water: breaker tripped, operator")
        self.type("trip 99")
        self.wait_for_text(r"there is no feeder 99")
        self.type("trip x")
        self.wait_for_text(r"trip: write a number")
        self.type("ack")
        self.wait_for_text(r"acknowledged")
        self.type("reset 2")
        self.wait_for_text(r"water .*closed")
        self.type("ps")
        self.wait_for_text(r"grid\.historian .*ready")
        self.type("nonsense")
        self.wait_for_text(r"there is no command")
        self.type("quit")
        self.assertEqual(self.wait_for_end(), 0)
        self.assertIn("  lost 0  ", self.read())

    def ends_well(self):
        self.assertEqual(self.wait_for_end(), 0)
        self.assertIn("  lost 0  ", self.read())
        # The last thing is the summary, below a terminal that scrolls as a whole again.
        self.assertIn("\033[r", self.text)
        self.assertNotIn("grove> ", self.text.split("\033[r")[-1])

    def key(self, byte):
        self.text = ""
        os.write(self.terminal, byte)

    def test_what_a_command_prints_stays(self):
        self.wait_for_text(r"foundry +10000 ")
        for command, output in (("help", r"end the run"), ("ps", r"grid\.historian .*ready"), ("status grid.alarm", r"time to ready"),
                                ("why grid.alarm", r"is ready"), ("logs grid.nothing", r"nothing is kept of"), ("tree", r"historian"),
                                ("call grid.alarm list", r"alarms: "), ("kill grid.alarm", r"grove> "), ("", r"grove> ")):
            with self.subTest(command):
                self.type(command)
                self.wait_for_text(output)
                self.wait_for_text(r"(?s)" + output + r".*grove> " if command and "kill" not in command else r"grove> ")
                self.assertNotIn("\033[2J", self.text)

    def test_wrong_numbers(self):
        self.wait_for_text(r"foundry +10000 ")
        for line in ("trip", "trip -1", "trip 70000", "reset x", "ack y"):
            with self.subTest(line):
                self.type(line)
                self.wait_for_text(r": write a number after it")
        for line, sentence in (("trip 0", "name one feeder to trip"), ("reset 77", "there is no feeder 77"),
                               ("ack 4711", "alarm 4711 is not active")):
            with self.subTest(line):
                self.type(line)
                self.wait_for_text(sentence)

    def test_ctrl_c_at_the_prompt_ends_it(self):
        self.wait_for_text(r"foundry +10000 ")
        os.write(self.terminal, b"half a li")
        self.key(b"\x03")
        self.ends_well()

    def test_ctrl_d_ends_it(self):
        self.wait_for_text(r"foundry +10000 ")
        self.key(b"\x04")
        self.ends_well()

    def test_ctrl_c_ends_a_command_and_not_the_view(self):
        self.wait_for_text(r"foundry +10000 ")
        self.type("logs -f grid.substation")
        gs.wait_for("the command runs", lambda: len(gs.descendants(self.process.pid)) == 2)
        self.key(b"\x03")
        self.wait_for_text(r"grove> ")
        self.wait_for_text(r"foundry +10000 ")
        self.type("quit")
        self.ends_well()

    def test_a_new_size_shows_one_prompt(self):
        self.wait_for_text(r"foundry +10000 ")
        os.write(self.terminal, b"half")
        self.wait_for_text("half")
        self.text = ""
        self.resize(20, 50)
        self.wait_for_text(r"(?s)\033\[2J.*foundry +10000 ")
        self.assertEqual(self.text.split("\033[2J")[-1].count("grove> "), 1)
        self.assertIn("grove> half", self.text)

    def test_it_goes_on_while_services_are_killed(self):
        self.wait_for_text(r"foundry +10000 ")
        for name in grid_test.USER_SERVICES:
            self.kill(name)
        self.text = ""
        self.wait_for_text(r"\D[5-9]\d* restarts|\D1\d restarts")
        self.wait_for_text(r"foundry +10000 ")
        os.killpg(self.process.pid, signal.SIGINT)
        self.assertEqual(self.wait_for_end(), 0)
        self.assertIn("  lost 0  ", self.read())

    def test_lines_keep_to_the_window(self):
        self.wait_for_text(r"foundry +10000 ")
        self.resize(20, 50)
        os.kill(self.process.pid, signal.SIGWINCH)
        self.wait_for_text("\033\\[\\d+;20r")
        self.text = ""
        self.wait_for_text(r"foundry(.|\n)*\033\[20?;?|foundry(.|\n)*foundry")
        for line in re.split(r"\033\[\d+;1H\033\[2K", self.text)[1:-1]:
            plain = re.sub(r"\033(\[[0-9;?]*[A-Za-z]|[78])", "", line)
            self.assertLessEqual(len(plain), 50, plain)


if __name__ == "__main__":
    grid.main()
