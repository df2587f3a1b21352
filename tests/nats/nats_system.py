"""What the tests of the NATS gateway share: a system with the gateway, tokens, and a client that speaks the protocol by hand."""
import json
import os
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))

import grove_system as gs  # noqa: E402


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Client:
    """One connection. Reads whole lines and whole messages, each within the tests' deadline."""

    def __init__(self, port, **options):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=gs.DEADLINE_SECONDS)
        self.file = self.socket.makefile("rb")
        self.info = json.loads(self.line().removeprefix("INFO "))
        if options:
            self.send("CONNECT " + json.dumps({"verbose": False, "headers": True, **options}))

    def send(self, line, *more):
        self.socket.sendall((line + "\r\n").encode() + b"".join(more))

    def line(self):
        return self.file.readline().decode().removesuffix("\r\n")

    def ping(self):
        """All that was said before is done with; returns what came before the answer."""
        self.send("PING")
        lines = []
        while (line := self.line()) != "PONG":
            if not line:
                raise AssertionError(f"the connection ended after {lines}")
            lines.append(line)
        return lines

    def message(self):
        """(subject, id, reply or None, headers, data) of the next message."""
        words = self.line().split(" ")
        total = int(words[-1])
        payload = self.file.read(total + 2)
        if words[0] == "MSG":
            return words[1], words[2], words[3] if len(words) == 5 else None, b"", payload[:-2]
        if words[0] != "HMSG":
            raise AssertionError(f"no message: {words}")
        headers = int(words[-2])
        return words[1], words[2], words[3] if len(words) == 6 else None, payload[:headers], payload[headers:-2]

    def close(self):
        self.file.close()
        self.socket.close()


class NatsTest(gs.SystemTest):
    def setUp(self):
        super().setUp()
        self.port = free_port()
        self.system.grove("up", "--gateway", f"nats=127.0.0.1:{self.port}")
        self.wait_ready()

    def wait_ready(self):
        gs.wait_for("the gateway is ready", lambda: self.system.services()["system.nats"]["state"] == "ready")

    def token(self, name, *rights):
        options = [word for right in rights for word in ("--allow", right)]
        return self.system.json("token", "add", name, *options)["token"]

    def client(self, **options):
        client = Client(self.port, **options)
        self.addCleanup(client.close)
        return client
