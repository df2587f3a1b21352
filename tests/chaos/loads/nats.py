"""Clients of the NATS gateway: what one publishes comes to another, once; tokens that were made and removed stay so.

A step publishes a number, over a connection that is made again when it is gone, and is acknowledged when the PING after it
is answered and the number has come to a second client. Delivery is at most once, so only a number that comes twice is wrong.
Each eighth step makes a token, or removes one.
"""
import contextlib
import os
import sys

import chaos_load

sys.path.insert(0, os.path.join(os.path.dirname(chaos_load.HERE), "nats"))
import nats_system  # noqa: E402

KEPT = 4
EVERY = 8


class Load(chaos_load.Load):
    def __init__(self, system):
        super().__init__(system)
        self.number = 0
        self.clients = ()
        self.received = []
        self.tokens, self.gone, self.unknown = [], set(), set()

    def begin(self):
        self.port = self.system.gateways["nats"]
        super().begin()
        self.system.wait_for_state("system.nats", "ready")
        self.secret = self.add("user")

    def add(self, name):
        text = self.ask("token", "--json", "add", name, "--allow", "BUS_PUB:chaos.>", "--allow", "BUS_SUB:chaos.>")
        return chaos_load.gs.json.loads(text)["token"]

    def connect(self):
        client = nats_system.Client(self.port, auth_token=self.secret)
        client.socket.settimeout(chaos_load.CALL_SECONDS)
        return client

    def pass_on(self):
        if not self.clients:
            self.clients = (self.connect(), self.connect())
            self.clients[1].send("SUB chaos.number 1")
            self.clients[1].ping()
        data = str(self.number).encode()
        self.clients[0].send(f"PUB chaos.number {len(data)}", data + b"\r\n")
        self.clients[0].ping()
        while not self.received or self.received[-1] != self.number:
            self.received.append(int(self.clients[1].message()[4]))

    def hang_up(self):
        for client in self.clients:
            with contextlib.suppress(OSError):
                client.close()
        self.clients = ()

    def step(self):
        self.number += 1
        try:
            self.pass_on()
        except (OSError, AssertionError, ValueError, IndexError) as problem:  # it ended in the middle of a line
            self.hang_up()
            raise chaos_load.Unanswered(f"{type(problem).__name__}: {problem}") from problem
        if self.number % EVERY == 0:
            self.change_tokens()

    def change_tokens(self):
        name = self.tokens.pop(0) if len(self.tokens) >= KEPT else None
        self.unknown.add(name or f"chaos{self.number}")
        if name is None:
            self.add(f"chaos{self.number}")
            self.tokens.append(f"chaos{self.number}")
        else:
            self.ask("token", "remove", name)
            self.gone.add(name)
        self.unknown.discard(name or f"chaos{self.number}")

    def names(self):
        return [entry["name"] for entry in chaos_load.gs.json.loads(self.ask("token", "--json", "list"))]

    def problems(self):
        names = self.answered(self.names)
        found = [f"the token {name} was made and is not there" for name in ["user", *self.tokens] if name not in names]
        found += [f"the token {name} was removed and is there" for name in names if name in self.gone]
        found += [f"the token {name} is there twice" for name in sorted(set(names)) if names.count(name) > 1]
        twice = sorted({number for number in self.received if self.received.count(number) > 1})
        return found + ([f"numbers came twice: {twice[:5]}"] if twice else [])

    def end(self):
        self.hang_up()
        for name in self.answered(self.names):
            if name != "user":
                self.answered(lambda name=name: self.remove_if_there(name))
        self.tokens, self.gone, self.unknown, self.received = [], set(), set(), []

    def remove_if_there(self, name):
        if name in self.names():
            self.ask("token", "remove", name)
