"""A namespace that a service keeps: the example in Python, by whom the same is promised."""
import os
import re

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
        self.system.grove("store", "quota", "demo.notes", "--provider", "demo.provider")
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

    def test_a_provider_that_is_not_there_is_named(self):
        self.system.grove("store", "quota", "demo.lost", "--provider", "demo.nobody")
        with self.assertRaisesRegex(grove.NotFound, "demo.nobody"):
            self.store("demo.lost").set("a", b"")


if __name__ == "__main__":
    gs.main()
