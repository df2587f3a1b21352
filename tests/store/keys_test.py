"""Encryption at rest, keys, backup and restore: what lies on the disk, and what opens it."""
import glob
import os
import shutil

from store_support import StoreTest, gs

SECRET = b"the breaker of feeder seven is closed"


class Keys(StoreTest):
    def on_disk(self):
        text = b""
        for path in glob.glob(os.path.join(self.state_folder(), "*")):
            with open(path, "rb") as file:
                text += file.read()
        return text

    def record(self, name):
        return {space["name"]: space for space in self.system.json("store", "namespaces")}[name]

    def restart_store(self):
        self.kill_store()
        return self.store()

    def test_values_lie_encrypted_and_keys_rotate(self):
        one = self.store()
        for number in range(300):
            one.set(f"k{number}", SECRET)
        self.assertNotIn(SECRET, self.on_disk())
        self.assertIn(b"k299", self.on_disk())
        version = one.get("k7").version
        self.assertEqual(self.record("demo.one")["key_generation"], 1)
        self.system.grove("store", "rotate-key", "demo.one")
        one.set("after", SECRET)
        self.kill_store()  # it goes on where it was
        gs.wait_for("all is encrypted again", lambda: not self.record("demo.one")["rotating"])
        self.assertEqual(self.record("demo.one")["key_generation"], 2)
        self.assertEqual((one.get("k7").data, one.get("k7").version), (SECRET, version))
        self.assertEqual({entry.data for entry in one.scan()}, {SECRET})
        self.system.grove("store", "rotate-key")
        self.assertEqual(one.get("k8").data, SECRET)
        one = self.restart_store()
        self.assertEqual({entry.data for entry in one.scan()}, {SECRET})

    def test_another_master_key_opens_nothing_and_says_so(self):
        self.store().set("a", SECRET)
        path = os.path.join(self.state_folder(), "master.key")
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        os.rename(path, path + ".away")
        owner = os.stat(path + ".away")
        with open(path, "wb") as file:
            file.write(bytes(32))
        os.chmod(path, 0o600)
        os.chown(path, owner.st_uid, owner.st_gid)
        self.kill_store()
        gs.wait_for("it says why it does not start",
                    lambda: "is not the master key" in self.system.grove("logs", "system.store").stdout)
        os.rename(path + ".away", path)
        self.assertEqual(self.store(timeout=60).get("a").data, SECRET)

    def test_backup_and_restore_while_running(self):
        one = self.store()
        for number in range(500):
            one.set(f"k{number}", b"before")
        copy = os.path.join(self.system.folder, "copy")
        self.system.grove("store", "backup", copy)
        with open(copy, "rb") as file:
            self.assertNotIn(b"before", file.read())
        newest = one.set("k0", b"after")
        one.set("more", b"after")
        damaged = copy + ".damaged"
        shutil.copy(copy, damaged)
        with open(damaged, "r+b") as file:
            file.seek(5000)
            file.write(os.urandom(3000))
        result = self.system.grove("store", "restore", damaged, check=False)
        self.assertEqual(result.returncode, 1)
        self.assertEqual(one.get("k0").data, b"after")
        self.system.grove("store", "restore", copy)
        self.assertEqual({entry.data for entry in one.scan()}, {b"before"})
        self.assertIsNone(one.get("more"))
        self.assertGreater(one.set("k0", b"later"), newest)
        one = self.restart_store()
        self.assertEqual(one.get("k0").data, b"later")

    def test_a_backup_of_another_store_is_refused(self):
        self.store().set("a", SECRET)
        copy = os.path.join(self.system.folder, "copy")
        self.system.grove("store", "backup", copy)
        self.system.grove("store", "rotate-key")  # the copy's keys are wrapped by the one before
        result = self.system.grove("store", "restore", copy, check=False)
        self.assertIn("another master key", result.stderr)

    def test_a_namespace_is_dropped_with_all_it_holds(self):
        one = self.store()
        one.set("a", SECRET)
        self.system.grove("store", "drop", "demo.one")
        self.assertEqual((one.get("a"), one.scan(), self.system.json("store", "namespaces")), (None, [], []))
        one.set("b", b"")
        self.assertEqual([entry.key for entry in one.scan()], [b"b"])
        result = self.system.grove("store", "drop", "demo.two", check=False)
        self.assertIn("does not exist", result.stderr)


class Commands(StoreTest):
    def test_keys_from_the_command_line(self):
        grove_ = self.system.grove
        version = int(grove_("store", "set", "demo.one", "a", "1").stdout)
        self.assertEqual(grove_("store", "get", "demo.one", "a").stdout, "1")
        self.assertEqual(self.system.json("store", "get", "demo.one", "a"), {"key": "a", "version": version, "value": "1"})
        self.assertIn("has no key b", grove_("store", "get", "demo.one", "b", check=False).stderr)
        self.assertIn("expected another version",
                      grove_("store", "set", "demo.one", "a", "2", "--if-version", "0", check=False).stderr)
        grove_("store", "set", "demo.one", "a", "2", "--if-version", str(version))
        grove_("store", "set", "demo.one", "c", "3", "--lifetime", "1h")
        rows = self.system.json("store", "list", "demo.one")
        self.assertEqual([(row["key"], row["value"], row["bytes"]) for row in rows], [("a", "2", 1), ("c", "3", 1)])
        self.assertGreater(rows[1]["expires_ns"], 0)
        grove_("store", "delete", "demo.one", "a")
        self.assertEqual([row["key"] for row in self.system.json("store", "list", "demo.one", "--keys-only")], ["c"])
        self.assertEqual(self.system.json("store", "quota", "demo.one", "--keys", "7")["quota_keys"], 7)
        grove_("store", "share", "demo.one", "demo.*", "--rights", "both", "--prefix", "x/")
        self.assertEqual(self.system.json("store", "shares", "demo.one"),
                         [{"with": "demo.*", "rights": "both", "prefix": "x/"}])
        self.assertEqual(grove_("store", "fetch", "demo.one", check=False).returncode, 2)
        self.assertEqual(grove_("store", "get", "demo.one", check=False).returncode, 2)

    def test_watch_follows(self):
        one = self.store()
        one.set("a", b"")
        with gs.subprocess.Popen([self.system.program, "store", "--run", self.system.run, "--json", "watch", "demo.one",
                                  "-n", "2"], stdout=gs.subprocess.PIPE, text=True) as watching:
            told = []
            while watching.poll() is None:
                one.set("a", b"")
                one.delete("a")
            told = [gs.json.loads(line) for line in watching.stdout]
        self.assertEqual([change["key"] for change in told], ["a", "a"])


if __name__ == "__main__":
    gs.main()
