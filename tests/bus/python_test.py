"""The Python binding of the bus: a client that does everything once, and a service that is killed and goes on."""
import json
import os
import subprocess

import bus_system as bs
import grove_system as gs

CLIENT = """
import json, sys, time
import grove
from grove import bus

session, said, seen = grove.Session.default(), {}, []


def until(condition):
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, seen
        session.dispatch(0.2)


def fails(event):
    seen.append((event.subject, event.attempt, event.data))
    if event.subject == "note.bad":
        raise grove.Full("the tank is full")
    if event.subject == "note.odd":
        return 1 // 0
    if event.subject == "note.later":
        finish.append(event.defer())
    if event.reply_to:
        event.reply(event.data.upper())


finish, told = [], []
sub = bus.subscribe(None, "note.>", fails, quality=bus.AT_LEAST_ONCE, max_retries=1, backoff_first=0.001)
rings = []
ring = bus.subscribe(None, "note.*", rings.append)
bus.publish("note.a", b"one", headers=b"head")
bus.flush()  # events of different qualities may overtake each other
bus.emit("note.b", b"two")
bus.flush()
until(lambda: len(seen) == 2 and len(rings) == 2)
event = rings[0]
said["event"] = [event.subject, event.data.decode(), event.headers.decode(), event.publisher.split(".")[0], event.attempt,
                 event.is_durable, event.missed, abs(event.time - time.time()) < 60, rings[1].sequence > event.sequence]

# By a ring of its own, which those who read rings read in place.
bus.direct("note.d", ring_bytes=65536)
bus.publish("note.d", b"three", quality=bus.AT_MOST_ONCE)
until(lambda: len(seen) == 3 and len(rings) == 3)
said["direct"] = [rings[2].data.decode(), rings[2].is_direct, rings[2].sequence, rings[2].publisher == event.publisher,
                  bus.direct_metrics("note.d")["written"], [row["pattern"] for row in bus.directs()], seen[2][2].decode()]
bus.end_direct("note.d")
bus.publish("note.d", b"four", quality=bus.AT_MOST_ONCE)
until(lambda: len(seen) == 4 and len(rings) == 4)
said["direct"] += [rings[3].is_direct, bus.directs()]
del seen[2:]
ring.unsubscribe()

# What fails is tried again, and then a dead letter with the words of the exception.
bus.publish("note.bad", b"x")
bus.publish("note.odd", b"y")
until(lambda: len(seen) == 6)
bus.publish("note.later", b"z")
until(lambda: finish)
said["in flight"] = sub.metrics()["in_flight"]
finish[0](0)
bus.flush()
letters = []


def dead():
    letters[:] = bus.dead_letters(subject="note.>")
    return len(letters) == 2 and sub.metrics()["in_flight"] == 0


until(dead)
said["letters"] = sorted((letter["subject"], letter["attempts"], letter["error"]) for letter in letters)
said["data"] = bus.dead_letter_data(letters[0]["id"]).decode()
seen.clear()
said["replayed"] = bus.replay_dead_letters(subject="note.bad")
until(lambda: len(seen) == 2)
until(lambda: len(bus.dead_letters(subject="note.>")) == 2)
said["purged"] = [bus.purge_dead_letters(subject="note.odd"), bus.purge_dead_letters()]

# What it has no room for waits on disk.
spilled = []
spill = bus.subscribe(None, "spill.>", lambda event: spilled.append(event.data), quality=bus.AT_LEAST_ONCE, slow=bus.SPILL,
                      queue_events=4, in_flight=2, paused=True)
for number in range(20):
    bus.publish("spill.a", b"%d" % number)
bus.flush()
until(lambda: spill.metrics()["on_disk"] == 16)
said["queued"] = spill.metrics()["queued"]
spill.resume()
until(lambda: len(spilled) == 20)
said["spilled"] = spilled == [b"%d" % number for number in range(20)]
spill.unsubscribe()

# Paused, it gets nothing; resumed, what came meanwhile.
sub.pause()
seen.clear()
bus.publish("note.paused")
bus.flush()
said["paused"] = [sub.metrics()["is_paused"], sub.metrics()["queued"], len(seen)]
sub.resume()
until(lambda: seen)

# Requests, both ways.
answers = []
bus.request_start("note.ask", b"loud", lambda answer, error: answers.append(answer and answer.data.decode()))
until(lambda: answers)
try:
    bus.request("nobody.hears", b"?")
except grove.NotFound as problem:
    answers.append(str(problem))
said["answers"] = answers
sub.unsubscribe()

# Durable: with a receipt, started, read again from a number and from a time.
first = bus.publish("diary.a", b"1", quality=bus.DURABLE)
middle = time.time()
bus.publish_start("diary.b", b"2", lambda receipt, error: told.append(receipt))
until(lambda: told)
said["numbers"] = [first.durable_sequence, told[0].durable_sequence]
late = []
for options in ({"start": bus.FIRST}, {"sequence": told[0].durable_sequence}, {"time": middle}):
    heard = []
    durable = bus.subscribe(None, "diary.>", heard.append, quality=bus.DURABLE, **options)
    until(lambda: len(heard) >= (2 if "start" in options else 1))
    late.append([(event.data.decode(), event.is_durable, event.is_replayed) for event in heard])
    durable.unsubscribe()
said["late"] = late
bus.set_stream(retain_bytes=64 << 20, retain=3600)
bus.set_stream("extra", "extra.>", retain=60)
extra = [stream for stream in bus.streams() if stream["name"] == "extra"]
said["extra"] = [extra[0]["pattern"], extra[0]["retain"]]
bus.remove_stream("extra")
said["stream"] = [(stream["name"], stream["retain_bytes"], stream["retain"], stream["events"]) for stream in bus.streams()]

mine = bus.subscribe(None, "mine.*", seen.append, group="team")
said["mine"] = [(found["pattern"], found["group"], found["quality"]) for found in bus.subscriptions()
                if found["pattern"] == "mine.*"]
said["published"] = bus.metrics()["published"]
said["dropped"] = bus.dropped()
refused = []
for subject in ("two..dots", "zero\\0", "x" * 300):
    try:
        bus.check_subject(subject)
    except grove.Invalid as problem:
        refused.append(type(problem).__name__)
said["refused"] = refused
said["matches"] = [bus.matches("a.*.c", "a.b.c"), bus.matches("a.>", "a")]
print(json.dumps(said))
"""

SERVICE = """
import sys
import grove
from grove import bus

service = grove.Service()
numbers, held = [], []


def take(event):
    numbers.append(int(event.data))
    if "hold" in sys.argv:
        held.append(event.defer())


@service.on_change("init")
def begin(reason):
    bus.subscribe(service, "flow.*", take, quality=bus.DURABLE, name="place", start=bus.FIRST)


@service.on("taker", 1)
def say(request):
    return b" ".join(b"%d" % number for number in numbers)


service.run()
"""


class Python(bs.BusTest):
    def setUp(self):
        super().setUp()
        self.package = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "lib", "python"))
        self.system.grove("up")
        self.system.wait_for_state("system.bus", "ready")

    def environment(self):
        return {"GROVE_LIBRARY": os.path.join(self.system.build, "lib", "libgrove.so.1"), "PYTHONPATH": self.package,
                "PYTHONDONTWRITEBYTECODE": "1"}

    def test_a_client_does_everything(self):
        result = subprocess.run(["/usr/bin/python3", "-c", CLIENT], env=dict(os.environ, GROVE_RUN=self.system.run,
                                                                            **self.environment()),
                                capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(result.returncode, 0, result.stderr)
        said = json.loads(result.stdout)
        self.assertGreater(said.pop("published"), 8)
        self.assertIn("nobody subscribes to nobody.hears", said["answers"].pop())
        self.assertEqual(said, {
            "event": ["note.a", "one", "head", "shell", 1, False, 0, True, True],
            "direct": ["three", True, 1, True, 1, ["note.d"], "three", False, []],
            "in flight": 1,
            "queued": 20,
            "spilled": True,
            "letters": [["note.bad", 2, "the tank is full"],
                        ["note.odd", 2, "ZeroDivisionError: integer division or modulo by zero"]],
            "data": "x", "replayed": 1, "purged": [1, 1], "paused": [1, 1, 0], "answers": ["LOUD"], "numbers": [1, 2],
            "late": [[["1", True, True], ["2", True, True]], [["2", True, True]], [["2", True, True]]],
            "extra": ["extra.>", 60.0],
            "stream": [["durable", 64 << 20, 3600.0, 2]], "mine": [["mine.*", "team", 0]], "dropped": 0,
            "refused": ["Invalid"] * 3, "matches": [True, False]})

    def start_taker(self, *words):
        program = os.path.join(self.system.folder, "service.py")
        with open(program, "w", encoding="utf-8") as file:
            file.write(SERVICE)
        variables = ", ".join(f"{name}: '{value}'" for name, value in self.environment().items())
        self.system.grove("up", self.system.write_project("bus", {"taker": (
            f"exec: [{', '.join(('/usr/bin/python3', program, *words))}]\nsystem-files: true\nrequires: [system.bus]\n"
            f"environment: {{{variables}}}\nprovides:\n  - name: taker\n    version: 1.0.0\n    methods:\n"
            "      - {number: 1, name: say, reply: \"said:text\"}\n"
            f"capabilities: ['BUS_SUB:flow.*', 'FS_READ:{program}', 'FS_READ:{self.package}', "
            f"'FS_EXEC:{os.path.join(self.system.build, 'lib')}']\nrestart: {{policy: always, delay: 5ms}}\n")}))
        self.system.wait_for_state("bus.taker", "ready")

    def test_a_service_goes_on_after_both_were_killed(self):
        self.start_taker()
        for number in range(1, 6):
            self.publish(number)
        self.kill_bus()
        self.publish(6)
        gs.wait_for("it has six", lambda: self.said() == [1, 2, 3, 4, 5, 6])
        self.system.grove("kill", "bus.taker")
        self.publish(7)
        # Its next instance begins where it was: at most what was not acknowledged comes again.
        gs.wait_for("the next instance has the seventh", lambda: self.said() and self.said()[-1] == 7)
        self.assertEqual(self.said(), list(range(self.said()[0], 8)))

    def test_events_of_two_kernels_come_in_order_also_again(self):
        """The bus's own numbers begin anew with the kernel; the log's do not."""
        for number in range(1, 4):
            self.publish(number)
        self.system.kill_kernel()
        self.system.grove("up")
        self.system.wait_for_state("system.bus", "ready")
        for number in range(4, 7):
            self.publish(number)
        self.start_taker("hold")
        gs.wait_for("it has six", lambda: self.said() == [1, 2, 3, 4, 5, 6])
        self.system.grove("kill", "bus.taker")
        gs.wait_for("its next instance has all again", lambda: len(self.said()) == 6)
        self.assertEqual(self.said(), [1, 2, 3, 4, 5, 6])

    def publish(self, number):
        self.system.grove("pub", "--durable", f"flow.{number % 2}", str(number))

    def said(self):
        return [int(word) for word in self.system.call("bus.taker", "say", timeout=gs.DEADLINE_SECONDS)["said"].split()]


if __name__ == "__main__":
    gs.main()
