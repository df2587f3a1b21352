"""The grid as a whole: a real device's breaker is tripped, kills of services and kernel and a full disk lose nothing."""
import json
import os
import subprocess
import unittest

import grid_support as grid
from grid_support import gs

USER_SERVICES = ("substation", "acquire", "protect", "historian", "alarm")


class Grid(gs.SystemTest, grid.GridTest):
    def up(self, *files):
        """The whole example, or single services of it, which then belong to the project `grid` too."""
        self.port = getattr(self, "port", None) or grid.free_port()
        build = gs.build_folder()
        self.system.grove("up", "--project", "grid", "--set", f"build={build}", "--set", f"port={self.port}",
                          "--set", "protect-class=fair", "--set", "protect-priority=0", *(files or [grid.GRID]))

    def protect(self):
        return self.system.call("grid.protect", "status")

    def acquire(self):
        return self.system.call("grid.acquire", "status")

    def historian(self):
        return self.system.call("grid.historian", "counts")

    def kill(self, name):
        """kill -9, and wait until the next instance is ready."""
        full = f"grid.{name}"
        before = self.system.services()[full]["generation"]
        self.system.grove("kill", "-s", "KILL", full)
        gs.wait_for(f"{name} is back", lambda: self.system.services()[full]["generation"] > before and
                    self.system.services()[full]["state"] == "ready")

    def summary(self):
        """The operator's own account of what was lost."""
        environment = dict(os.environ, GROVE_SOCKET=os.path.join(self.system.run, "kernel.sock"))
        result = subprocess.run([grid.program("operator"), "--lines", "--seconds", "1"], capture_output=True, text=True,
                                env=environment, timeout=gs.DEADLINE_SECONDS, check=False)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertIn("  lost 0  ", result.stdout)
        return result.stdout

    def wait_for_readings(self, count):
        wanted = self.historian()["stored"] + count
        gs.wait_for(f"{count} more readings are stored", lambda: self.historian()["stored"] >= wanted)


class WithDevice(Grid):
    """acquire and protect with a bay controller that nobody here wrote."""

    def setUp(self):
        super().setUp()
        self.port, self.device = self.start_device()
        config = self.write("grid.conf", grid.DEVICE_CONFIG.format(port=self.port))
        services = []
        for name in ("alarm", "historian", "protect", "acquire"):
            with open(os.path.join(grid.SERVICES, f"{name}.yaml"), encoding="utf-8") as file:
                text = file.read().replace("substation=", "rtu=").replace("FS_READ:grid.conf", f"FS_READ:{config}")
            services.append(self.write(f"{name}.yaml", text.replace("${manifest}/grid.conf", config)))
        self.up(*services)
        self.wait_for_readings(3)

    def tell(self, command):
        self.device.stdin.write(command + "\n")
        self.device.stdin.flush()

    def coil(self):
        self.tell("coil")
        return self.device.stdout.readline().strip()

    def test_overcurrent_opens_the_breaker_once(self):
        self.assertEqual(self.protect()["trips"], 0)
        self.tell("current 450")
        gs.wait_for("the breaker is tripped", lambda: self.protect()["trips"] == 1)
        self.assertEqual(self.coil(), "coil 1")
        status = self.protect()
        self.assertEqual(status["reactions"], 1)
        self.assertGreater(status["worst_ns"], 0)
        self.kill("protect")
        self.wait_for_readings(10)
        self.assertEqual(self.protect()["trips"], 1, "a restart must neither forget nor repeat a trip")
        self.assertEqual(self.coil(), "coil 1")
        self.system.grove("call", "grid.protect", "reset", "3")
        gs.wait_for("the breaker is closed again", lambda: self.coil() == "coil 0")
        self.assertEqual(self.protect()["trips"], 1)
        self.summary()

    def test_low_frequency_sheds(self):
        self.tell("frequency 48.5")
        gs.wait_for("the feeder is shed", lambda: self.coil() == "coil 1")
        gs.wait_for("the stage is noted", lambda: self.protect()["stage"] == 1)

    def set(self, *settings, check=True):
        return self.system.grove("config", "set", "grid.protect", *settings, check=check)

    def test_settings_change_while_it_runs(self):
        self.tell("current 350")
        self.wait_for_readings(20)
        self.assertEqual(self.protect()["trips"], 0, "grid.conf says 400 A")
        refused = self.set("feeder.3.overcurrent=5", check=False)
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("is out of range; it is from 10 to 10000", refused.stderr)
        self.set("feeder.3.instantaneous=5000")
        refused = self.set("feeder.3.overcurrent=6000", check=False)
        self.assertIn("must lie below feeder.3.instantaneous, 5000 A", refused.stderr)
        self.wait_for_readings(20)
        before = self.protect()
        self.assertEqual(before["trips"], 0)
        self.set("feeder.3.overcurrent=300")
        gs.wait_for("it trips at the new setting", lambda: self.protect()["trips"] == 1)
        self.assertEqual(self.coil(), "coil 1")
        self.assertGreater(self.protect()["settings"], before["settings"])
        # The next instance has them although nobody can give them to it.
        self.system.grove("call", "grid.protect", "reset", "3")
        gs.wait_for("the breaker is closed again", lambda: self.coil() == "coil 0")
        self.system.grove("kill", "-s", "STOP", "system.config")
        self.kill("protect")
        self.tell("current 350")
        gs.wait_for("it trips with the settings that it had", lambda: self.protect()["trips"] == 2)
        self.system.grove("kill", "-s", "CONT", "system.config")
        self.system.grove("call", "grid.protect", "reset", "3")
        gs.wait_for("the breaker is closed once more", lambda: self.coil() == "coil 0")
        self.set("feeder.3.overcurrent=340")
        self.tell("current 345")
        gs.wait_for("it hears of changes again", lambda: self.protect()["trips"] == 3)
        self.assertEqual(self.protect()["missing"], 0)
        self.summary()

    def test_a_device_that_goes_away_and_comes_back(self):
        self.device.kill()
        self.device.wait()
        gs.wait_for("the connection is gone", lambda: self.acquire()["devices_connected"] == 0)
        self.system.grove("call", "grid.protect", "trip", "3")
        self.device = self.start("/usr/bin/python3", os.path.join(grid.HERE, "modbus_device.py"), str(self.port),
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        gs.wait_for("the trip has reached the device", lambda: self.protect()["trips"] == 1)
        self.assertEqual(self.coil(), "coil 1")
        gs.wait_for("it is polled again", lambda: self.acquire()["devices_connected"] == 1)
        self.summary()


class Kills(Grid):
    def test_each_service_and_nothing_is_lost(self):
        self.up()
        self.wait_for_readings(12)
        accounts = self.accounts()
        for name in USER_SERVICES:
            with self.subTest(name):
                self.kill(name)
                self.wait_for_readings(30)
        self.assertEqual(self.historian()["missing"], 0)
        self.assertEqual(self.protect()["missing"], 0)
        self.summary()
        self.system.grove("down", "--all")
        self.assert_nothing_is_left(accounts)

    def test_breakers_and_decisions_outlive_their_services(self):
        self.up()
        self.wait_for_readings(12)
        self.system.grove("call", "grid.protect", "trip", "2")
        gs.wait_for("feeder 2 is tripped", lambda: self.protect()["trips"] >= 1)
        latest = lambda: self.system.call("grid.historian", "latest", "2")  # noqa: E731
        gs.wait_for("a reading shows it", lambda: not latest()["breaker_closed"])
        for name in ("substation", "protect"):
            self.kill(name)
            self.wait_for_readings(30)
            reading = latest()
            self.assertFalse(reading["breaker_closed"])
        self.system.grove("call", "grid.protect", "reset", "2")
        gs.wait_for("feeder 2 is closed", lambda: latest()["breaker_closed"])

    def test_kills_of_sender_and_receiver_without_a_pause(self):
        self.up()
        self.wait_for_readings(12)
        for _ in range(8):
            self.system.grove("kill", "-s", "KILL", "grid.historian", check=False)
            self.system.grove("kill", "-s", "KILL", "grid.acquire", check=False)
        for name in ("historian", "acquire"):
            self.system.wait_for_state(f"grid.{name}", "ready")
        self.wait_for_readings(60)
        self.assertEqual(self.historian()["missing"], 0)
        self.summary()


class ShiftBook(Grid):
    """The alarm service's sink: what it cannot write becomes dead letters, which are replayed when it can."""

    def letters(self):
        return self.system.json("dlq", "--service", "grid.alarm")

    def test_a_sink_that_fails_leaves_dead_letters(self):
        book = os.path.join(self.system.state, "services", "grid.alarm", "shift-book")
        os.makedirs(book)  # a folder where the file should be: it cannot be opened for writing, by root either
        os.chmod(os.path.dirname(book), 0o777)
        self.up()
        self.wait_for_readings(12)
        self.system.grove("call", "grid.protect", "trip", "2")
        letter = gs.wait_for("a dead letter", self.letters)[0]
        self.assertEqual((letter["subject"], letter["publisher"], letter["attempts"]), ("grid.alarm.trip.2", "grid.protect", 4))
        self.assertIn("the shift book", letter["error"])
        self.assertIn("Is a directory", letter["error"])
        # The list has it all the same: the sink holds up nobody.
        self.assertNotEqual(self.system.json("call", "grid.alarm", "list")["alarms"], "")
        shown = self.system.json("dlq", "show", str(letter["id"]))
        alarm = json.loads(shown["data"])
        self.assertEqual((alarm["kind"], alarm["feeder"], alarm["cause"], alarm["state"]), ("trip", 2, "operator", "raised"))
        self.kill("alarm")
        os.rmdir(book)
        gs.wait_for("it is replayed", lambda: self.replay(letter["id"]))
        gs.wait_for("it stands in the book", lambda: shown["data"] in self.lines(book))
        gs.wait_for("no dead letter is left", lambda: not self.letters())
        self.system.grove("call", "grid.protect", "reset", "2")
        gs.wait_for("the end of it stands there too", lambda: '"state":"over"' in " ".join(self.lines(book)))
        numbers = [json.loads(line)["sequence"] for line in self.lines(book)]
        self.assertEqual(sorted(set(numbers)), list(range(1, max(numbers) + 1)))

    def replay(self, number):
        """A replay needs a subscription of the subscriber: its next instance has one in a moment."""
        self.system.grove("dlq", "replay", str(number), check=False)
        return not [letter for letter in self.letters() if letter["id"] == number]

    @staticmethod
    def lines(book):
        try:
            with open(book, encoding="utf-8") as file:
                return file.read().splitlines()
        except FileNotFoundError:
            return []


class KernelKilled(Grid):
    def test_what_was_stored_is_there_and_the_numbering_begins_anew(self):
        self.up()
        self.wait_for_readings(60)
        accounts = self.accounts()
        last, before = self.system.call("grid.historian", "latest", "1"), self.historian()
        self.system.kill_kernel()
        self.system.grove("up")
        for name in USER_SERVICES:
            self.system.wait_for_state(f"grid.{name}", "ready")
        self.assertGreaterEqual(self.historian()["stored"], before["stored"], "completed readings are gone")
        found = self.system.call("grid.historian", "range", str(last["wall_ns"]), str(last["wall_ns"]), "1", "1")
        self.assertEqual(found["count"], 1, "the last reading before the kill is not found")
        self.wait_for_readings(60)
        latest, after = self.system.call("grid.historian", "latest", "1"), self.historian()
        self.assertNotEqual(latest["epoch"], last["epoch"], "numbers of the first kernel's readings are given again")
        self.assertGreater(latest["wall_ns"], last["wall_ns"])
        self.assertEqual((after["missing"], after["damaged"]), (0, 0))
        self.summary()
        self.assert_nothing_is_left(accounts)


@unittest.skipUnless(os.geteuid() == 0, "mounting needs root")
class FullDisk(Grid):
    def test_readings_wait_and_none_is_lost(self):
        folder = os.path.join(self.system.state, "services", "grid.historian")
        os.makedirs(folder)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=0777", "grid-test", folder], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", folder], check=False)
        self.up()
        gs.wait_for("the disk is full", lambda: self.historian()["is_blocked"])
        stored = self.historian()["stored"]
        logs = lambda: self.system.grove("logs", "grid.historian").stdout  # noqa: E731
        gs.wait_for("the log says so", lambda: "the disk is full; readings wait until there is room" in logs())
        taken = self.acquire()["taken"]
        gs.wait_for("polling goes on", lambda: self.acquire()["taken"] > taken + 60)
        self.system.grove("call", "grid.protect", "trip", "1")
        gs.wait_for("protection goes on", lambda: self.protect()["trips"] >= 1)
        self.assertEqual(self.historian()["stored"], stored)
        self.kill("historian")
        gs.wait_for("the next instance finds the disk full too", lambda: self.historian()["is_blocked"])
        self.assertLessEqual(self.historian()["stored"] - stored, 200)
        subprocess.run(["mount", "-o", "remount,size=64m", folder], check=True)
        gs.wait_for("the disk takes readings again", lambda: not self.historian()["is_blocked"])
        gs.wait_for("what waited is stored", lambda: self.historian()["stored"] > taken + 60)
        self.assertEqual(self.historian()["missing"], 0)
        self.summary()
        self.system.grove("down", "--all")


if __name__ == "__main__":
    grid.main()
