"""The store: what it keeps, what it refuses, and what it tells."""
import json
import os
import subprocess
import threading
import time

from store_support import StoreTest, grove, gs, store


class Values(StoreTest):
    def test_values_outlive_the_store_and_the_kernel(self):
        one = self.store()
        one.set("a", b"1")
        one.set(b"\x00\xff", b"")
        one.set("large", bytes(range(256)) * 4096)
        self.kill_store()
        self.assertEqual(one.get("a").data, b"1")
        self.close_sessions()
        self.system.kill_kernel()
        self.system.grove("up")
        self.system.wait_until_booted()
        one = self.store()
        self.assertEqual(one.get(b"\x00\xff").data, b"")
        self.assertEqual(one.get("large").data, bytes(range(256)) * 4096)
        self.assertIsNone(one.get("b"))

    def test_transactions_are_whole_and_conflicts_are_found(self):
        one = self.store()
        two = self.store("demo.two")
        first = one.set("a", b"1")
        with one.transaction() as change:
            self.assertEqual(change.get("a").version, first)
            self.assertIsNone(change.get("b"))
            change.set("b", b"2")
            change.set("c", b"3", namespace="demo.two")
            change.set("c", b"4", namespace="demo.two")  # the later one holds
            change.delete("a")
        self.assertGreater(change.version, first)
        self.assertEqual((one.get("a"), one.get("b").version, two.get("c").data), (None, change.version, b"4"))
        change = one.transaction()
        change.get("b")
        change.set("d", b"5", namespace="demo.two")
        one.set("b", b"6")
        with self.assertRaisesRegex(grove.Again, "operation 0 .* expected another version"):
            change.commit()
        self.assertIsNone(two.get("d"))
        with self.assertRaises(grove.Again):
            one.compare_and_set("b", 1, b"7")
        with self.assertRaises(grove.Again):
            one.compare_and_set("b", 0, b"7")
        one.compare_and_set("new", 0, b"8")
        self.assertEqual(one.scan(), one.scan())
        seen = one.scanned_version
        two.set("e", b"9")
        change = one.transaction()
        change.expect_namespace(seen)
        change.set("f", b"10")
        change.commit()
        change = one.transaction()
        change.expect_namespace(seen)
        change.set("f", b"11")
        with self.assertRaises(grove.Again):
            change.commit()

    def test_scans_see_ranges_in_order_page_by_page(self):
        one = self.store()
        keys = [b"k/%04d" % number for number in range(700)]
        for first in range(0, len(keys), 200):
            with one.transaction() as change:
                for key in keys[first:first + 200]:
                    change.set(key, key * 30)
        one.set(b"j", b"")
        one.set(b"k0", b"")  # behind "k/"
        self.assertEqual([entry.key for entry in one.scan(prefix=b"k/")], keys)
        self.assertEqual([entry.key for entry in one.scan(prefix=b"k/", backward=True)], keys[::-1])
        self.assertTrue(all(entry.data == entry.key * 30 for entry in one.scan(prefix=b"k/")))
        self.assertEqual([entry.key for entry in one.scan(start=keys[3], end=keys[6])], keys[3:6])
        self.assertEqual([entry.key for entry in one.scan(start=keys[3], limit=2)], keys[3:5])
        self.assertEqual([(entry.data, entry.length) for entry in one.scan(limit=2, keys_only=True)],
                         [(None, 0), (None, 180)])
        self.assertEqual(len(one.scan()), 702)
        self.assertEqual(one.scan(prefix=b"\xff"), [])

    def test_a_snapshot_does_not_change(self):
        one = self.store()
        one.set("a", b"old")
        with one.snapshot() as snapshot:
            one.set("a", b"new")
            one.set("b", b"new")
            self.assertEqual(snapshot.get("a").data, b"old")
            self.assertIsNone(snapshot.get("b"))
            self.assertEqual([entry.key for entry in snapshot.scan()], [b"a"])
            self.assertEqual([entry.key for entry in one.scan()], [b"a", b"b"])
            self.assertLess(snapshot.version, one.get("a").version)
        with self.assertRaisesRegex(grove.StaleHandle, "has ended"):
            snapshot.get("a")
        other = self.store()
        with one.snapshot() as snapshot:
            with self.assertRaises(grove.StaleHandle):  # somebody else's
                other.scan(snapshot=snapshot)
            self.kill_store()
            with self.assertRaisesRegex(grove.StaleHandle, "restarted"):
                snapshot.get("a")
        taken = [one.snapshot() for _ in range(8)]
        with self.assertRaisesRegex(grove.Exhausted, "8 snapshots"):
            one.snapshot()
        for snapshot in taken:
            snapshot.end()

    def test_values_end_with_their_lifetime(self):
        one = self.store()
        one.set("short", b"x", lifetime=0.05)
        one.set("long", b"x", lifetime=3600)
        self.assertAlmostEqual(one.get("long").expires, time.time() + 3600, delta=60)
        version = one.set("mark", b"")
        gs.wait_for("it has ended", lambda: one.get("short") is None)
        gs.wait_for("it is removed", lambda: self.record("demo.one")["keys"] == 2)
        changes, _ = one.watch(version, timeout=10)
        self.assertEqual([(change.key, change.is_deleted) for change in changes], [(b"short", True)])
        one.compare_and_set("short", 0, b"y")
        self.kill_store()
        one.set("brief", b"x", lifetime=0.05)
        gs.wait_for("it is removed by the next instance too", lambda: self.record("demo.one")["keys"] == 3)

    def record(self, name):
        return {space["name"]: space for space in self.system.json("store", "namespaces")}[name]

    def test_changes_are_told_to_who_watches(self):
        one, other = self.store(), self.store()
        version = one.set("x/1", b"")
        self.assertEqual(one.watch(version, timeout=0.01), ([], version))
        told = []
        watching = threading.Thread(target=lambda: told.append(one.watch(version, prefix="x/", timeout=30)))
        watching.start()
        other.set("y/1", b"")
        with other.transaction() as change:
            change.set("x/2", b"")
            change.delete("x/1")
        watching.join(gs.DEADLINE_SECONDS)
        changes, version = told[0]
        self.assertEqual([(c.key, c.is_deleted, c.version) for c in changes],
                         [(b"x/2", False, change.version), (b"x/1", True, change.version)])
        for first in range(0, 1200, 100):
            with other.transaction() as change:
                for number in range(first, first + 100):
                    change.set("x/%d" % number, b"")
        with self.assertRaises(grove.StaleHandle) as caught:
            one.watch(version, prefix="x/")
        self.assertEqual(caught.exception.version, change.version)
        self.assertEqual(one.watch(change.version, timeout=0.01)[0], [])
        self.kill_store()
        with self.assertRaises(grove.StaleHandle):
            one.watch(1)

    def test_a_map_is_read_in_place(self):
        one, other = self.store(), self.store()
        other.set("a", b"1")
        with self.assertRaisesRegex(grove.NotFound, "--map on demo.one"):
            one.map()
        self.system.grove("store", "quota", "demo.one", "--map", "on")
        shown = one.map()
        self.assertEqual(shown.get("a"), other.get("a"))
        for number in range(3000):  # it outgrows its room again and again
            other.set("n%d" % (number % 700), b"%d" % number * (number % 50)) if number % 10 == 0 else None
        version = other.set("a", b"2")
        other.delete("n0")
        other.set("ends", b"", lifetime=100)

        def newest():
            nonlocal shown
            try:
                value = shown.get("a")
                return value if value.version >= version else None
            except grove.StaleHandle:
                shown = one.map()
                return None

        self.assertEqual(gs.wait_for("the map follows", newest).data, b"2")
        gs.wait_for("what was deleted is gone", lambda: shown.get("n0") is None)
        self.assertIsNone(shown.get("ends"))
        self.assertEqual(shown.get("n10"), other.get("n10"))
        self.kill_store()
        other.set("a", b"3")

        def is_stale():
            try:
                return shown.get("a").data not in (b"2", b"3")
            except grove.StaleHandle:
                return True

        one.get("a")
        gs.wait_for("the old map says so", is_stale)
        self.assertEqual(one.map().get("a").data, b"3")


class Refusals(StoreTest):
    def test_quotas_hold_and_say_how_much_is_used(self):
        one = self.store()
        self.system.grove("store", "quota", "demo.one", "--bytes", "4K", "--keys", "3")
        one.set("a", bytes(1000))
        with self.assertRaisesRegex(grove.Exhausted, r"demo.one has \d+ of its 4096 bytes in use, and this would take 4\d+"):
            one.set("b", bytes(4000))
        change = one.transaction()
        for key in "bcd":
            change.set(key, b"")
        with self.assertRaisesRegex(grove.Exhausted, "has 1 of its 3 keys"):
            change.commit()
        self.assertEqual([entry.key for entry in one.scan()], [b"a"])
        one.set("a", bytes(100))
        for key in "bc":
            one.set(key, b"")
        with self.assertRaises(grove.Exhausted):
            one.set("d", b"")
        one.delete("b")
        one.set("d", b"")
        self.kill_store()
        with self.assertRaises(grove.Exhausted):
            one.set("e", b"")
        self.system.grove("store", "quota", "demo.one", "--bytes", "1K", "--keys", "1")
        one.set("a", b"")  # what shrinks is let through

    def test_malformed_messages_are_refused_by_a_sentence(self):
        channel = grove.connect("system.store", session=self.session())
        for method in range(0, 20):
            for data in (b"", b"\1", b"\1\0\0\0", b"\xff" * 200, b"\1\0\0\0" + b"\xff" * 300, b"\1\0\0\0" + bytes(300)):
                with self.subTest(method=method, data=data):
                    try:
                        channel.call(method, data, timeout=10)
                    except grove.Error as problem:
                        self.assertNotIsInstance(problem, (grove.TimedOut, grove.Closed))
                        self.assertGreater(len(str(problem)), 10)
        self.assertEqual(self.store().get("a"), None)

    def test_limits(self):
        one = self.store()
        one.set(b"k" * 255, b"")
        for key in (b"", b"k" * 256):
            with self.assertRaisesRegex(grove.Invalid, "1 to 255 bytes"):
                one.set(key, b"")
        with self.assertRaisesRegex(grove.TooLarge, "1048576"):
            one.set("a", bytes((1 << 20) + 1))
        change = one.transaction()
        for number in range(256):
            change.set("n%d" % number, b"")
        with self.assertRaisesRegex(grove.TooLarge, "256 operations"):
            change.set("one more", b"")
        change.commit()
        with self.assertRaises(grove.Invalid):
            store.Store("no name", session=self.session())
        with self.assertRaisesRegex(grove.Invalid, "no namespace of its own"):
            store.Store(session=self.session())

    SERVICE = """
own = store.Store()

@service.on(grove.Session.default().name, 1)
def run(request):
    try:
        return repr(eval(request.data.decode())).encode()
    except grove.Error as problem:
        return f"{type(problem).__name__}: {problem}".encode()
"""

    def test_a_namespace_belongs_to_its_service(self):
        self.up("demo", {"one": self.service("one", self.SERVICE),
                         "two": self.service("two", self.SERVICE, ["STORE_READ:demo.one", "STORE_WRITE:demo.common"])})

        def one(text):
            return self.ask("demo.one", 1, text.encode()).decode()

        def two(text):
            return self.ask("demo.two", 1, text.encode()).decode()

        self.assertEqual(one("own.name"), "'demo.one'")
        self.assertEqual(one("own.set('secret/a', b'1') > 0"), "True")
        self.assertEqual(one("store.Store('demo.one.cache').set('b', b'2') > 0"), "True")
        self.assertEqual(two("store.Store('demo.one').get('secret/a').data"), "b'1'")
        for text, missing in (("store.Store('demo.one').set('a', b'')", "STORE_WRITE:demo.one"),
                              ("store.Store('demo.onerous').get('a')", "STORE_READ:demo.onerous"),
                              ("store.Store('demo.one.cache').get('b')", "STORE_READ:demo.one.cache"),
                              ("store.Store('demo.common').get('a')", "STORE_READ:demo.common"),
                              ("store.Store('demo.common').scan()", "STORE_READ:demo.common"),
                              ("store.Store('demo.common').watch(0)", "STORE_READ:demo.common")):
            with self.subTest(text):
                self.assertRegex(two(text), f"^Denied: .*{missing}")
        self.assertEqual(two("store.Store('demo.common').set('a', b'') > 0"), "True")
        refused = one("store.Store('demo.two').delete('a')")
        self.assertRegex(refused, "^Denied: .*STORE_WRITE:demo.two")
        self.assertIn("STORE_WRITE:demo.two", self.system.grove("why", "demo.one").stdout)

    def test_the_bus_is_told_of_changes(self):
        heard = os.path.join(self.system.folder, "heard")
        with open(heard, "wb") as file:
            listener = subprocess.Popen([self.system.program, "sub", "--run", self.system.run, "--state", self.system.state, "--json",
                                         "--count", "4", "storage.changed.demo.one.limit.>"], stdout=file)
        self.addCleanup(listener.wait)
        self.addCleanup(listener.kill)
        one = self.store()
        self.system.grove("store", "quota", "demo.one", "--events", "on")
        self.assertTrue(self.system.json("store", "quota", "demo.one")["events"])
        gs.wait_for("the subscription", lambda: "storage.changed" in self.system.grove("sub", "--list").stdout)
        versions = [one.set("other", b"1"), one.set("limit/7", b"secret"), one.set("limit/a b/*", b"")]
        with one.transaction() as change:
            change.delete("limit/7")
            change.set("limit/8", b"")
        self.assertEqual(listener.wait(gs.DEADLINE_SECONDS), 0)
        with open(heard, encoding="utf-8") as file:
            text = file.read()
        self.assertNotIn("secret", text)
        events = [json.loads(line) for line in text.splitlines()]
        self.assertEqual([event["subject"][len("storage.changed.demo.one."):] for event in events],
                         ["limit.7", "limit.a_b._", "limit.7", "limit.8"])
        said = [json.loads(event["data"]) if isinstance(event["data"], str) else event["data"] for event in events]
        self.assertEqual([(line["key"], line["deleted"]) for line in said],
                         [("limit/7", False), ("limit/a b/*", False), ("limit/7", True), ("limit/8", False)])
        self.assertEqual(said[0]["revision"], versions[1])

    def test_the_manifest_says_what_a_namespace_may_hold(self):
        text = self.service("one", self.SERVICE)
        self.up("demo", {"one": text + "store: {keys: 2, bytes: 1M, map: true}\n"})

        def one(text):
            return self.ask("demo.one", 1, text.encode()).decode()

        self.assertEqual(one("own.set('a', b'1') > 0"), "True")
        record = self.system.json("store", "quota", "demo.one")
        self.assertEqual((record["quota_keys"], record["quota_bytes"], record["map"]), (2, 1 << 20, True))
        self.assertEqual(one("own.map().get('a').data"), "b'1'")
        one("own.set('b', b'')")
        self.assertRegex(one("own.set('c', b'')"), "^Exhausted: .*2 of its 2 keys")
        self.kill_store()
        self.assertRegex(one("own.set('c', b'')"), "^Exhausted")
        self.system.grove("down", "--project", "demo")
        self.up("demo", {"one": text + "store: {keys: 3}\n"})
        self.assertEqual(one("own.set('c', b'') > 0"), "True")
        self.assertFalse(self.system.json("store", "quota", "demo.one")["map"])
        refused = one("__import__('grove').connect('system.store').call(8, (b'\\1\\0\\0\\0\\2' + bytes(3) + bytes(64) + "
                      "bytes(8) + b'\\xff' * 7 + bytes(1) + bytes(72)))")
        self.assertRegex(refused, "^Denied: .*does not set quotas")

    def test_an_owner_shares_what_lies_below_a_prefix(self):
        self.up("demo", {name: self.service(name, self.SERVICE) for name in ("one", "two")})

        def run(service, text):
            return self.ask("demo." + service, 1, text.encode()).decode()

        listening = gs.subprocess.Popen([self.system.program, "sub", "--run", self.system.run, "--json", "-n", "1", "-w", "30",
                                         "storage.data.shared.>"], stdout=gs.subprocess.PIPE, text=True)
        self.addCleanup(listening.stdout.close)
        self.addCleanup(listening.wait)
        gs.wait_for("it listens", lambda: "storage.data.shared" in self.system.grove("sub", "--list").stdout)
        run("one", "own.set('open/a', b'1')")
        run("one", "own.set('other', b'1')")
        self.assertRegex(run("two", "store.Store('demo.one').get('open/a')"), "^Denied")
        self.assertEqual(run("one", "own.share('demo.*', store.READ, prefix='open/')"), "None")
        event = gs.json.loads(listening.stdout.readline())
        self.assertEqual((event["subject"], gs.json.loads(event["data"]) if isinstance(event["data"], str) else event["data"]),
                         ("storage.data.shared.demo.one", {"service": "demo.one", "with": "demo.*", "rights": "read",
                                                           "prefix": "open/", "by": "demo.one"}))
        self.assertEqual(run("two", "store.Store('demo.one').get('open/a').data"), "b'1'")
        self.assertEqual(run("two", "len(store.Store('demo.one').scan(prefix='open/'))"), "1")
        for text in ("get('other')", "set('open/a', b'2')", "scan()", "scan(prefix='open')", "delete('open/a')"):
            with self.subTest(text):
                self.assertRegex(run("two", f"store.Store('demo.one').{text}"), "^Denied")
        self.kill_store()
        run("one", "own.share('demo.two', 3, prefix='open/')")
        self.assertEqual(run("two", "store.Store('demo.one').set('open/b', b'2') > 0"), "True")
        self.assertRegex(run("two", "store.Store('demo.one').share('*.*', 1)"), "^Denied")
        run("one", "own.share('demo.two', 0, prefix='open/')")
        run("one", "own.share('demo.*', 0, prefix='open/')")
        self.assertRegex(run("two", "store.Store('demo.one').get('open/a')"), "^Denied")


class Memory(StoreTest):
    def test_the_provider_in_memory_does_all_but_last(self):
        self.system.grove("store", "quota", "demo.fast", "--provider", "memory")
        fast, other = self.store("demo.fast"), self.store("demo.slow")
        fast.set("a", b"1")
        with fast.transaction() as change:  # over two providers
            change.get("a")
            change.set("b", b"2")
            change.set("b", b"2", namespace="demo.slow")
        self.assertEqual([entry.key for entry in fast.scan()], [b"a", b"b"])
        with self.assertRaises(grove.Again):
            fast.compare_and_set("a", 0, b"")
        with fast.snapshot() as snapshot:
            fast.delete("a")
            self.assertEqual(snapshot.get("a").data, b"1")
        self.assertEqual([entry.key for entry in fast.scan(backward=True)], [b"b"])
        fast.set("brief", b"", lifetime=0.02)
        gs.wait_for("it has ended", lambda: fast.get("brief") is None)
        with self.assertRaisesRegex(AssertionError, "holds keys"):
            self.system.grove("store", "quota", "demo.slow", "--provider", "memory")
        self.kill_store()
        self.assertEqual((fast.scan(), other.get("b").data), ([], b"2"))


if __name__ == "__main__":
    gs.main()
