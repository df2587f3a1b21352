"""A namespace that a service keeps: the example in Python, by whom the same is promised."""
import json
import os
import re
import subprocess

from points_test import GUARD
from store_support import LIBRARY, ROOT, StoreTest, grove, gs


class Provider(StoreTest):
    def setUp(self):
        super().setUp()
        example = os.path.join(ROOT, "examples", "store")
        with open(os.path.join(example, "provider.yaml"), encoding="utf-8") as file:
            text = file.read()
        text = re.sub(r"(?m)^(name|version|native): .*\n", "", text).replace("./provider.py", example + "/provider.py")
        package = os.path.join(ROOT, "lib", "python")
        text = text.replace("provides: [", f"  - FS_READ:{package}\n  - FS_EXEC:{LIBRARY}\nprovides: [")
        text += (f"environment: {{GROVE_LIBRARY: {LIBRARY}, PYTHONPATH: {package}, PYTHONDONTWRITEBYTECODE: '1'}}\n")
        self.up("demo", {"provider": text})
        self.system.grove("store", "quota", "demo.notes", "--provider", "json-lines")
        self.notes = self.store("demo.notes")

    def test_it_keeps_what_the_store_passes_on(self):
        notes = self.notes
        first = notes.set("a", b"1")
        self.assertEqual(notes.get("a"), (b"1", first, None))
        self.assertIsNone(notes.get("b"))
        with notes.transaction() as change:
            change.get("a")
            for number in range(100):
                change.set(f"k/{number:03}", b"x" * 600)
            change.delete("a")
        self.assertIsNone(notes.get("a"))
        keys = [f"k/{number:03}".encode() for number in range(100)]
        self.assertEqual([entry.key for entry in notes.scan(prefix="k/")], keys)
        self.assertEqual([entry.key for entry in notes.scan(prefix="k/", backward=True, limit=80)], keys[:19:-1])
        with self.assertRaises(grove.Again):
            notes.compare_and_set("k/001", first, b"")
        notes.set("large", bytes(200000))
        self.assertEqual(notes.get("large").data, bytes(200000))
        change = notes.transaction()
        change.set("a", b"")
        change.set("a", b"", namespace="demo.other")
        with self.assertRaisesRegex(grove.WrongState, "of one provider"):
            change.commit()
        with self.assertRaisesRegex(grove.Unsupported, "cannot be watched"):
            notes.watch(0)

    def quota(self, name, *options):
        self.system.grove("store", "quota", name, *options)
        return self.system.json("store", "quota", name)

    def test_its_namespaces_stay_within_their_quotas(self):
        notes = self.notes
        self.quota("demo.notes", "--bytes", "10K", "--keys", "5")
        for number in range(4):
            notes.set(f"k{number}", bytes(2000))
        with self.assertRaisesRegex(grove.Exhausted, "the namespace demo.notes has 8008 of its 10240 bytes"):
            notes.set("k4", bytes(3000))
        # Only what is more counts, and what was counted for nothing is counted anew.
        for _ in range(20):
            notes.set("k0", bytes(2100))
        notes.delete("k1")
        notes.set("k4", bytes(3000))
        notes.set("k5", b"")
        with self.assertRaises(grove.Exhausted):
            notes.set("k6", b"")
        self.assertEqual(self.quota("demo.notes")["keys"], 5)
        # All of a transaction or nothing: one key less and two more.
        change = notes.transaction()
        change.delete("k5")
        change.set("k6", b"1")
        change.set("k7", b"2")
        with self.assertRaises(grove.Exhausted):
            change.commit()
        self.assertEqual(notes.get("k5").data, b"")
        self.assertIsNone(notes.get("k6"))
        # Below a quota that was lowered it may shrink, and no more.
        self.quota("demo.notes", "--bytes", "1K")
        with self.assertRaises(grove.Exhausted):
            notes.set("k0", bytes(2200))
        notes.set("k0", bytes(100))
        notes.delete("k2")
        self.quota("demo.notes", "--bytes", "64K", "--keys", "1000")
        notes.set("k7", bytes(5000))

    def test_many_at_once_are_counted_one_after_the_other(self):
        """Into a namespace that nothing is known of, as the store has just begun: as many fit as the quota says."""
        self.quota("demo.notes", "--keys", "8")
        self.notes.set("first", b"")
        os.kill(self.system.services()["system.store"]["process"], gs.signal.SIGKILL)
        writers = [subprocess.Popen([self.system.program, "store", "set", "--run", self.system.run, "--state", self.system.state,
                                     "demo.notes", f"n{number:02}", "x"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                    text=True) for number in range(16)]
        said = [(writer.communicate(timeout=gs.DEADLINE_SECONDS)[1], writer.returncode) for writer in writers]
        self.assertEqual(sum(code == 0 for _, code in said), 7, said)
        self.assertTrue(all("8 of its 8 keys" in text for text, code in said if code != 0), said)
        self.assertEqual(len(list(self.notes.scan())), 8)

    def test_kills_of_either_lose_nothing_and_apply_nothing_twice(self):
        version, provider = 0, self.system.services()
        for number in range(1, 61):
            change = self.notes.transaction()
            change.expect("count", version)
            change.set("count", b"%d" % number)
            if number % 20 == 0:
                self.kill_store()
            elif number % 10 == 0:
                provider = self.system.services()["demo.provider"]["process"]
                os.kill(provider, gs.signal.SIGKILL)
            version = change.commit()
        self.assertEqual((self.notes.get("count").data, self.notes.get("count").version), (b"60", version))
        self.kill_store()
        self.assertEqual(self.notes.get("count").version, version)

    def test_it_is_found_by_its_name_and_version(self):
        row = {"kind": "storage", "name": "json-lines", "version": "1.0.0", "endpoint": "demo.provider",
               "owner": "demo.provider", "detail": ""}
        for options in ((), ("json*",), ("--from", "1", "--below", "2")):
            self.assertEqual(self.system.json("find", "--extension", "storage", *options), [row])
        for options in (("other",), ("--from", "1.1"), ("--below", "1")):
            self.assertEqual(self.system.json("find", "--extension", "storage", *options), [])
        self.assertEqual(self.system.json("store", "quota", "demo.notes")["provider"], "demo.provider")
        self.system.grove("store", "quota", "demo.more", "--provider", "demo.provider")  # its endpoint does, too
        self.store("demo.more").set("a", b"1")

    def test_a_version_that_is_not_spoken_is_refused(self):
        session = grove.Session(os.path.join(self.system.run, "kernel.sock"))
        self.addCleanup(session.close)
        with self.assertRaisesRegex(grove.Version, "version 2.1 of the interface of storage extensions, and this system speaks 1.0"):
            grove.extensions.register("storage", "newer", "demo.provider", version=(2, 1, 0), session=session)
        with self.assertRaisesRegex(grove.Invalid, "1.0.0"):
            grove.extensions.register("protocol", "none", "demo.provider", version=(0, 9, 0), session=session)
        grove.extensions.register("protocol", "modbus", "demo.provider", version=(3, 2, 0), detail="port=502", session=session)
        self.assertEqual(grove.extensions.find("protocol", "modbus", needed=(3, 1, 0), session=session).detail, "port=502")
        with self.assertRaisesRegex(grove.Version, "implements version 3.2 of its interface, and 3.3 is needed"):
            grove.extensions.find("protocol", "modbus", needed=(3, 3, 0), session=session)
        with self.assertRaisesRegex(grove.NotFound, "no service has registered a protocol extension dnp3"):
            grove.extensions.find("protocol", "dnp3", session=session)
        self.assertEqual([one.name for one in grove.extensions.every(session=session)], ["json-lines", "modbus"])
        grove.extensions.unregister("protocol", "modbus", session=session)
        result = self.system.grove("find", "--extension", "protocols", check=False)
        self.assertEqual(result.returncode, 2)
        self.assertIn("protocol, storage, health or metrics", result.stderr)
        result = self.system.grove("find", "--extension", "storage", "--tag", "x", check=False)
        self.assertIn("--tag is about services", result.stderr)

    def test_it_can_be_kept_from_reading_what_it_keeps(self):
        self.system.grove("store", "quota", "demo.secrets", "--provider", "demo.provider", "--encrypt", "on")
        self.assertTrue(self.system.json("store", "quota", "demo.secrets")["sealed"])
        self.assertEqual(self.system.grove("store", "quota", "demo.x", "--encrypt", "on", check=False).returncode, 2)
        secrets = self.store("demo.secrets")
        values = {b"a": b"plain words", b"b": b"", b"c": os.urandom(100000)}
        with secrets.transaction() as change:
            for key, value in values.items():
                change.set(key, value)
        self.kill_store()
        self.assertEqual({entry.key: entry.data for entry in secrets.scan()}, values)
        self.assertEqual([entry.key for entry in secrets.scan(keys_only=True)], sorted(values))
        self.assertEqual({key: secrets.get(key).data for key in values}, values)
        self.assertIsNone(secrets.get("none"))
        (folder, ) = [path for path, _, files in os.walk(self.system.state) if "entries" in files]
        with open(os.path.join(folder, "entries"), "r+b") as file:
            kept = file.read()
            self.assertNotIn(b"plain words".hex().encode(), kept)
            # What a provider changes, or gives for another key, is found out.
            os.kill(self.system.services()["demo.provider"]["process"], gs.signal.SIGSTOP)
            key_a, key_b = (b'"demo.secrets", "%s"' % key.hex().encode() for key in (b"a", b"b"))
            file.seek(0)
            file.write(kept.replace(key_a, b"?").replace(key_b, key_a).replace(b"?", key_b))
        os.kill(self.system.services()["demo.provider"]["process"], gs.signal.SIGKILL)
        for key in ("a", "b"):
            with self.assertRaisesRegex(grove.Corrupt, "what was not given to it"):
                secrets.get(key)

    def test_hooks_look_at_what_a_service_keeps(self):
        self.system.grove("store", "quota", "demo.secrets", "--provider", "demo.provider", "--encrypt", "on")
        self.up("ops", {"guard": self.service("guard", GUARD)})
        self.system.wait_for_state("ops.guard", "ready")
        for point in ("before-write", "after-write", "after-read"):
            self.system.grove("hooks", "set", point, "ops.guard", "--pattern", "demo.*", "--timeout", "2s")
        self.ask("ops.guard", 1, b"upper")
        for name in ("demo.notes", "demo.secrets"):
            store = self.store(name)
            store.set("a", b"quiet")
            self.assertEqual(store.get("a").data, b"QUIET")
            self.assertEqual([entry.data for entry in store.scan()], [b"QUIET"])
        self.ask("ops.guard", 1, b"no")
        with self.assertRaisesRegex(grove.Denied, "says no: not today"):
            self.notes.set("a", b"1")
        seen = [(point, subject) for point, subject, *_ in json.loads(self.ask("ops.guard", 2))]
        self.assertIn((9, "demo.secrets a"), seen)

    def test_a_provider_that_is_not_there_is_named(self):
        self.system.grove("store", "quota", "demo.lost", "--provider", "demo.nobody")
        with self.assertRaisesRegex(grove.NotFound, "demo.nobody"):
            self.store("demo.lost").set("a", b"")


if __name__ == "__main__":
    gs.main()
