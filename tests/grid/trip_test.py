"""Tripping is a transaction: protect, or the kernel, dies at each step, and the breaker is open once and for all, or untouched.

The device is ours: it executes or not, and answers or not, as a test says, and counts what is written to it.
"""
import random
import struct

import device_faults_test
import grid_support as grid
import grid_test
from grid_support import gs

NORMAL, OPENING, TRIPPED = 0, 1, 2
OVERCURRENT, FOUND = 2, 5
READ_COIL, READ_DISCRETE, READ_HOLDING, WRITE_COIL = 1, 2, 3, 5
CONFIG = """
period 20ms
deadline 1s
device rtu host 127.0.0.1 port {port} timeout 500ms
map m voltage holding 0 type u16
map m current holding 1 type u16
map m frequency holding 2 type u16 scale 0.001
map m power holding 3 type u16
map m breaker discrete 0
map m trip coil 0
feeder 1 name only device rtu map m overcurrent 400 delay 40ms
"""


class Bay(device_faults_test.Device):
    """A bay controller with one breaker."""

    def __init__(self):
        self.coil, self.current = False, 100
        self.writes = []  # what was written and executed, in order
        self.asked = 0  # writes that came, executed or not
        self.executes, self.answers = True, True
        super().__init__()
        self.wrong = self.handle

    def values(self):
        return [10250, 0 if self.coil else self.current, 50000, 1000]

    def handle(self, connection, request):
        function, (address, count) = request[7], struct.unpack(">HH", request[8:12])
        if function == READ_HOLDING:
            values = self.values()[address:address + count]
            body = struct.pack(f">B{len(values)}H", 2 * len(values), *values)
        elif function == READ_DISCRETE:
            body = bytes([1, not self.coil])
        elif function == WRITE_COIL:
            self.asked += 1
            if self.executes:
                self.coil = count == 0xff00
                self.writes.append(self.coil)
            body = request[8:12]
        else:
            body = bytes([1, self.coil])
        if function in (READ_COIL, WRITE_COIL) and not self.answers:
            return None
        connection.sendall(request[:4] + struct.pack(">H", len(body) + 2) + request[6:8] + body)
        return None


class Trips(grid_test.Grid):
    def setUp(self):
        super().setUp()
        self.bay = Bay()
        self.addCleanup(self.bay.close)
        self.port = self.bay.port
        config = self.write("grid.conf", CONFIG.format(port=self.bay.port))
        self.manifests = []
        for name in ("alarm", "historian", "protect", "acquire"):
            with open(f"{grid.SERVICES}/{name}.yaml", encoding="utf-8") as file:
                text = file.read().replace("substation=", "rtu=").replace("FS_READ:grid.conf", f"FS_READ:{config}")
            self.manifests.append(self.write(f"{name}.yaml", text.replace("${manifest}/grid.conf", config)))
        self.up(*self.manifests)
        self.wait_until_prepared()

    def breaker(self):
        table = self.protect()["table"]
        data = bytes.fromhex(table) if isinstance(table, str) else bytes(table)
        return data[2], data[3]

    def keys(self):
        """What the store keeps for protection, without the numbers of intents."""
        rows = self.system.json("store", "list", "grid.protect")
        return sorted(row["key"].rsplit("/", 1)[0] if row["key"].startswith("intent/") else row["key"] for row in rows)

    def wait_until_prepared(self):
        gs.wait_for("the intent is prepared", lambda: self.protect()["followed"] == 1 and self.keys() == ["intent/trip-1"])

    def trip(self):
        self.bay.current = 450

    def wait_until_tripped(self, cause=OVERCURRENT):
        gs.wait_for("it is tripped", lambda: self.breaker() == (TRIPPED, cause))
        self.assertTrue(self.bay.coil)
        gs.wait_for("the record is all that the store has", lambda: self.keys() == ["trip/1"])

    def reset(self):
        self.bay.current = 100
        self.system.grove("call", "grid.protect", "reset", "1")
        gs.wait_for("it is closed", lambda: self.breaker()[0] == NORMAL)
        self.assertFalse(self.bay.coil)
        self.wait_until_prepared()

    def hold(self, executes):
        """The device answers to no write, and to no question about one."""
        self.bay.executes, self.bay.answers = executes, False
        asked, self.bay.writes = self.bay.asked, []
        self.trip()
        gs.wait_for("the device was written to", lambda: self.bay.asked > asked)
        self.assertEqual(self.breaker()[0], OPENING)

    def release(self):
        self.bay.executes, self.bay.answers = True, True


class Steps(Trips):
    def test_killed_at_each_step(self):
        with self.subTest("prepared: nothing happens"):
            self.kill("protect")
            self.wait_for_readings(10)
            self.wait_until_prepared()
            self.assertEqual((self.breaker()[0], self.bay.writes), (NORMAL, []))
        with self.subTest("decided, and the device did not get it"):
            self.hold(executes=False)
            self.kill("protect")
            self.release()
            self.wait_until_tripped()
            self.assertEqual(self.bay.writes, [True])
            self.reset()
        with self.subTest("written, and not confirmed: it is not written again"):
            self.hold(executes=True)
            self.kill("protect")
            self.release()
            self.wait_until_tripped()
            self.assertEqual(self.bay.writes, [True])
            self.reset()
        with self.subTest("confirmed, and the store does not know"):
            self.system.grove("kill", "-s", "STOP", "system.store")
            self.trip()
            gs.wait_for("it trips without the store", lambda: self.breaker() == (TRIPPED, OVERCURRENT))
            self.kill("protect")
            self.assertEqual(self.breaker(), (TRIPPED, OVERCURRENT))
            self.system.grove("kill", "-s", "CONT", "system.store")
            self.wait_until_tripped()
            self.reset()
        self.assertEqual(self.protect()["unprepared"], 0)
        self.assertEqual(self.protect()["trips"], 3)
        self.summary()

    def test_killed_at_any_moment_with_the_store(self):
        chance = random.Random(11)
        for turn in range(4):
            self.bay.writes = []
            self.trip()
            for _ in range(3):
                self.system.grove("kill", "-s", "KILL", chance.choice(("grid.protect", "grid.protect", "system.store")), check=False)
            self.system.wait_for_state("grid.protect", "ready")
            self.wait_until_tripped()
            # A write that the device had not looked at when its sender died is carried out as well: to open twice is as good as once.
            self.assertEqual(set(self.bay.writes), {True}, f"turn {turn}")
            self.reset()
        self.assertEqual(self.protect()["trips"], 4)
        self.summary()


class KernelKilled(Trips):
    def crash(self):
        """The kernel is killed, and with it all memory; the device goes on."""
        self.system.kill_kernel()
        self.release()
        self.system.grove("up")
        for name in ("alarm", "historian", "protect", "acquire"):
            self.system.wait_for_state(f"grid.{name}", "ready")

    def test_what_was_under_way_is_completed(self):
        self.trip()
        self.wait_until_tripped()
        self.crash()
        self.wait_until_tripped()
        self.assertEqual(self.bay.writes, [True])
        self.reset()

        self.hold(executes=False)
        gs.wait_for("the decision is on the disk", lambda: self.keys() == ["intent/trip-1", "trip/1"])
        self.bay.current = 100  # nothing but the store says that it was to be tripped
        self.crash()
        self.wait_until_tripped()
        self.assertEqual(self.bay.writes, [True])
        self.reset()

        # The device has tripped, and the store has never heard of a decision.
        self.system.grove("kill", "-s", "STOP", "system.store")
        self.trip()
        gs.wait_for("it trips", lambda: self.breaker() == (TRIPPED, OVERCURRENT))
        self.bay.writes = []
        self.crash()
        self.wait_until_tripped(FOUND)
        self.assertEqual(self.bay.writes, [])
        self.reset()



if __name__ == "__main__":
    grid.main()
