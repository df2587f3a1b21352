"""The NATS gateway byte by byte: what it says, whom it lets in, what it refuses, and what is left after its death."""
import json
import os
import random
import socket

import nats_system as ns
from nats_system import gs


class Protocol(ns.NatsTest):
    def setUp(self):
        super().setUp()
        self.secret = self.token("lab", "BUS_SUB:grid.>", "BUS_PUB:grid.>")

    def lab(self, **options):
        return self.client(auth_token=self.secret, **options)

    # ---- who is let in ----

    def test_nobody_comes_in_without_a_token(self):
        for options in ({"auth_token": "wrong"}, {"user": "lab", "pass": "wrong"}, {"user": "other", "pass": self.secret},
                        {"verbose": True}):
            client = self.client(**options)
            self.assertEqual(client.line(), "-ERR 'Authorization Violation'")
            self.assertEqual(client.line(), "")
        client = self.client()
        self.assertTrue(client.info["auth_required"] and client.info["headers"])
        client.send("SUB grid.x 1")
        self.assertEqual(client.line(), "-ERR 'Authorization Violation'")

    def test_a_token_is_also_a_password(self):
        self.assertEqual(self.client(user="lab", **{"pass": self.secret}).ping(), [])

    def test_a_removed_token_ends_its_connections(self):
        client = self.lab()
        self.assertEqual(client.ping(), [])
        (row,) = self.system.json("token", "list")
        self.assertEqual((row["name"], row["connections"]), ("lab", 1))
        self.system.grove("token", "remove", "lab")
        self.assertEqual(client.line(), "-ERR 'Authentication Revoked'")
        self.assertEqual(client.line(), "")
        self.assertEqual(self.client(auth_token=self.secret).line(), "-ERR 'Authorization Violation'")
        self.assertEqual(self.system.json("token", "list"), [])

    def test_wrong_tokens_are_explained(self):
        for arguments, sentence in ((("add", "lab", "--allow", "BUS_SUB:grid.>"), "there is a token lab already"),
                                    (("add", "x"), "--allow"), (("add", "x", "--allow", "FS_READ:/"), "BUS_PUB and BUS_SUB only"),
                                    (("add", "a b", "--allow", "BUS_SUB:x"), "letters, digits"),
                                    (("remove", "nobody"), "there is no token nobody")):
            result = self.system.grove("token", *arguments, check=False)
            self.assertNotEqual(result.returncode, 0, arguments)
            self.assertIn(sentence, result.stderr)

    # ---- messages ----

    def test_a_message_goes_to_whom_it_concerns(self):
        one, other = self.lab(), self.lab()
        one.send("SUB grid.*.volt a")
        one.send("SUB grid.> b")
        self.assertEqual(one.ping(), [])
        other.send("PUB grid.one.volt reply.to 3", b"230\r\n")
        self.assertEqual(other.ping(), [])
        messages = sorted(one.message() for _ in range(2))
        self.assertEqual(messages, [("grid.one.volt", name, "reply.to", b"", b"230") for name in ("a", "b")])
        self.assertEqual(one.ping(), [])

    def test_headers_go_along_and_say_who_it_was(self):
        one, other, plain = self.lab(), self.lab(), self.lab(headers=False)
        for client in (one, plain):
            client.send("SUB grid.x 1")
            client.ping()
        follower = self.follow("grid.x")
        block = b"NATS/1.0\r\nUnit: volt\r\nGrove-Client: root/1\r\n\r\n"
        other.send(f"HPUB grid.x {len(block)} {len(block) + 3}", block, b"230\r\n")
        other.ping()
        self.assertEqual(one.message(), ("grid.x", "1", None, block, b"230"))
        self.assertEqual(plain.message(), ("grid.x", "1", None, b"", b"230"))
        event = json.loads(follower.stdout.readline())
        self.assertEqual(event["publisher"], "system.nats")

    def follow(self, pattern):
        process = gs.subprocess.Popen([self.system.program, "sub", "--run", self.system.run, "--state", self.system.state,
                                       "--json", pattern], stdout=gs.subprocess.PIPE, text=True)
        self.addCleanup(lambda: (process.kill(), process.wait(), process.stdout.close()))
        gs.wait_for("it is subscribed", lambda: any(
            row["pattern"] == pattern and row["subscriber"].startswith("shell")
            for row in self.system.json("sub", "--list")))
        return process

    def test_services_and_clients_hear_of_each_other(self):
        follower = self.follow("grid.out")
        client = self.lab()
        client.send("SUB grid.in 9")
        client.send("PUB grid.out 5", b"hello\r\n")
        client.ping()
        self.assertEqual(json.loads(follower.stdout.readline())["subject"], "grid.out")
        self.system.grove("pub", "grid.in", "to all")
        self.assertEqual(client.message(), ("grid.in", "9", None, b"", b"to all"))

    def test_one_of_a_queue_group_gets_each(self):
        workers = [self.lab() for _ in range(3)]
        for worker in workers:
            worker.send("SUB grid.work group 1")
            worker.ping()
        sender = self.lab()
        for number in range(30):
            sender.send("PUB grid.work 2", f"{number:02}\r\n".encode())
        sender.ping()
        got = [line for worker in workers for line in worker.ping() if not line.startswith("MSG")]
        while len(got) < 30:
            got += [line for worker in workers for line in worker.ping() if not line.startswith("MSG")]
        self.assertEqual(sorted(got), [f"{number:02}" for number in range(30)])

    def test_unsubscribing_now_and_later(self):
        client = self.lab()
        client.send("SUB grid.x 1")
        client.send("SUB grid.x 2")
        client.send("UNSUB 1 2")
        client.send("UNSUB 2")
        client.send("UNSUB 77")
        client.ping()
        for _ in range(4):
            client.send("PUB grid.x 1", b"m\r\n")
        got = []
        while len(got) < 4:
            got += client.ping()
        for _ in range(3):
            got += client.ping()
        self.assertEqual(got, ["MSG grid.x 1 1", "m"] * 2)

    def test_echo_and_verbose(self):
        quiet, loud = self.lab(echo=False), self.lab(verbose=True)
        self.assertEqual(loud.line(), "+OK")
        quiet.send("SUB grid.x 1")
        quiet.send("PUB grid.x 4", b"mine\r\n")
        quiet.ping()
        loud.send("PUB grid.x 6", b"theirs\r\n")
        self.assertEqual(loud.line(), "+OK")
        self.assertEqual(quiet.message()[4], b"theirs")
        self.assertEqual(quiet.ping(), [])

    # ---- refusals ----

    def test_what_a_token_does_not_say_is_refused(self):
        client = self.lab()
        for line, payload, sentence in (
                ("PUB other.x 1", b"m\r\n", 'Permissions Violation for Publish to "other.x"'),
                ("PUB kernel.ready 1", b"m\r\n", 'Permissions Violation for Publish to "kernel.ready"'),
                ("SUB other.> 1", b"", 'Permissions Violation for Subscription to "other.>"'),
                ("SUB > 1", b"", 'Permissions Violation for Subscription to ">"'),
                ("SUB _INBOX.> 1", b"", 'Permissions Violation for Subscription to "_INBOX.>"'),
                ("SUB _INBOX.*.x 1", b"", 'Permissions Violation for Subscription to "_INBOX.*.x"'),
                ("PUB _INBOX.guessed.1 1", b"m\r\n", 'Permissions Violation for Publish to "_INBOX.guessed.1"'),
                ("PUB grid.* 1", b"m\r\n", "Invalid Publish Subject"), ("SUB grid..x 1", b"", "Invalid Subject")):
            client.send(line, payload)
            self.assertEqual(client.ping(), [f"-ERR '{sentence}'"], line)

    def test_even_a_token_for_everything_makes_no_system_event(self):
        client = self.client(auth_token=self.token("all", "BUS_PUB", "BUS_SUB"))
        client.send("PUB kernel.ready 1", b"m\r\n")
        self.assertEqual(client.ping(), ["-ERR 'Permissions Violation for Publish to \"kernel.ready\"'"])

    def test_malformed_input_ends_the_connection_and_nothing_else(self):
        bystander = self.lab()
        for raw, sentence in ((b"GET / HTTP/1.1\r\n", "Unknown Protocol Operation"), (b"PUB grid.x x\r\n", "Parser Error"),
                              (b"PUB grid.x 2\r\nhello\r\n", "Parser Error"), (b"x" * 5000, "Maximum Control Line Exceeded"),
                              (b"PUB grid.x 1048577\r\n", "Maximum Payload Violation"),
                              (b"CONNECT {\r\n", "Parser Error"), (b"CONNECT []\r\n", "Parser Error")):
            client = self.lab()
            client.ping()
            client.socket.sendall(raw)
            self.assertEqual(client.line(), f"-ERR '{sentence}'", raw[:40])
        randomness = random.Random(7)
        for _ in range(50):
            client = self.client()
            try:
                client.socket.sendall(randomness.randbytes(2000))
            except OSError:
                pass
        self.assertEqual(bystander.ping(), [])

    def test_a_client_that_does_not_read_is_cut_off_and_harms_nobody(self):
        slow = ns.Client.__new__(ns.Client)
        slow.socket = socket.socket()
        slow.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.socket.settimeout(gs.DEADLINE_SECONDS)
        slow.socket.connect(("127.0.0.1", self.port))
        slow.file = slow.socket.makefile("rb")
        self.addCleanup(slow.close)
        slow.line()
        slow.send("CONNECT " + json.dumps({"verbose": False, "auth_token": self.secret}))
        slow.send("SUB grid.large 1")
        slow.ping()
        sender, payload = self.lab(), b"x" * (1 << 19)
        for _ in range(64):
            sender.send(f"PUB grid.large {len(payload)}", payload, b"\r\n")
            sender.ping()
        gs.wait_for("it was cut off", lambda: "slow consumer" in self.system.grove("logs", "system.nats").stdout)
        self.assertEqual(sender.ping(), [])

    # ---- deaths ----

    def test_after_a_kill_clients_come_in_again(self):
        before = self.system.services()["system.nats"]["restarts"]
        client = self.lab()
        client.ping()
        self.system.grove("kill", "system.nats")
        self.assertEqual(client.file.read(), b"")
        gs.wait_for("it is restarted", lambda: self.system.services()["system.nats"]["restarts"] > before)
        self.wait_ready()
        client = self.lab()
        client.send("SUB grid.x 1")
        client.send("PUB grid.x 1", b"m\r\n")
        self.assertEqual(client.message()[4], b"m")

    def test_a_restart_of_the_bus_is_not_seen_by_subscribers(self):
        client, sender = self.lab(), self.lab()
        client.send("SUB grid.x 1")
        client.ping()
        self.system.grove("kill", "system.bus")

        def hears():
            sender.send("PUB grid.x 1", b"m\r\n")
            sender.ping()
            return any(line.startswith("MSG grid.x 1") for line in client.ping())
        gs.wait_for("it hears again", hears)

    def test_a_damaged_list_of_tokens_lets_nobody_in(self):
        self.system.grove("down", "--all")
        path = os.path.join(self.system.state, "services", "system.nats", "tokens")
        with open(path, "a", encoding="utf-8") as file:
            file.write("half a li")
        self.system.grove("up")
        gs.wait_for("it says so", lambda: "line 3 of" in self.system.grove("logs", "system.nats").stdout)
        with self.assertRaises(OSError):
            socket.create_connection(("127.0.0.1", self.port), timeout=1)

    def test_a_gateway_is_remembered_until_it_is_turned_off(self):
        result = self.system.grove("up", "--gateway", "nats=off", check=False)
        self.assertIn("grove down --all", result.stderr)
        self.system.grove("down", "--all")
        for text, sentence in (("nats", "NAME=HOST:PORT"), ("nats=here", "no address"), ("smtp=127.0.0.1:25", "no gateway")):
            result = self.system.grove("up", "--gateway", text, check=False)
            self.assertEqual(result.returncode, 2)
            self.assertIn(sentence, result.stderr)
        self.system.grove("up", "--gateway", "nats=off")
        self.assertNotIn("system.nats", self.system.services())
        result = self.system.grove("token", "list", check=False)
        self.assertIn("--gateway nats=127.0.0.1:4222", result.stderr)


if __name__ == "__main__":
    gs.main()
