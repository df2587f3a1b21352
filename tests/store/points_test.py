"""Hooks before and after keys are written and read: what they see, stop and change, and what their deaths cost."""
import json
import os
import random
import threading

from store_support import StoreTest, grove, gs

GUARD = """
import json, os, struct
RUN = struct.Struct("<IIQ64s256s")
CONTINUE, CHANGE, VETO = 0, 1, 2
manner, seen, kept = ["yes"], [], []

@service.on("guard", 0x484f4f4b)
def look(request):
    version, point, total, who, subject = RUN.unpack_from(request.data)
    data = request.data[RUN.size:]
    seen.append([point, subject.rstrip(b"\\0").decode(), who.rstrip(b"\\0").decode(), data.decode("latin-1"), total])
    if manner[0] == "late":
        request.defer()
        kept.append(request)
        return None
    if manner[0] == "die":
        os._exit(3)
    if manner[0] == "no":
        return struct.pack("<II", 1, VETO) + b"not today"
    if manner[0] == "upper":
        return struct.pack("<II", 1, CHANGE) + data.upper()
    if manner[0] == "hold first" and data == b"first":
        request.defer()
        kept.append(request)
        return None
    return struct.pack("<II", 1, CONTINUE)

@service.on("guard", 1)
def become(request):
    manner[0] = request.data.decode()
    return b""

@service.on("guard", 3)
def go_on(request):
    while kept:
        held = kept.pop()
        held.reply(struct.pack("<II", 1, CONTINUE))
        held.finish()
    return b""

@service.on("guard", 2)
def say(request):
    told = json.dumps(seen[-100:]).encode()
    del seen[:]
    return told
"""
WRITER = """
@service.on("one", 1)
def write(request):
    try:
        store.Store().set("b", b"1")
    except grove.Error as refused:
        return str(refused).encode()
    return b"written"
"""
BEFORE_WRITE, AFTER_WRITE, BEFORE_READ, AFTER_READ = 8, 9, 10, 11
POINTS = {BEFORE_WRITE: "before-write", AFTER_WRITE: "after-write", BEFORE_READ: "before-read", AFTER_READ: "after-read"}


class Points(StoreTest):
    def guard(self, *points, pattern="demo.>", timeout="2s"):
        self.up("ops", {"guard": self.service("guard", GUARD)})
        self.system.wait_for_state("ops.guard", "ready")
        for point in points:
            self.system.grove("hooks", "set", POINTS[point], "ops.guard", "--pattern", pattern, "--timeout", timeout)

    def become(self, manner):
        self.ask("ops.guard", 1, manner.encode())

    def seen(self):
        return [tuple(line) for line in json.loads(self.ask("ops.guard", 2))]

    def hooks(self):
        return self.system.json("hooks")

    # ---- writes ----

    def test_writes_are_seen_before_and_after(self):
        self.guard(BEFORE_WRITE, AFTER_WRITE)
        one = self.store()
        one.set("a", b"1")
        with one.transaction() as change:
            change.expect("a", one.get("a").version)
            change.set("b", b"2")
            change.delete("a")
        gs.wait_for("what comes after", lambda: self.hooks()[1]["asked"] >= 3)
        lines = [(point, subject, data) for point, subject, _, data, _ in self.seen()]
        for point in (BEFORE_WRITE, AFTER_WRITE):
            self.assertEqual([line[1:] for line in lines if line[0] == point],
                             [("demo.one a", "1"), ("demo.one b", "2"), ("demo.one a", "")])
        self.store("other.one").set("a", b"1")  # the pattern does not mean it
        with self.assertRaises(grove.Again):
            one.compare_and_set("b", 1, b"x")
        self.assertEqual([line[0] for line in self.seen()], [BEFORE_WRITE])  # a conflict wrote nothing

    def test_a_veto_stops_a_write_as_a_whole_and_says_why(self):
        self.guard(BEFORE_WRITE, pattern="demo.one")
        self.become("no")
        change = self.store("demo.two").transaction()
        change.set("x", b"1")
        change.set("a", b"1", namespace="demo.one")
        with self.assertRaisesRegex(grove.Denied, "nothing was written: of demo.one a the hook ops.guard says no: not today"):
            change.commit()
        self.assertIsNone(self.store("demo.two").get("x"))
        self.up("demo", {"one": self.service("one", WRITER)})
        self.assertRegex(self.ask("demo.one", 1).decode(), "of demo.one b the hook ops.guard says no: not today")
        for name in ("ops.guard", "demo.one"):  # the hook, and whom it refused
            told = self.system.grove("why", name).stdout
            self.assertRegex(told, "said no .*before-write demo.one b.*: not today")
        self.system.grove("hooks", "clear", "before-write", "ops.guard")
        self.store().set("a", b"1")
        self.assertEqual(self.store().get("a").data, b"1")

    def test_a_change_is_what_is_written(self):
        self.guard(BEFORE_WRITE, AFTER_WRITE)
        self.become("upper")
        one = self.store()
        one.set("a", b"quiet")
        self.assertEqual(one.get("a").data, b"QUIET")
        gs.wait_for("what comes after", lambda: (AFTER_WRITE, "QUIET") in [(line[0], line[3]) for line in self.seen()])
        one.set("large", b"q" * 100000)  # a hook sees the beginning, and cannot change it
        self.assertEqual(one.get("large").data, b"q" * 100000)
        self.assertEqual([hook["failures"] for hook in self.hooks() if hook["point"] == "before-write"], [1])

    def test_commits_of_one_client_keep_their_order(self):
        self.guard(BEFORE_WRITE, pattern="demo.one")
        self.become("hold first")
        one, answers = self.store("demo.one"), []
        for name, value in (("demo.one", b"first"), ("demo.two", b"second")):
            change = one.transaction()
            change.set("k", value, namespace=name)
            change.start(lambda status, version, name=name: answers.append((name, status)))
        gs.wait_for("the first is asked about", lambda: "first" in [line[3] for line in self.seen()])
        self.store("demo.two", timeout=60.0).set("other", b"")  # the store has had its turn, and the second waits
        self.assertEqual(answers, [])
        self.ask("ops.guard", 3)
        gs.wait_for("both answers", lambda: (one._session.dispatch(0.05), len(answers) == 2)[1])
        self.assertEqual(answers, [("demo.one", 0), ("demo.two", 0)])
        first, second = self.store("demo.one").get("k"), self.store("demo.two").get("k")
        self.assertLess(first.version, second.version)

    # ---- reads ----

    def test_reads_are_seen_stopped_and_changed(self):
        one = self.store()
        for key in ("a", "b", "c"):
            one.set(key, key.encode() * 3)
        self.guard(BEFORE_READ, AFTER_READ)
        self.assertEqual(one.get("a").data, b"aaa")
        self.assertIsNone(one.get("none"))
        self.assertEqual([(line[0], line[1], line[3]) for line in self.seen()], [
            (BEFORE_READ, "demo.one a", ""), (AFTER_READ, "demo.one a", "aaa"), (BEFORE_READ, "demo.one none", "")])
        self.assertEqual([entry.key for entry in one.scan()], [b"a", b"b", b"c"])
        self.assertEqual([(line[0], line[1]) for line in self.seen()][:1], [(BEFORE_READ, "demo.one ")])
        self.become("upper")  # has no meaning before a read: it is cut off there, and heard after it
        self.assertEqual(one.get("a").data, b"AAA")
        self.assertEqual([entry.data for entry in one.scan(prefix="b")], [b"BBB"])
        self.assertEqual(b"".join(entry.data for entry in one.scan(backward=True)), b"CCCBBBAAA")
        self.become("no")
        self.system.grove("hooks", "set", "before-read", "ops.guard", "--pattern", "demo.*")  # not left out any more
        for read in (lambda: one.get("b"), lambda: list(one.scan(prefix="b"))):
            with self.assertRaisesRegex(grove.Denied, "nothing was read: of demo.one b the hook ops.guard says no: not today"):
                read()

    # ---- failures ----

    def test_late_and_dead_hooks_stop_nothing(self):
        self.guard(BEFORE_WRITE, timeout="100ms")
        self.become("late")
        one = self.store()
        for number in range(3):
            one.set("a", b"%d" % number)
        (hook,) = self.hooks()
        self.assertEqual(hook["failures"], 3)
        self.assertIn("did not answer", hook["last_failure"])
        self.assertGreater(hook["paused_ns"], 0)
        self.assertIn("was cut off 3 times", self.system.grove("why", "ops.guard").stdout)
        one.set("a", b"left out")
        self.assertEqual(one.get("a").data, b"left out")

    def test_kills_of_all_three_lose_nothing(self):
        self.guard(BEFORE_WRITE, AFTER_WRITE, AFTER_READ)
        chance, problems, counts, end = random.Random(11), [], {}, threading.Event()

        def write(number):
            store, version, count = self.store(f"demo.w{number}", timeout=60.0), 0, 0
            try:
                while not end.is_set():
                    change = store.transaction()
                    change.expect("count", version)
                    change.set("count", b"%d" % (count + 1))
                    version, count = change.commit(), count + 1
                    counts[number] = count
                    if store.get("count").data != b"%d" % count:
                        raise AssertionError("an acknowledged commit is not there")
            except Exception as problem:
                problems.append(problem)

        writers = [threading.Thread(target=write, args=(number,)) for number in range(3)]
        for writer in writers:
            writer.start()
        for round_number in range(9):
            goal = sum(counts.values()) + chance.randrange(5, 40)
            gs.wait_for("the writers go on", lambda: sum(counts.values()) >= goal or problems)
            victim = ("system.store", "system.hooks", "ops.guard")[round_number % 3]
            process = gs.wait_for("it runs", lambda: self.system.services()[victim].get("process"))
            try:
                os.kill(process, gs.signal.SIGKILL)
            except ProcessLookupError:
                pass
        goal = sum(counts.values()) + 30
        gs.wait_for("the writers go on", lambda: sum(counts.values()) >= goal or problems)
        end.set()
        for writer in writers:
            writer.join(gs.DEADLINE_SECONDS)
        self.assertEqual(problems, [])
        for number, count in counts.items():
            self.assertEqual(self.store(f"demo.w{number}").get("count").data, b"%d" % count)


if __name__ == "__main__":
    gs.main()
