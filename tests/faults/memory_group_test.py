"""Too little memory for groved and all below it: a control group around the whole system, at the least that it takes.

Linux ends what asks for more. That may be a service, which is started again, or groved, which then takes the system with it: the
next `grove up` brings back all that was promised, and what was acknowledged is there.
"""
import contextlib
import os
import sys

import faults_support as fs
from faults_support import gs

LIMIT_BYTES = 64 << 20  # more than is needed
LIMIT_STEP = 64 << 10
ROUNDS = int(os.environ.get("FAULT_ROUNDS", "3"))


def write(path, text):
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def read_words(path):
    with open(path, encoding="ascii") as file:
        return file.read().split()


class Group:
    """A control group of the test's own beside the one it is in, of version 1 or 2."""

    def __init__(self):
        with open("/proc/self/cgroup", encoding="ascii") as file:
            lines = [line.strip().split(":", 2) for line in file]
        paths = {kinds: path for _, kinds, path in lines}
        self.is_first = "memory" in paths
        above = "/sys/fs/cgroup" + ("/memory" + paths["memory"] if self.is_first else paths[""])
        self.above, self.folder = above, os.path.join(above, f"grove-test-{os.getpid()}")
        os.mkdir(self.folder)
        self.limit_file = os.path.join(self.folder, "memory.limit_in_bytes" if self.is_first else "memory.max")

    def limit(self, size_bytes):
        """False where that much cannot be taken away: version 1 says so, version 2 ends processes until it can."""
        with contextlib.suppress(OSError):
            write(self.limit_file, str(size_bytes))
            return True
        return False

    def limit_now(self):
        return int(read_words(self.limit_file)[0])

    @contextlib.contextmanager
    def inside(self):
        """What is started meanwhile is in the group."""
        write(os.path.join(self.folder, "cgroup.procs"), "0")
        try:
            yield
        finally:
            write(os.path.join(self.above, "cgroup.procs"), "0")

    def remove(self):
        gs.wait_for("the group is empty", self.is_removed)

    def is_removed(self):
        with contextlib.suppress(OSError):
            os.rmdir(self.folder)
        return not os.path.exists(self.folder)


def handicap_of(process):
    return int(read_words(f"/proc/{process}/oom_score_adj")[0])


def can_make_groups():
    try:
        group = Group()
    except OSError:
        return False
    can_limit = group.limit(LIMIT_BYTES)
    group.remove()
    return can_limit


class MemoryGroup(fs.Scarcity):
    def setUp(self):
        self.group = Group()
        self.addCleanup(self.group.remove)
        self.group.limit(LIMIT_BYTES)
        with self.group.inside():
            super().setUp()

    def leave_little(self):
        """The lowest limit that can be had: everything that can be taken back has been."""
        next(size for size in range(LIMIT_STEP, LIMIT_BYTES, LIMIT_STEP) if self.group.limit(size))

    def instances(self, services=None):
        return sum(service.get("generation", 0) for service in (services or self.system.services()).values())

    def test_a_service_is_ended_rather_than_groved(self):
        """As far as it is Linux that chooses: it does by these numbers, and by what each uses."""
        def handicaps():
            services = {name: service.get("process") for name, service in self.system.services().items()}
            return {name: handicap_of(process) for name, process in services.items() if process}

        own = handicap_of(self.system.kernel)
        gs.wait_for("each service has a handicap", lambda: min(handicaps().values()) > own)
        found = handicaps()
        self.assertGreater(found["grid.historian"], found["system.registry"])
        most = self.group.limit_now() * (found["system.registry"] - own) // 1000
        self.assertGreater(most, fs.resident_bytes(self.system.kernel))

    def test_whose_limit_it_was_is_said(self):
        """The group's around all, and not the budget of who was ended: it has none."""
        hog = "held = bytearray(1); held.extend(bytes(1 << 30))"
        with self.group.inside():
            ran = self.system.grove("run", "--", "/usr/bin/python3", "-c", hog, check=False)
            own = self.system.grove("run", "--memory", "24M", "--", "/usr/bin/python3", "-c", hog, check=False)
        self.assertEqual((ran.returncode, own.returncode), (137, 137), ran.stderr + own.stderr)
        self.assertIn("the machine, or the group that this runs in, had no more memory", ran.stderr)
        self.assertIn("more memory than --memory gives", own.stderr)

    def test_what_was_acknowledged_is_there_whatever_was_ended_for_its_memory(self):
        ended = 0
        for _ in range(ROUNDS):
            stored, known, kernel = self.historian()["stored"], self.system.services(), self.system.kernel
            self.leave_little()
            wanted = self.use_everything()
            self.group.limit(LIMIT_BYTES)
            with self.group.inside():
                self.system.grove("up")
            if wanted:  # those that were ended so often that they were given up, until somebody starts them
                self.system.grove("start", *sorted(wanted))
            ended += self.system.kernel != kernel or self.instances() > self.instances(known)
            self.assertLessEqual(set(known) | wanted, set(self.system.services()))
            self.assert_all_is_well(wanted)
            self.assertGreaterEqual(self.historian()["stored"], stored)
            self.system.grove("down", "-p", "extra")
        self.assertGreater(ended, 0, "no process was ended: the limit limits nothing")


if __name__ == "__main__":
    if not can_make_groups():
        print("skipped: no control group with a limit of memory can be made here")
        sys.exit(77)
    gs.main()
