"""Killing the store at random moments: nothing acknowledged is lost, nothing is applied twice."""
import os
import random
import threading

from store_support import StoreTest, gs

CLIENTS = 6
KILLS = 12


class Writer(threading.Thread):
    """Counts up in a key of its own, each time expecting its own last version, and writes what it counted to another key in
    the same transaction. A commit that were applied twice would find the version changed."""

    def __init__(self, test, number):
        super().__init__()
        self.store = test.store(f"demo.writer{number % 3}", timeout=60.0)
        self.key, self.count, self.version, self.problem = f"count/{number}", 0, 0, None
        self.end = threading.Event()

    def run(self):
        try:
            while not self.end.is_set():
                self.step()
        except Exception as problem:  # told by the test
            self.problem = problem

    def step(self):
        change = self.store.transaction()
        change.expect(self.key, self.version)
        change.set(self.key, b"%d" % (self.count + 1))
        change.set(f"{self.key}/{self.count + 1}", os.urandom(20), namespace="demo.all")
        self.version = change.commit()
        self.count += 1


class Kills(StoreTest):
    def load(self, kills):
        chance = random.Random(4711)
        writers = [Writer(self, number) for number in range(CLIENTS)]
        reader = self.store("demo.all", timeout=60.0)
        for writer in writers:
            writer.start()
        for _ in range(kills):
            goal = sum(writer.count for writer in writers) + chance.randrange(1, 60)
            gs.wait_for("the writers go on", lambda: sum(writer.count for writer in writers) >= goal or
                        any(writer.problem for writer in writers))
            try:
                os.kill(self.store_process(), gs.signal.SIGKILL)
            except ProcessLookupError:
                pass
            reader.scan(limit=1)
        for writer in writers:
            writer.end.set()
        for writer in writers:
            writer.join(gs.DEADLINE_SECONDS)
            self.assertIsNone(writer.problem, writer.problem)
        return writers

    def assert_all_is_there(self, writers):
        everything = {entry.key.decode(): entry.version for entry in self.store("demo.all", timeout=60.0).scan()}
        self.assertEqual(len(everything), sum(writer.count for writer in writers))
        for number, writer in enumerate(writers):
            value = self.store(f"demo.writer{number % 3}").get(writer.key)
            self.assertEqual((value.data, value.version), (b"%d" % writer.count, writer.version))
            self.assertEqual(everything[f"{writer.key}/{writer.count}"], writer.version)

    def test_what_was_acknowledged_is_there_once(self):
        writers = self.load(KILLS)
        self.assertGreater(sum(writer.count for writer in writers), KILLS)
        self.assert_all_is_there(writers)
        self.close_sessions()
        self.sessions.clear()
        self.system.kill_kernel()
        self.system.grove("up")
        self.system.wait_until_booted()
        self.assert_all_is_there(writers)

    def kill_and_use(self, one):
        for _ in range(5):
            self.kill_store()
            one.set("a", b"")

    def test_accounts_are_as_before(self):
        one = self.store(timeout=60.0)
        one.set("a", b"")
        before = self.settled_descriptors()
        self.kill_and_use(one)
        self.assert_descriptors_return(before, lambda: self.kill_and_use(one))
        self.close_sessions()
        self.sessions.clear()
        accounts = self.accounts()
        self.system.grove("down", "--all")
        self.assert_nothing_is_left(accounts)


if __name__ == "__main__":
    gs.main()
