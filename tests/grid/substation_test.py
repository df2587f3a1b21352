"""The substation, asked by Modbus clients that nobody here wrote, and by ones that mean harm."""
import shutil
import socket
import struct
import subprocess
import unittest

import grid_support as grid
import pymodbus_without_serial  # noqa: F401
from pymodbus.client import ModbusTcpClient

PROFILE = """
loop 1000s
at 0s feeder 1 load 1200
at 0s feeder 2 load 1500
at 0s feeder 2 fault 1000
"""


class Substation(grid.GridTest):
    def setUp(self):
        self.port, self.process = self.start_substation(self.write("test.profile", PROFILE))

    def test_pymodbus_reads_and_trips(self):
        client = ModbusTcpClient("127.0.0.1", port=self.port)
        self.addCleanup(client.close)
        self.assertTrue(client.connect())
        voltage, current, frequency, high, low = client.read_input_registers(0, 5, 1).registers
        self.assertEqual(voltage, 10000)
        self.assertGreater(current, 500)
        self.assertEqual(frequency, 50000)
        self.assertEqual(struct.unpack(">i", struct.pack(">HH", high, low))[0], 1200000)
        self.assertGreater(client.read_input_registers(17, 1, 1).registers[0], 10000)
        self.assertTrue(client.read_discrete_inputs(16, 1, 1).bits[0])
        self.assertFalse(client.write_coil(16, True, 1).isError())
        self.assertEqual(client.read_input_registers(17, 1, 1).registers[0], 0)
        self.assertFalse(client.read_discrete_inputs(16, 1, 1).bits[0])
        self.assertTrue(client.read_coils(16, 1, 1).bits[0])
        client.write_coil(16, False, 1)
        self.assertGreater(client.read_input_registers(17, 1, 1).registers[0], 10000)

    def test_what_is_not_there_is_an_exception(self):
        client = ModbusTcpClient("127.0.0.1", port=self.port)
        self.addCleanup(client.close)
        self.assertTrue(client.connect())
        self.assertTrue(client.read_input_registers(1000, 5, 1).isError())
        self.assertTrue(client.write_coil(1000, True, 1).isError())
        self.assertFalse(client.read_input_registers(0, 1, 1).isError())

    @unittest.skipUnless(shutil.which("mbpoll"), "mbpoll is not installed")
    def test_mbpoll_reads_and_writes(self):
        def mbpoll(*arguments):
            return subprocess.run(["mbpoll", "-m", "tcp", "-p", str(self.port), "-a", "1", "-0", "-1", *arguments],
                                  capture_output=True, text=True, timeout=grid.gs.DEADLINE_SECONDS, check=True).stdout
        self.assertIn("[0]: \t10000", mbpoll("-t", "3", "-r", "0", "-c", "5", "127.0.0.1"))
        self.assertIn("Written 1 references", mbpoll("-t", "0", "-r", "0", "127.0.0.1", "1"))
        self.assertIn("[1]: \t0", mbpoll("-t", "3", "-r", "0", "-c", "5", "127.0.0.1"))

    def test_a_slow_client_stops_nobody(self):
        slow = socket.create_connection(("127.0.0.1", self.port))
        self.addCleanup(slow.close)
        request = grid.modbus_request(4, 0, 5)
        slow.sendall(request[:7])
        with socket.create_connection(("127.0.0.1", self.port), timeout=grid.gs.DEADLINE_SECONDS) as other:
            other.sendall(request)
            self.assertEqual(grid.receive_frame(other)[7], 4)
        slow.settimeout(grid.gs.DEADLINE_SECONDS)
        slow.sendall(request[7:] + request)
        self.assertEqual(grid.receive_frame(slow)[7], 4)
        self.assertEqual(grid.receive_frame(slow)[7], 4)

    def test_what_is_no_modbus_is_hung_up_on(self):
        for rubbish in (b"GET / HTTP/1.1\r\n\r\n", b"\0\1\0\0\xff\xff\1\4", b"\0\1\0\0\0\1\1", b"\0\1\0\7\0\6\1\4\0\0\0\1"):
            with socket.create_connection(("127.0.0.1", self.port), timeout=grid.gs.DEADLINE_SECONDS) as client:
                client.sendall(rubbish)
                try:
                    self.assertEqual(client.recv(1), b"")
                except ConnectionResetError:
                    pass
        self.assertIsNone(self.process.poll(), "it must still run")

    def test_short_and_lying_requests(self):
        """Counts in a request that its length does not bear out: an answer or an end, and no crash."""
        for function in (1, 2, 3, 4, 5, 6, 15, 16, 22, 23, 43, 99):
            for length in (2, 3, 6, 9, 12):
                with socket.create_connection(("127.0.0.1", self.port), timeout=grid.gs.DEADLINE_SECONDS) as client:
                    body = (bytes([1, function]) + b"\0\0\x07\xd0\xf6" + b"\xff" * 20)[:length]
                    client.sendall(struct.pack(">HHH", 1, 0, len(body)) + body)
                    client.shutdown(socket.SHUT_WR)
                    try:
                        while client.recv(4096):
                            pass
                    except ConnectionResetError:
                        pass
                self.assertIsNone(self.process.poll(), f"function {function}, {length} bytes")

    def test_more_clients_than_it_has_room_for(self):
        clients = [socket.create_connection(("127.0.0.1", self.port)) for _ in range(40)]
        for client in clients:
            self.addCleanup(client.close)
        for client in clients[:8]:
            client.settimeout(grid.gs.DEADLINE_SECONDS)
            client.sendall(grid.modbus_request(4, 0, 1))
            self.assertEqual(grid.receive_frame(client)[7], 4)


class Profiles(grid.GridTest):
    def test_a_wrong_profile_is_refused_with_its_line(self):
        path = self.write("wrong.profile", "loop 10s\nat 1s feeder 1 laod 5\n")
        result = subprocess.run([grid.program("substation"), "--profile", path, "--alone"], capture_output=True,
                                text=True, timeout=grid.gs.DEADLINE_SECONDS, check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn(f"{path}:2: 'laod' is no quantity; write load, voltage or fault", result.stderr)

    def test_a_port_that_is_taken_is_named(self):
        port, _ = self.start_substation()
        result = subprocess.run([grid.program("substation"), "--profile", f"{grid.SERVICES}/feeders.profile",
                                 "--listen", f"127.0.0.1:{port}", "--alone"], capture_output=True, text=True,
                                timeout=grid.gs.DEADLINE_SECONDS, check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn(f"127.0.0.1:{port}", result.stderr)


if __name__ == "__main__":
    grid.main()
