"""The intent log: a program killed at every point of an operation of three steps, completed or undone by the next one."""
import os
import subprocess
import sys

from store_support import ROOT, StoreTest, gs

PROGRAM = """
import os, sys
sys.path.insert(0, {python!r})
import grove
from grove import intent, store
kill_at, fail_at, policy, action = sys.argv[1:]
mine = store.Store("demo.one", session=grove.Session(path={socket!r}), timeout=30)
calls = 0

def effect(step, value):
    # What a step does outside of the intent, seen by the test; the kill comes before, in the middle or after it.
    def run(data):
        global calls
        for point in ("before", "after"):
            calls += 1
            if str(calls) == kill_at:
                os._exit(9)
            if point == "before":
                if value and fail_at == step:
                    raise grove.Full("no room for " + step)
                mine.set("effect/" + step, value + data)
    return run

steps = [intent.Step(step, effect(step, b"done "), effect(step, b"")) for step in ("one", "two", "three")]
kind = intent.Kind("trip", steps, int(policy))
if action == "run":
    kind.run(mine, b"7")
else:
    print(kind.recover(mine))
"""


class Intents(StoreTest):
    def run_program(self, kill_at, fail_at, policy, action):
        return subprocess.run([sys.executable, self.path, str(kill_at), fail_at, str(policy), action],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=gs.DEADLINE_SECONDS,
                              check=False)

    def setUp(self):
        super().setUp()
        self.path = os.path.join(self.system.folder, "program.py")
        with open(self.path, "w", encoding="utf-8") as file:
            file.write(PROGRAM.format(python=os.path.join(ROOT, "lib", "python"),
                                      socket=os.path.join(self.system.run, "kernel.sock")))
        self.one = self.store()

    def effects(self):
        return {entry.key.decode().split("/")[1]: entry.data for entry in self.one.scan(prefix="effect/")}

    def forget(self):
        for entry in self.one.scan():
            self.one.delete(entry.key)

    def test_completed_or_undone_wherever_it_died(self):
        for policy in (0, 1):
            for kill_at in range(1, 7):
                with self.subTest(policy=policy, kill_at=kill_at):
                    self.forget()
                    self.assertEqual(self.run_program(kill_at, "", policy, "run").returncode, 9)
                    self.assertEqual(len(self.one.scan(prefix="intent/trip/")), 1)
                    if kill_at % 2 == 0:  # dies again while it recovers
                        self.assertEqual(self.run_program(1, "", policy, "recover").returncode, 9)
                    self.assertEqual(self.run_program(0, "", policy, "recover").stdout.strip(), "1")
                    self.assertEqual(self.one.scan(prefix="intent/"), [])
                    done = b"done 7" if policy == 0 else b"7"
                    self.assertEqual(set(self.effects().values()), {done})
                    if policy == 0:
                        self.assertEqual(len(self.effects()), 3)
                    self.assertEqual(self.run_program(0, "", policy, "recover").stdout.strip(), "0")

    def test_a_step_that_fails_undoes_those_before(self):
        result = self.run_program(0, "three", 0, "run")
        self.assertEqual(result.returncode, 1)
        self.assertIn("no room for three", result.stderr)
        self.assertEqual(self.effects(), {"one": b"7", "two": b"7", "three": b"7"})
        self.assertEqual(self.one.scan(prefix="intent/"), [])
        self.forget()
        self.assertEqual(self.run_program(0, "", 0, "run").returncode, 0)
        self.assertEqual(set(self.effects().values()), {b"done 7"})

    def test_another_version_of_the_program_leaves_it_alone(self):
        self.run_program(3, "", 0, "run")
        with open(self.path, encoding="utf-8") as file:
            text = file.read()
        with open(self.path, "w", encoding="utf-8") as file:
            file.write(text.replace('("one", "two", "three")', '("one", "two")'))
        self.assertIn("has 3 steps, this program's has 2", self.run_program(0, "", 0, "recover").stderr)
        self.assertEqual(len(self.one.scan(prefix="intent/")), 1)

    def test_beginning_marking_and_ending_are_parts_of_transactions(self):
        from grove import Again, NotFound, WrongState, intent
        trip = intent.Kind("trip", [intent.Step("one", print), intent.Step("two", print)])
        with self.one.transaction() as change:
            opened = trip.begin_in(change, self.one, b"feeder 7")
            change.set("state", b"tripping")
            self.assertEqual(self.one.scan(prefix="intent/"), [], "nothing is there before the commit")
        self.assertEqual(len(self.one.scan(prefix="intent/trip/")), 1)
        with self.one.transaction() as change:
            opened.mark_in(change, 0)
            change.set("state", b"one")
        found, done = trip.next(self.one)
        self.assertEqual((found.data, done), (b"feeder 7", 1))
        with self.one.transaction() as change:
            opened.end_in(change)
            change.set("state", b"tripped")
        opened.forget()
        self.assertEqual([entry.data for entry in self.one.scan()], [b"tripped"])
        with self.assertRaises(NotFound):
            trip.next(self.one)
        with self.assertRaises(WrongState):
            opened.mark(1)
        # One whose transaction is not committed has never been there.
        change = self.one.transaction()
        change.expect("state", 1 << 60)
        opened = trip.begin_in(change, self.one, b"feeder 8")
        with self.assertRaises(Again):
            change.commit()
        opened.forget()
        self.assertEqual(self.one.scan(prefix="intent/"), [])
        opened = trip.begin(self.one, b"feeder 9")
        opened.mark(0)
        opened.mark(0, False)
        opened.end()
        self.assertEqual(self.one.scan(prefix="intent/"), [])


if __name__ == "__main__":
    gs.main()
