"""Acquisition against devices that nobody here wrote, and against ones that do not keep to the protocol."""
import socket
import struct
import subprocess
import threading

import grid_support as grid


class Probe(grid.GridTest):
    def probe(self, port, config=grid.DEVICE_CONFIG):
        path = self.write("grid.conf", config.format(port=port))
        return subprocess.run([grid.program("acquire"), "--config", path, "--probe"], capture_output=True, text=True,
                              timeout=grid.gs.DEADLINE_SECONDS, check=False)

    def test_a_device_of_pymodbus(self):
        """Every type, both word orders, three tables, a unit number."""
        port, _ = self.start_device()
        result = self.probe(port)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertIn("voltage 10250 current 95.5 frequency 50 power -125000 breaker closed", result.stdout)

    def test_an_address_that_the_device_does_not_have(self):
        port, _ = self.start_device()
        result = self.probe(port, grid.DEVICE_CONFIG.replace("input 5", "input 500"))
        self.assertEqual(result.returncode, 1)
        self.assertIn("Modbus exception", result.stdout)
        self.assertIn("voltage 10250", result.stdout)

    def test_nobody_there(self):
        result = self.probe(grid.free_port())
        self.assertEqual(result.returncode, 1)
        self.assertIn("[unreachable]", result.stdout)

    def lying_device(self, answer):
        """A device whose answer to each request is whatever `answer` makes of it; None: hang up."""
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)

        def serve():
            try:
                while True:
                    connection, _ = listener.accept()
                    with connection:
                        while request := grid.receive_frame(connection):
                            reply = answer(request)
                            if reply is None:
                                break
                            connection.sendall(reply)
            except OSError:
                pass
        threading.Thread(target=serve, daemon=True).start()
        return listener.getsockname()[1]

    def test_devices_that_lie(self):
        def other_function(request):
            return request[:7] + bytes([request[7] ^ 7]) + b"\2\0\0"

        def too_long(request):
            return request[:4] + struct.pack(">H", 259) + request[6:8] + b"\xff" * 257

        def wrong_count(request):
            return request[:4] + struct.pack(">H", 5) + request[6:8] + b"\2\0\0"

        def another_unit(request):
            return request[:4] + struct.pack(">H", 5) + b"\1" + request[7:8] + b"\2\0\0"

        for lie in (other_function, too_long, wrong_count, another_unit, lambda _: b"\0" * 300, lambda _: b"",
                    lambda _: None, lambda request: request[:2] + b"\0\1" + request[4:]):
            result = self.probe(self.lying_device(lie))
            self.assertEqual(result.returncode, 1)
            self.assertIn("no answer", result.stdout)

    def test_a_late_answer_is_not_taken_for_the_next_one(self):
        """Each answer is preceded by one to a transaction that nobody asked."""
        def stale(request):
            transaction = (struct.unpack(">H", request[:2])[0] + 77) % 65536
            function, count = request[7], struct.unpack(">H", request[10:12])[0]
            size = (count + 7) // 8 if function in (1, 2) else count * 2

            def frame(number, byte):
                body = request[6:8] + bytes([size]) + bytes([byte]) * size
                return struct.pack(">HHH", number, 0, len(body)) + body
            return frame(transaction, 0xff) + frame(struct.unpack(">H", request[:2])[0], 0x01)
        result = self.probe(self.lying_device(stale))
        self.assertEqual(result.returncode, 0, result.stdout)
        self.assertIn("current 25.7", result.stdout)


class Configuration(grid.GridTest):
    def test_a_wrong_line_is_named(self):
        path = self.write("grid.conf", "period 20ms\nfeeder 1 name a device d map m colour red\n")
        result = subprocess.run([grid.program("acquire"), "--config", path, "--probe"], capture_output=True, text=True,
                                timeout=grid.gs.DEADLINE_SECONDS, check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn(f"{path}:2: 'colour' is unknown here; known are:", result.stderr)


if __name__ == "__main__":
    grid.main()
