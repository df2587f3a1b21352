"""The limit on what a service sends and receives: it holds over all connections together, and connections are as without."""
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "system"))
import grove_system as gs  # noqa: E402

RATE = 512 * 1024
BUCKET = RATE // 10
SIZE = 8 * 192 * 1024  # what talk.py sends and is sent


class Peer:
    """The outside: takes what comes, or sends as fast as it can, and knows how much there was at which time."""

    def __init__(self, behave):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.begin, self.bytes, self.worst = time.monotonic(), 0, 0.0
        self.lock, self.behave, self.open = threading.Lock(), behave, []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.open.append(connection)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        try:
            self.behave(self, connection)
        except OSError:
            pass
        finally:
            connection.close()

    def count(self, more):
        """How far over the rate it is at its worst, in bytes: at most one bucket."""
        with self.lock:
            self.bytes += more
            self.worst = max(self.worst, self.bytes - RATE * (time.monotonic() - self.begin))

    def take(self, connection):
        while True:
            part = connection.recv(65536)
            if not part:
                connection.sendall(b"all")
                return
            self.count(len(part))

    def give(self, connection):
        connection.sendall(bytes(SIZE))

    def reset(self, connection):
        connection.recv(1)  # by then the other side knows that it is connected
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def close(self):
        self.listener.close()
        for connection in self.open:
            connection.close()


class Network(gs.SystemTest):
    def setUp(self):
        super().setUp()
        doctor = gs.json.loads(self.system.grove("doctor", "--json", check=False).stdout)
        if not next(layer["enforced"] for layer in doctor["layers"] if layer["layer"] == "network-limit"):
            self.skipTest("no network namespace with a loopback can be had here")

    def peer(self, behave):
        peer = Peer(behave)
        self.addCleanup(peer.close)
        return peer

    def manifest(self, way, port, more=""):
        path = os.path.join(self.system.folder, "program.yaml")
        with open(path, "w", encoding="ascii") as file:
            file.write("name: program\n" + self.body(way, port) + more)
        return path

    @staticmethod
    def body(way, port):
        program = os.path.join(HERE, "talk.py")
        return (f"exec: ['/usr/bin/python3', '{program}', '{way}', '{port}']\nresources: {{network: {RATE}}}\n"
                f"capabilities: ['FS_READ:{program}', 'NET_CONNECT:127.0.0.1:*/tcp', 'NET_BIND:127.0.0.1:*/tcp', "
                "'NET_BIND:0.0.0.0:*/tcp']\n")

    def talk(self, way, port=0):
        begin = time.monotonic()
        result = self.system.grove("run", "--manifest", self.manifest(way, port), check=False)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        return gs.json.loads(result.stdout.splitlines()[-1])["result"], time.monotonic() - begin

    def test_many_connections_together_send_no_faster(self):
        peer = self.peer(Peer.take)
        self.assertEqual(self.talk("send", peer.port)[0], SIZE)
        self.assertEqual(peer.bytes, SIZE, "all of it arrives")
        self.assertLessEqual(peer.worst, BUCKET)

    def test_it_receives_no_faster(self):
        received, seconds = self.talk("receive", self.peer(Peer.give).port)
        self.assertEqual(received, SIZE)
        self.assertLessEqual(received, RATE * seconds + BUCKET)

    def test_who_connects_to_it_is_limited_too(self):
        path = self.manifest("serve", 0)
        begin = time.monotonic()
        server = subprocess.Popen([self.system.program, "run", "--run", self.system.run, "--state", self.system.state,
                                   "--manifest", path], stdout=subprocess.PIPE, text=True)
        port = gs.json.loads(server.stdout.readline())["port"]
        with socket.create_connection(("127.0.0.1", port)) as connection, connection.makefile("rb") as stream:
            self.assertEqual(tuple(gs.json.loads(stream.readline())), connection.getsockname(), "it sees who has come")
            connection.sendall(bytes(SIZE))
            connection.shutdown(socket.SHUT_WR)
            self.assertEqual(len(stream.read()), SIZE)
        self.assertLessEqual(2 * SIZE, RATE * (time.monotonic() - begin) + BUCKET, "both ways together")
        self.assertEqual(server.wait(gs.DEADLINE_SECONDS), 0)
        server.stdout.close()

    def total(self, way, port, limit):
        return (self.body(way, port).replace(f"{{network: {RATE}}}", f"{{network: {RATE}, network-total: {limit}}}") +
                "system-files: true\nreadiness: started\nrestart: {policy: always, delay: 1ms, give-up: 0}\n")

    def test_all_that_it_sends_stays_below_the_sum(self):
        """A program that sends for ever over one connection after the other, and is killed in between: never a byte more."""
        limit = 2 << 20  # some seconds at that rate
        peer = self.peer(Peer.take)
        folder = self.system.write_project("loud", {"a": self.total("until_refused", peer.port, limit)})
        self.system.up(folder)
        gs.wait_for("it sends", lambda: peer.bytes > 0)
        before = self.system.services()["loud.a"]["process"]
        os.kill(before, signal.SIGKILL)
        gs.wait_for("it is another one", lambda: self.system.services()["loud.a"].get("process") not in (None, before))
        gs.wait_for("it is refused", lambda: "refused EDQUOT" in self.system.grove("logs", "loud.a").stdout)
        self.assertLessEqual(peer.bytes, limit)
        self.assertGreater(peer.bytes, limit // 2)
        row = self.row()
        self.assertEqual((row["network_limit_bytes"], row["network_limit_rate"]), (limit, RATE))
        self.assertLessEqual(row["network_bytes"], limit)
        self.assertIn("of traffic that it may have", self.system.grove("why", "loud.a").stdout)
        # Once used up, it is for the next instance, too.
        seen, process = peer.bytes, self.system.services()["loud.a"]["process"]
        os.kill(process, signal.SIGKILL)
        gs.wait_for("the next one is refused as well", lambda: self.system.grove("logs", "loud.a").stdout.count("refused EDQUOT") > 1)
        self.assertEqual(peer.bytes, seen)

    def test_all_that_it_is_sent_counts_too(self):
        limit = 1 << 20
        path = os.path.join(self.system.folder, "program.yaml")
        with open(path, "w", encoding="ascii") as file:
            file.write("name: program\n" + self.body("receive", self.peer(Peer.give).port).replace(
                f"{{network: {RATE}}}", f"{{network-total: {limit}}}"))
        result = self.system.grove("run", "--manifest", path, check=False)
        self.assertNotEqual(result.returncode, 0, "it is sent more than it may have")
        self.assertIn("Connection reset", result.stdout + result.stderr)

    def test_failures_are_as_without(self):
        found, _ = self.talk("failures", self.peer(Peer.reset).port)
        self.assertEqual(found, {"refused": "ECONNREFUSED", "denied": "EACCES", "datagram": "EPROTONOSUPPORT", "raw": "EPERM",
                                 "taken": "EADDRINUSE", "names": True, "broken": "ECONNRESET"})

    def test_it_can_talk_to_itself(self):
        self.assertEqual(self.talk("itself")[0], "done")

    def test_sockets_made_before_the_start_are_refused(self):
        result = self.system.grove("run", "--manifest", self.manifest("itself", 0, "listen-fds: true\n"), check=False)
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("network-limit", result.stdout + result.stderr)

    def service(self, more=""):
        """One that sends for ever, and the peer that takes it."""
        peer = self.peer(Peer.take)
        text = self.body("forever", peer.port) + ("system-files: true\nreadiness: started\n"
                                                   "restart: {policy: always, delay: 1ms, give-up: 0}\n" + more)
        self.system.up(self.system.write_project("loud", {"a": text}))
        return peer

    def row(self):
        return next((row for row in self.system.json("top") if row["name"] == "loud.a"), {})

    def test_it_is_shown_and_told(self):
        self.service("limits: {network: {policy: suspend, for: 1h}}\n")
        gs.wait_for("it is frozen", lambda: self.system.json("status", "loud.a").get("reason") == "is frozen")
        case, = self.system.json("resources")["cases"]
        self.assertEqual((case["name"], case["resource"], case["state"], case["limit"]), ("loud.a", "network", "suspended", RATE))
        self.assertIn("had to wait with what it sends", self.system.grove("why", "loud.a").stdout)
        row = self.row()
        self.assertGreater(row["network_bytes"], 0)
        self.assertEqual(row["network_limit_rate"], RATE)
        self.assertIn("NET/S", self.system.grove("top", "--once").stdout)

    def test_without_the_relay_the_service_starts_anew(self):
        peer = self.service()
        gs.wait_for("it sends", lambda: peer.bytes > 0)
        before = self.system.services()["loud.a"]["process"]
        relay, = [process for process in gs.descendants(self.system.kernel) if self.is_relay(process)]
        os.kill(relay, signal.SIGKILL)
        gs.wait_for("it is another one", lambda: self.system.services()["loud.a"].get("process") not in (None, before))
        seen = peer.bytes
        gs.wait_for("it sends again", lambda: peer.bytes > seen)

    @staticmethod
    def is_relay(process):
        try:
            with open(f"/proc/{process}/comm", encoding="ascii") as file:
                return file.read().strip() == "grove-net"
        except OSError:
            return False


if __name__ == "__main__":
    gs.main()
