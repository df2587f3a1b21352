"""Clients: many at once, slow, silent, hostile; and what the death of the gateway leaves."""
import concurrent.futures
import os
import random
import signal
import socket

import metrics_system as ms
from metrics_system import gs

REQUEST = b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"


class Clients(ms.MetricsTest):
    def connect(self):
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=gs.DEADLINE_SECONDS)
        self.addCleanup(connection.close)
        return connection

    @staticmethod
    def everything(connection):
        """Until the other end closes."""
        data = b""
        try:
            while part := connection.recv(65536):
                data += part
        except ConnectionResetError:
            pass
        return data

    @staticmethod
    def answer(connection):
        """One whole answer: (status, body). What follows stays in the socket."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = connection.recv(1)
            if not byte:
                raise AssertionError(f"the connection ended after {head}")
            head += byte
        length = int(dict(line.split(b": ") for line in head.split(b"\r\n")[1:-2])[b"Content-Length"])
        body = b""
        while len(body) < length:
            body += connection.recv(length - len(body))
        return int(head.split(b" ")[1]), body.decode()

    def test_many_at_once_share_scrapes(self):
        with concurrent.futures.ThreadPoolExecutor(32) as pool:
            pages = list(pool.map(lambda _: self.page(), range(200)))
        self.assertEqual(len(pages), 200)
        last = self.page()
        self.assertEqual(last.value("grove_metrics_requests_total"), 201)
        self.assertLessEqual(last.value("grove_metrics_scrapes_total"), 201)
        self.assertEqual(last.value("grove_metrics_failed_scrapes_total"), 0)
        self.check(last)

    def test_a_connection_serves_many_requests(self):
        connection = self.connect()
        for _ in range(3):
            connection.sendall(REQUEST)
            status, body = self.answer(connection)
            self.assertEqual(status, 200)
            self.assertIn("grove_kernel_objects", body)
        # Several in one piece, answered one after the other; then one that ends it.
        connection.sendall(REQUEST * 2 + b"HEAD /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        self.assertEqual([self.answer(connection)[0] for _ in range(2)], [200, 200])
        rest = self.everything(connection)
        self.assertTrue(rest.startswith(b"HTTP/1.1 200 OK\r\n") and rest.endswith(b"\r\n\r\n"), rest)

    def test_a_request_in_pieces(self):
        connection = self.connect()
        for byte in REQUEST:
            connection.sendall(bytes([byte]))
        self.assertEqual(self.answer(connection)[0], 200)

    def test_wrong_requests_are_answered_and_ended(self):
        for text, status in ((b"GET /nothing HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 404),
                             (b"POST /metrics HTTP/1.1\r\nHost: a\r\n\r\n", 405), (b"GET /metrics HTTP/1.1\r\n\r\n", 400),
                             (b"GET /metrics HTTP/3.0\r\n\r\n", 505), (b"\x16\x03\x01\x02\x00\x01\x00\n", 400),
                             (b"GET / HTTP/1.1\r\nX: " + b"a" * 9000, 431),
                             (b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n", 501)):
            connection = self.connect()
            connection.sendall(text)
            data = self.everything(connection)
            self.assertEqual(data.split(b" ")[1], str(status).encode(), text)
        page = self.page()
        self.assertEqual(page.value("grove_metrics_refused_requests_total"), 7)
        self.assertEqual(self.get("/")[0], 200)

    def test_noise_harms_nobody(self):
        generator = random.Random(1)
        for _ in range(100):
            connection = self.connect()
            data = bytearray(REQUEST * 2)
            for _ in range(generator.randrange(1, 9)):
                data[generator.randrange(len(data))] = generator.randrange(256)
            connection.sendall(bytes(data))
            connection.shutdown(socket.SHUT_WR)
            connection.close()
        self.check(self.page())
        self.assertEqual(self.system.services()["system.metrics"]["restarts"], 0)

    def test_silent_clients_make_place(self):
        silent = [self.connect() for _ in range(100)]
        for connection in silent:
            connection.sendall(b"GET /met")
        self.check(self.page())
        self.assertGreaterEqual(self.page().value("grove_metrics_ended_connections_total"), 36)
        # Those that are left end by themselves, since half a request is waited for only so long.
        for connection in silent:
            self.everything(connection)

    def test_one_that_does_not_read_delays_nobody(self):
        connection = self.connect()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(REQUEST * 100)
        for _ in range(5):
            self.page()
        status, _ = self.answer(connection)
        self.assertEqual(status, 200)

    def test_the_gateway_may_die_at_any_moment(self):
        self.up("grid", one="good")
        self.system.call("grid.one", "count", "7")
        generator = random.Random(2)
        for _ in range(5):
            process = self.system.services()["system.metrics"]["process"]
            connections = [self.connect() for _ in range(generator.randrange(1, 5))]
            for connection in connections:
                connection.sendall(REQUEST[:generator.randrange(1, len(REQUEST) + 1)])
            os.kill(process, signal.SIGKILL)
            for connection in connections:
                self.everything(connection)
            gs.wait_for("the next instance", lambda process=process:
                        self.system.services()["system.metrics"].get("process") not in (0, None, process))
            self.wait_ready()
            page = self.page()
            self.assertEqual(page.value("user_grid_readings_total", service="grid.one", feeder="one \\\"1\\\"\\n"), 7)
        self.check(page)
        self.assertEqual(self.system.services()["grid.one"]["restarts"], 0)

    def test_it_is_off_unless_asked_for(self):
        accounts = self.accounts()
        self.system.grove("down", "--all")
        self.assert_nothing_is_left(accounts)
        self.system.grove("up", "--gateway", "metrics=off")
        self.system.wait_until_booted()
        self.assertNotIn("system.metrics", self.system.services())
        with self.assertRaises(ConnectionRefusedError):
            self.connect()


if __name__ == "__main__":
    gs.main()
