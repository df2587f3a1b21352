"""A full disk under the state folder: clear errors, nothing acknowledged is lost, and all goes on when there is room.

The state folder is a small tmpfs in a mount namespace of the test's own; without root, in a user namespace of its own too,
where the test may mount although it stays who it is. Before Linux 6.3 root needs $GROVE_SMALL_DISK instead, a device with a
file system whose folders can be mapped to the users of containers, as a tmpfs cannot be there.
"""
import ctypes
import os
import struct
import sys

import grove_system as gs

CLONE_NEWNS, CLONE_NEWUSER = 0x20000, 0x10000000
MS_REC, MS_PRIVATE, MNT_DETACH = 0x4000, 0x40000, 2
AUDIT_RECORD = 512
JOURNAL_HEADERS = 8192 # bytes at the beginning of each file of a log
SMALL_DISK = os.environ.get("GROVE_SMALL_DISK")
LIBC = ctypes.CDLL(None, use_errno=True)


def mount(kind, target, flags, options, device="none"):
    if LIBC.mount(device.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), options.encode()) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), target)


def own_mounts():
    """Move this process to where what it mounts is seen by nobody else. False where that cannot be."""
    user, group, is_root = os.geteuid(), os.getegid(), os.geteuid() == 0
    if LIBC.unshare(CLONE_NEWNS if is_root else CLONE_NEWNS | CLONE_NEWUSER) != 0:
        return False
    maps = [] if is_root else [("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")]
    for name, text in maps:
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
            file.write(text)
    mount("", "/", MS_REC | MS_PRIVATE, "")
    return True


class FullDisk(gs.SystemTest):
    def setUp(self):
        self.addCleanup(lambda: LIBC.umount2(self.system.state.encode(), MNT_DETACH))
        super().setUp()
        os.mkdir(self.system.state)
        if SMALL_DISK:
            mount("ext4", self.system.state, 0, "", SMALL_DISK)
        else:
            mount("tmpfs", self.system.state, 0, "size=8m,mode=755")
        self.filler = os.path.join(self.system.state, "filler")

    def fill(self):
        with open(self.filler, "wb", buffering=0) as file:
            for size in (65536, 4096, 1):
                try:
                    while file.write(b"x" * size) > 0:
                        pass
                except OSError:
                    pass

    def empty(self):
        os.unlink(self.filler)

    def second(self):
        return self.system.write_project("second", {
            "one": f'exec: ["{self.system.actors}/actor", echo, one]\nprovides: [one]'})

    def say(self, words):
        return self.system.grove("call", "talker", "say", words)

    def test_what_cannot_be_kept_is_refused_and_what_was_acknowledged_is_kept(self):
        self.system.up()
        before = self.system.services()
        self.fill()
        result = self.system.up(self.second(), check=False)
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("the disk is full", result.stderr)
        self.assertNotIn("second.one", self.system.services())
        # Those that run go on, and can be restarted.
        self.assertEqual(self.system.call("counter", "tell", "number=7"), {})
        self.system.grove("restart", "basic.talker")
        self.system.kill_kernel()
        self.system.grove("up", check=False)
        self.assertLessEqual(set(before), set(self.system.services()))
        self.system.wait_for_state("basic.counter", "ready")
        self.empty()
        self.system.up(self.second())
        self.assertEqual(self.system.state_of("second.one"), "ready")

    def test_a_budget_that_cannot_be_kept_is_refused(self):
        folder = self.second()
        self.system.up(folder)
        self.fill()
        with open(os.path.join(folder, "grove.yaml"), "a", encoding="utf-8") as file:
            file.write("budget: {memory: 64M}\n")
        result = self.system.up(folder, check=False)
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("the disk is full; nothing has changed", result.stderr)
        self.empty()
        self.system.up(folder)

    def test_the_log_says_what_it_had_to_drop_and_goes_on(self):
        self.system.up()
        self.say("before")
        gs.wait_for("the log has it", lambda: "before" in self.system.grove("logs", "talker").stdout)
        self.fill()
        for _ in range(50): # what is left of a page, and more
            self.say("while it was full " + 200 * "x")
        log = os.path.join(self.system.state, "services", "system.log", "basic.talker")
        kept = sum(os.path.getsize(os.path.join(log, name)) - JOURNAL_HEADERS for name in os.listdir(log))
        self.assertLess(kept, 50 * 200)
        self.empty()

        def log_after_one_more():
            self.say("after")
            return self.system.grove("logs", "-n", "1000", "talker").stdout

        text = gs.wait_for("the log goes on", lambda: (text := log_after_one_more()) and "after" in text and text)
        self.assertRegex(text, r"\d+ bytes were dropped here: the log could not be written")
        self.assertIn("before", text)

    def test_the_audit_log_keeps_whole_records_in_order(self):
        self.system.up()
        self.fill()
        for _ in range(20):
            self.system.grove("restart", "basic.talker")
        self.empty()
        for _ in range(3):
            self.system.grove("restart", "basic.talker")
        self.system.grove("down", "--all")
        with open(os.path.join(self.system.state, "audit.log"), "rb") as file:
            data = file.read()
        self.assertEqual(len(data) % AUDIT_RECORD, 0, "a torn record was left")
        sequences = [struct.unpack_from("<Q", data, offset)[0] for offset in range(0, len(data), AUDIT_RECORD)]
        self.assertEqual(sequences, list(range(sequences[0], sequences[0] + len(sequences))))


if __name__ == "__main__":
    if not own_mounts():
        print("skipped: it takes root or user namespaces to make a small disk")
        sys.exit(77)
    gs.main()
