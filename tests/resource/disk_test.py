"""The limit on what a service keeps on disk: it holds against everything that fills a disk, and ordinary programs work below it."""
import os
import signal
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "system"))
import grove_system as gs  # noqa: E402

MEBIBYTE = 1 << 20
LIMIT = 4 * MEBIBYTE
# What a full disk and what a file system without the call would say, besides the limit's own answer.
WAYS = {"write": "EDQUOT", "write_together": "EDQUOT", "make_empty": "EDQUOT", "make_folders": "EDQUOT",
        "make_links": "EDQUOT", "allocate": "ENOTSUP", "make_sparse": "EDQUOT", "hide": "EDQUOT", "attach": "ENOTSUP",
        "churn": "EDQUOT"}


def taken(folder):
    """Blocks of the disk that lie in a folder; of a file with several names once."""
    seen = {}
    for root, folders, files in os.walk(folder):
        for name in folders + files:
            status = os.lstat(os.path.join(root, name))
            seen[status.st_dev, status.st_ino] = status.st_blocks * 512
    return sum(seen.values())


class Disk(gs.SystemTest):
    def setUp(self):
        super().setUp()
        doctor = gs.json.loads(self.system.grove("doctor", "--json", check=False).stdout)
        self.enforced = next(layer["enforced"] for layer in doctor["layers"] if layer["layer"] == "disk-quota")
        self.kept = os.path.join(self.system.folder, "kept")
        os.mkdir(self.kept)

    def needs_quota(self):
        if not self.enforced:
            self.skipTest("/dev/fuse cannot be used here, so no limit on disk can be held")

    def manifest(self, program, *arguments, limit=LIMIT, more=""):
        path = os.path.join(self.system.folder, "program.yaml")
        with open(path, "w", encoding="ascii") as file:
            file.write(f"name: program\nexec: {gs.json.dumps(['/usr/bin/python3', program, *arguments])}\n"
                       f"capabilities: ['FS_READ:{os.path.dirname(program)}', 'FS_WRITE:{self.kept}']\n"
                       f"resources: {{disk: {limit}}}\n{more}")
        return path

    def run_program(self, program, *arguments, **options):
        return self.system.grove("run", "--manifest", self.manifest(os.path.join(HERE, program), *arguments, **options),
                                 check=False)

    def test_where_it_cannot_be_held_the_start_says_so(self):
        if self.enforced:
            self.skipTest("it can be held here")
        optional = [layer for layer in os.environ.get("GROVE_OPTIONAL_LAYERS", "").split(",") if layer != "disk-quota"]
        self.system.environment["GROVE_OPTIONAL_LAYERS"] = ",".join(optional)
        result = self.run_program("ordinary.py", self.kept)
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("disk-quota", result.stdout + result.stderr)

    def test_ordinary_programs_work(self):
        self.needs_quota()
        result = self.run_program("ordinary.py", self.kept, limit=64 * MEBIBYTE)
        self.assertEqual(result.stdout, "all of it works\n", result.stderr)
        self.assertEqual(os.stat(os.path.join(self.kept, "text")).st_uid, os.getuid(), "to the host it is the folder's owner's")

    def test_no_way_of_writing_passes_the_limit(self):
        self.needs_quota()
        for way, stopped in WAYS.items():
            with self.subTest(way):
                result = self.run_program("fill.py", way, self.kept)
                self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
                answer = gs.json.loads(result.stdout)
                self.assertEqual(answer["stopped"], stopped)
                self.assertLessEqual(answer["believed"], LIMIT + 4096)
                self.assertLessEqual(taken(self.kept), LIMIT)
                if way in ("write", "churn"):
                    self.assertGreater(taken(self.kept), LIMIT - 2 * 65536, "and all of it could be used")
                subprocess.run(["rm", "-rf", self.kept], check=True)
                os.mkdir(self.kept)

    def test_what_is_there_already_counts(self):
        self.needs_quota()
        with open(os.path.join(self.kept, "before"), "wb") as file:
            file.write(bytes(3 * MEBIBYTE))
        answer = gs.json.loads(self.run_program("fill.py", "write", self.kept).stdout)
        self.assertEqual(answer["stopped"], "EDQUOT")
        self.assertLess(answer["believed"], MEBIBYTE)
        self.assertLessEqual(taken(self.kept), LIMIT)
        # More than it may have, from before: it can remove, and then write again.
        result = self.run_program("fill.py", "make_empty", self.kept, limit=MEBIBYTE)
        self.assertEqual(gs.json.loads(result.stdout), {"stopped": "EDQUOT", "believed": 0})
        result = self.run_program("fill.py", "churn", self.kept, limit=MEBIBYTE)
        self.assertEqual(result.returncode, 1, "nothing new fits")
        os.unlink(os.path.join(self.kept, "before"))
        os.unlink(os.path.join(self.kept, "one"))
        self.assertEqual(self.run_program("fill.py", "churn", self.kept, limit=MEBIBYTE).returncode, 0)

    def service(self, name, body, more=""):
        """A Python program as a service that keeps things in its state folder."""
        program = os.path.join(self.system.folder, name + ".py")
        with open(program, "w", encoding="ascii") as file:
            file.write("import os, signal, sys\nfolder = sys.argv[1]\n" + body)
        return (f"exec: ['/usr/bin/python3', '{program}', '${{state}}']\n"
                f"capabilities: ['FS_READ:{program}', 'FS_WRITE:${{state}}']\nresources: {{disk: {LIMIT}}}\n"
                "system-files: true\nreadiness: started\nrestart: {policy: always, delay: 1ms, give-up: 0}\n" + more)

    FILL = ("try:\n    with open(folder + '/file', 'ab', 0) as file:\n        while True:\n            file.write(bytes(65536))\n"
            "except OSError as error:\n    print('stopped', error.errno, flush=True)\nsignal.pause()\n")

    def usage(self, name):
        return next((row for row in self.system.json("top") if row["name"] == name), {})

    def test_a_service_that_is_killed_has_no_more_afterwards(self):
        self.needs_quota()
        self.system.up(self.system.write_project("full", {"a": self.service("a", self.FILL)}))
        gs.wait_for("it is full", lambda: self.usage("full.a").get("disk_bytes", 0) > LIMIT - 2 * 65536)
        row = self.usage("full.a")
        self.assertEqual(row["disk_limit_bytes"], LIMIT)
        self.assertLessEqual(row["disk_bytes"], LIMIT)
        for _ in range(3):
            before = self.system.services()["full.a"]["process"]
            os.kill(before, signal.SIGKILL)
            gs.wait_for("it is another one", lambda: self.system.services()["full.a"].get("process") not in (None, before))
            gs.wait_for("it is full again", lambda: self.usage("full.a").get("disk_bytes", 0) > LIMIT - 2 * 65536)
        self.assertLessEqual(taken(os.path.join(self.system.state, "services", "full.a")), LIMIT)
        self.assertIn("DISK", self.system.grove("top", "--once").stdout)

    def test_without_the_process_in_between_the_service_starts_anew(self):
        self.needs_quota()
        self.system.up(self.system.write_project("full", {"a": self.service("a", self.FILL)}))
        gs.wait_for("it is full", lambda: self.usage("full.a").get("disk_bytes", 0) > LIMIT - 2 * 65536)
        before = self.system.services()["full.a"]["process"]
        between = [process for process in gs.descendants(self.system.kernel) if self.is_between(process)]
        self.assertEqual(len(between), 1)
        os.kill(between[0], signal.SIGKILL)
        gs.wait_for("it is another one", lambda: self.system.services()["full.a"].get("process") not in (None, before))
        gs.wait_for("it is full again", lambda: self.usage("full.a").get("disk_bytes", 0) > LIMIT - 2 * 65536)

    BUSY = ("file = os.open(folder + '/file', os.O_CREAT | os.O_RDWR)\nfor _ in range(3000):\n"
            "    os.pwrite(file, bytes(65536), 0)\nprint('written', flush=True)\nsignal.pause()\n")

    def used_ns(self, process):
        """What its processes have used, as Linux says (in ticks)."""
        with open(f"/proc/{process}/stat", encoding="ascii") as file:
            user, system = file.read().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) * 1000000000 // os.sysconf("SC_CLK_TCK")

    def test_what_the_process_in_between_uses_is_on_the_account_of_its_service(self):
        self.needs_quota()
        self.system.up(self.system.write_project("full", {"a": self.service("a", self.BUSY)}))
        gs.wait_for("it has written", lambda: "written" in self.system.grove("logs", "full.a").stdout)
        service = self.system.services()["full.a"]["process"]
        between = next(process for process in gs.descendants(self.system.kernel) if self.is_between(process))
        both, alone = self.used_ns(service) + self.used_ns(between), self.used_ns(service)
        self.assertGreater(both, alone)
        before = self.usage("full.a")["processor_ns"]
        self.assertGreaterEqual(before, both)
        os.kill(service, signal.SIGKILL)
        gs.wait_for("it is another one", lambda: self.system.services()["full.a"].get("process") not in (None, service))
        self.assertGreaterEqual(self.usage("full.a")["processor_ns"], before, "what was used stays on the account")

    @staticmethod
    def is_between(process):
        try:
            with open(f"/proc/{process}/comm", encoding="ascii") as file:
                return file.read().strip() == "grove-disk"
        except OSError:
            return False

    def test_a_limit_that_is_reached_is_told_and_the_policy_acts(self):
        self.needs_quota()
        self.system.up(self.system.write_project("full", {
            "a": self.service("a", self.FILL, "limits: {disk: {policy: suspend, for: 1h}}\n")}))
        gs.wait_for("it is frozen", lambda: self.system.json("status", "full.a").get("reason") == "is frozen")
        case, = self.system.json("resources")["cases"]
        self.assertEqual((case["name"], case["resource"], case["state"], case["limit"]), ("full.a", "disk", "suspended", LIMIT))
        gs.wait_for("it is told", lambda: "full.a reached its limit of disk: suspended" in
                    self.system.grove("logs", "-n", "50", "system.resource").stdout)
        self.assertIn("of disk that it may have", self.system.grove("why", "full.a").stdout)

    def test_the_policy_ends_it(self):
        self.needs_quota()
        self.system.up(self.system.write_project("full", {
            "a": self.service("a", self.FILL, "limits: {disk: terminate}\n")}))
        gs.wait_for("it was ended and came again", lambda: self.system.json("status", "full.a").get("generation", 0) > 1)


if __name__ == "__main__":
    gs.main()
