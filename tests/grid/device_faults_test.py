"""A device that does everything wrong, beside one that does not: nothing false is stored, nobody else waits, nothing is lost."""
import socket
import struct
import subprocess
import threading
import time

import grid_support as grid
import grid_test
from grid_support import gs

VOLTAGE, FREQUENCY = 10250, 50000
CONFIG = """
period 20ms
deadline 1s
device rtu host 127.0.0.1 port {port} timeout 60ms
device good host 127.0.0.1 port {good} timeout 500ms
map m voltage holding 0 type u16
map m current holding 1 type u16
map m frequency holding 2 type u16 scale 0.001
map m power holding 3 type u16
map m breaker discrete 0
map m trip coil 0
feeder 1 name bad device rtu map m unit 7 overcurrent 40000 delay 60ms
feeder 2 name fine device good map m unit 7 overcurrent 40000 delay 60ms
"""


def answer(request):
    """What a faultless device says."""
    transaction, unit, function = request[:2], request[6:7], request[7]
    address, count = struct.unpack(">HH", request[8:12])
    if function == 3:
        values = [VOLTAGE, 100, FREQUENCY, 1000][address:address + count]
        body = struct.pack(f">B{len(values)}H", 2 * len(values), *values)
    elif function == 2:
        body = b"\1\1"
    else:
        body = request[8:12]
    return transaction + struct.pack(">HH", 0, len(body) + 2) + unit + bytes([function]) + body


class Device:
    """A server of one thread for each connection; `wrong` sends what it likes for a request."""

    def __init__(self):
        self.wrong = None
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()

    def close(self):
        """Wait for the thread: one that still accepts would take the connections of the next socket with this number."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.listener.close()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        try:
            with connection:
                while request := grid.receive_frame(connection):
                    wrong = self.wrong
                    if wrong is None:
                        connection.sendall(answer(request))
                    elif wrong(connection, request) is False:
                        return
        except OSError:
            pass


def slow(connection, request):
    time.sleep(0.2)  # longer than its timeout: the slowness is what is tried
    connection.sendall(answer(request))


def reset(connection, _request):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


def piecewise(connection, request):
    """All of it, a byte at a time: slow, and not wrong."""
    for byte in answer(request):
        connection.sendall(bytes([byte]))


def exception(connection, request):
    connection.sendall(request[:4] + b"\0\3" + request[6:7] + bytes([request[7] | 0x80, 4]))


WRONG = {
    "slow": slow,
    "reset": reset,
    "hang up": lambda connection, request: False,
    "silent": lambda connection, request: None,
    "garbage": lambda connection, request: connection.sendall(bytes(range(255, 0, -1))),
    "exception": exception,
    "half a frame": lambda connection, request: (connection.sendall(answer(request)[:7]), False)[1],
    "another unit": lambda connection, request: connection.sendall(answer(request)[:6] + b"\x63" + answer(request)[7:]),
    "another transaction": lambda connection, request: connection.sendall(b"\xff\xff" + answer(request)[2:]),
    "another function": lambda connection, request:
        connection.sendall(answer(request)[:7] + bytes([answer(request)[7] ^ 1]) + answer(request)[8:]),
    "twice as much": lambda connection, request:
        connection.sendall(answer(request)[:4] + struct.pack(">H", 2 * (len(answer(request)) - 6)) + 2 * answer(request)[6:]),
    "length of 65535": lambda connection, request: connection.sendall(request[:4] + b"\xff\xff" + request[6:]),
}


class TwoDevices(grid_test.Grid):
    CONFIG = CONFIG

    def setUp(self):
        super().setUp()
        self.bad, self.good = Device(), Device()
        for device in (self.bad, self.good):
            self.addCleanup(device.close)
        self.port = self.bad.port
        config = self.write("grid.conf", self.CONFIG.format(port=self.bad.port, good=self.good.port))
        services = []
        for name in ("alarm", "historian", "protect", "acquire"):
            with open(f"{grid.SERVICES}/{name}.yaml", encoding="utf-8") as file:
                text = file.read().replace("substation=", "rtu=").replace("FS_READ:grid.conf", f"FS_READ:{config}")
            text = text.replace("  - NET_CONNECT:", f"  - NET_CONNECT:127.0.0.1:{self.good.port}/tcp\n  - NET_CONNECT:")
            services.append(self.write(f"{name}.yaml", text.replace("${manifest}/grid.conf", config)))
        self.up(*services)

    def links(self):
        told = self.system.grove("health", "--json", "grid.acquire", check=False)  # health may have begun a moment ago
        return {check["check"]: (check["health"], check.get("reason", "")) for check in gs.json.loads(told.stdout)} if \
            told.returncode in (0, 1) and told.stdout.startswith("[") else {}

    def link(self, name):
        return self.links().get(name, (None, ""))


class ManyFeeders(TwoDevices):
    """As many as one plant may have: each has a check, and keys, of its own."""

    CONFIG = CONFIG.replace("period 20ms", "period 100ms") + "".join(
        f"feeder {number} name many device {'rtu' if number > 60 else 'good'} map m unit 7 overcurrent 40000 delay 60ms\n"
        for number in range(3, 65))

    def test_each_link_is_told_of_by_itself(self):
        gs.wait_for("all are well", lambda: list(status for status, _ in self.links().values()) == 64 * ["ok"])
        self.bad.wrong = WRONG["silent"]
        ill = {"feeder-1-bad"} | {f"feeder-{number}-many" for number in range(61, 65)}
        gs.wait_for("those of the silent device are ill, and no others",
                    lambda: {name for name, (status, _) in self.links().items() if status == "degraded"} == ill)
        self.assertEqual(len(self.links()), 64)
        before = self.protect()["settings"]
        self.system.grove("config", "set", "grid.protect", "feeder.64.delay=50ms", "feeder.64.overcurrent=9000")
        gs.wait_for("the settings of the last feeder count", lambda: self.protect()["settings"] > before)


class DeviceFaults(TwoDevices):
    def latest(self, feeder):
        return self.system.call("grid.historian", "latest", str(feeder))

    def wait_until(self, feeder, is_good):
        return gs.wait_for(f"feeder {feeder} is {'good' if is_good else 'marked'}",
                           lambda: (reading := self.latest(feeder)) and (reading["quality"] == 0) == is_good and reading)

    def assert_goes_on(self, feeder):
        before = self.latest(feeder)["sequence"]
        gs.wait_for(f"feeder {feeder} goes on", lambda: self.latest(feeder)["sequence"] > before + 20)
        self.assertEqual(self.latest(feeder)["quality"], 0)

    def test_each_fault_costs_its_own_feeder_only(self):
        self.wait_for_readings(4)
        instance = self.system.services()["grid.acquire"]["process"]
        for name, wrong in WRONG.items():
            with self.subTest(name):
                self.wait_until(1, True)
                self.bad.wrong = wrong
                self.wait_until(1, False)
                self.assert_goes_on(2)
                self.bad.wrong = None
                self.assertEqual(self.wait_until(1, True)["voltage_v"], VOLTAGE)
        self.bad.wrong = piecewise
        self.assert_goes_on(1)
        self.assert_nothing_false_is_stored()
        self.assertEqual(self.system.services()["grid.acquire"]["process"], instance, "acquire has ended")
        self.assertEqual(self.protect()["trips"], 0, "protection acted on what was no reading")
        self.assertEqual((self.historian()["missing"], self.protect()["missing"]), (0, 0))
        self.summary()

    def test_health_names_the_link_that_is_down(self):
        self.wait_for_readings(4)
        for name in ("feeder-1-bad", "feeder-2-fine"):
            gs.wait_for(f"{name} is well", lambda name=name: self.link(name)[0] == "ok")
        self.bad.wrong = WRONG["silent"]
        gs.wait_for("the silence is seen", lambda: self.link("feeder-1-bad")[0] == "degraded")
        self.assertRegex(self.link("feeder-1-bad")[1], f"device rtu at 127.0.0.1:{self.bad.port} (does not answer|cannot be reached)")
        self.assertEqual(self.link("feeder-2-fine")[0], "ok")
        overall = self.system.grove("health", check=False).stdout
        self.assertRegex(overall, "grid.acquire +degraded .*feeder-1-bad: device rtu")
        # It is about the link: whoever reports and whoever is told may be killed.
        self.system.grove("kill", "-s", "KILL", "system.health")
        self.kill("acquire")
        gs.wait_for("it is still known", lambda: self.link("feeder-1-bad")[0] == "degraded")
        self.bad.wrong = None
        gs.wait_for("the link is well again", lambda: self.link("feeder-1-bad")[0] == "ok")
        self.summary()

    def assert_nothing_false_is_stored(self):
        """No reading without a mark has values that the device never had."""
        start, seen = 0, 0
        while True:
            page = self.system.call("grid.historian", "range", str(start), str(2**63), "1", "50")
            data = bytes.fromhex(page["readings"]) if isinstance(page["readings"], str) else bytes(page["readings"])
            for offset in range(0, len(data), 56):
                _, _, _, _, voltage, _, frequency, _, _, quality, _, _ = struct.unpack_from("<4Q4f4H", data, offset)
                seen += 1
                if quality == 0:
                    self.assertEqual((voltage, round(frequency * 1000)), (VOLTAGE, FREQUENCY))
            if page["next_wall_ns"] in (0, start) or not data:
                break
            start = page["next_wall_ns"]
        self.assertGreater(seen, 100)


class Limits(grid.GridTest):
    def acquire(self, text):
        return subprocess.run([grid.program("acquire"), "--config", self.write("grid.conf", text), "--probe"],
                              capture_output=True, text=True, timeout=gs.DEADLINE_SECONDS, check=False)

    def feeders(self, count):
        return CONFIG.split("feeder")[0].format(port=self.port, good=self.port) + \
            "".join(f"feeder {number} name f{number} device rtu map m unit 7\n" for number in range(1, count + 1))

    def test_as_many_feeders_as_there_may_be_and_one_more(self):
        device = Device()
        self.addCleanup(device.close)
        self.port = device.port
        result = self.acquire(self.feeders(64))
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertEqual(result.stdout.count(f"voltage {VOLTAGE}"), 64)
        for count in (65, 200):
            result = self.acquire(self.feeders(count))
            self.assertEqual(result.returncode, 1)
            self.assertRegex(result.stderr, r"grid\.conf:\d+: .*64")

    def test_odd_profiles_are_refused_with_their_line(self):
        device = Device()  # its port is taken: a profile that is accepted ends there, and says so
        self.addCleanup(device.close)
        for line in ("at 0s feeder 1 load nan", "at 0s feeder 1 load inf", "at 0s feeder 1 load 1e999",
                     "at 0s feeder 1 load -1e300", "at -1s feeder 1 load 5", "at 99999999999999999999s feeder 1 load 5",
                     "at 0s feeder 0 load 5", "at 0s feeder 65 load 5", "at 0s feeder 1 load", "loop 0s",
                     "system base 0 inertia 0 droop 0 reserve 0 rating", "at 0s generation nan",
                     "at 0s feeder 1 load 5 ramp -2s", "\1\2\3", "at 0s feeder 1 load 5 load 6", "x" * 5000):
            with self.subTest(line[:60]):
                path = self.write("odd.profile", f"loop 10s\n{line}\n")
                result = subprocess.run([grid.program("substation"), "--profile", path, "--listen",
                                         f"127.0.0.1:{device.port}", "--alone"], capture_output=True, text=True,
                                        timeout=gs.DEADLINE_SECONDS, check=False)
                self.assertEqual(result.returncode, 1, result.stderr)
                self.assertIn(f"{path}:2: ", result.stderr)


if __name__ == "__main__":
    grid.main()
