"""What the tests of scarcity share: the grid with a project beside it, limits put on a process that runs, accounts."""
import contextlib
import os
import resource
import struct
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.dirname(HERE)
for folder in ("system", "grid", "kernel"):
    sys.path.insert(0, os.path.join(TESTS, folder))
import grid_support as grid  # noqa: E402
import grid_test  # noqa: E402
import grove_system as gs  # noqa: E402
import port as kernel_port  # noqa: E402

POOLS = ("containers", "endpoints", "channels", "regions", "projects", "capabilities", "text", "pending")
POOLS_OFFSET = 8 * 6 + 8  # in struct grove_kernel_record
ANSWER_SECONDS = 30  # no command may take longer, whatever is missing


def size_of_address_space(process):
    with open(f"/proc/{process}/statm", encoding="ascii") as file:
        return int(file.read().split()[0]) * os.sysconf("SC_PAGESIZE")


def resident_bytes(process):
    with open(f"/proc/{process}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def lowest_free_descriptor(process):
    taken = {int(number) for number in os.listdir(f"/proc/{process}/fd")}
    return next(number for number in range(len(taken) + 1) if number not in taken)


# What a process has of each when nothing more is to be had.
LIMITS = {"descriptors": (resource.RLIMIT_NOFILE, lowest_free_descriptor),
          "memory": (resource.RLIMIT_AS, size_of_address_space)}


def owner(process):
    with open(f"/proc/{process}/status", encoding="ascii") as file:
        fields = dict(line.split(":", 1) for line in file if line.startswith(("Uid", "Gid")))
    return int(fields["Uid"].split()[0]), int(fields["Gid"].split()[0])


def set_limit(process, limit, values):
    """As the user of the process, who may always set it: root may not on every machine. Whether it worked."""
    with contextlib.suppress(OSError):
        user, group = owner(process)
        child = os.fork()
        if child == 0:
            status = 1
            try:
                if (user, group) != (os.geteuid(), os.getegid()):
                    os.setgroups([])
                    os.setresgid(group, group, group)
                    os.setresuid(user, user, user)
                resource.prlimit(process, limit, values)
                status = 0
            finally:
                os._exit(status)
        return os.waitpid(child, 0)[1] == 0
    return False


def limits_of(process, limit):
    name = {resource.RLIMIT_NOFILE: "Max open files", resource.RLIMIT_AS: "Max address space"}[limit]
    with open(f"/proc/{process}/limits", encoding="ascii") as file:
        line = next(line for line in file if line.startswith(name))
    return tuple(resource.RLIM_INFINITY if word == "unlimited" else int(word) for word in line[len(name):].split()[:2])


@contextlib.contextmanager
def nothing_left(process, kind, reserve=0):
    """The process keeps what it has and gets no more of it, or not much."""
    limit, has = LIMITS[kind]
    before = limits_of(process, limit)
    scarce = has(process) + reserve
    if not set_limit(process, limit, (scarce, before[1])):
        raise AssertionError(f"process {process} cannot be limited")
    try:
        yield
    finally:
        set_limit(process, limit, before)


class Scarcity(grid_test.Grid):
    """The grid and the small project of the system tests, and accounts of all objects of the kernel."""

    refused = 0  # commands that failed and said why

    def setUp(self):
        super().setUp()
        self.up()
        self.system.up()
        self.wait_for_readings(12)

    def process_of(self, name):
        return self.system.kernel if name == "groved" else self.system.services()[name]["process"]

    def objects(self):
        """How many of each there are in the kernel."""
        with contextlib.closing(kernel_port.Port(os.path.join(self.system.run, "kernel.sock"))) as port:
            record = port.kernel_record()
        return {name: struct.unpack_from("<I", record, POOLS_OFFSET + 8 * index)[0] for index, name in enumerate(POOLS)}

    def account(self):
        services = self.system.services()
        descriptors = {name: gs.descriptors(service["process"]) for name, service in services.items()
                       if service.get("process")}
        descriptors["groved"] = gs.descriptors(self.system.kernel)
        return {"objects": self.objects(), "descriptors": descriptors, "mounts": gs.mounts(),
                "groups": len(gs.cgroups(gs.kernel_mark(services["grid.alarm"]["process"]))),
                "processes": len(gs.descendants(self.system.kernel))}

    # Prepared children of the kernel come and go: two of them, with two descriptors and one process each, and so do the
    # sessions of the commands that ask.
    SLACK = {"objects": 4, "descriptors": 6, "mounts": 0, "groups": 2, "processes": 3}

    def is_as_before(self, before):
        """Nothing is more than it was."""
        now = self.account()
        self.grown = []
        for what, slack in self.SLACK.items():
            pairs = {what: (before[what], now[what])} if isinstance(now[what], int) else \
                {name: (before[what].get(name, 0), count) for name, count in now[what].items()}
            self.grown += [f"{what} {name}: {was} before, {count} now" for name, (was, count) in pairs.items()
                           if count > was + slack]
        return not self.grown

    def grown_since(self, before):
        self.is_as_before(before)
        return self.grown

    def assert_as_before(self, before, again):
        """`again` does once more what was done since: see gs.assert_comes_to_cost_nothing."""
        return gs.assert_comes_to_cost_nothing(before, self.account, again, self.grown_since)

    def attempt(self, *arguments):
        """A command that may fail, but then says why, and not by a signal."""
        result = self.system.grove(*arguments, check=False, timeout=ANSWER_SECONDS)
        self.assertIn(result.returncode, (0, 1, 2), f"{arguments}: {result.returncode}\n{result.stdout}{result.stderr}")
        if result.returncode != 0:
            self.refused += 1
            said = result.stderr.strip()
            self.assertRegex(said, r"grove[^:]*: \S", f"{arguments} failed without a word")
            self.assertNotIn("no call of this thread has failed", said)
        return result

    def use_everything(self):
        """What people and services ask of a system; each may be refused while something is missing. What was answered
        with yes is returned: the services that are to be there afterwards."""
        wanted = set()
        extra = self.system.write_project("extra", {
            name: f'exec: ["{self.system.actors}/actor", echo, {name}]\nprovides: [{name}]' for name in ("one", "two")})
        if self.attempt("up", "--timeout", "5s", extra).returncode == 0:
            wanted |= {"extra.one", "extra.two"}
        for command in (("ps",), ("status", "grid.historian"), ("restart", "--timeout", "5s", "basic.talker"), ("why", "basic.talker"),
                        ("logs", "-n", "5", "grid.acquire"), ("call", "basic.talker", "say", "scarce", "--timeout", "5s"),
                        ("call", "grid.historian", "counts", "--timeout", "5s"),
                        ("call", "grid.protect", "status", "--timeout", "5s"),
                        ("call", "grid.acquire", "status", "--timeout", "5s"),
                        ("call", "grid.alarm", "list", "--timeout", "5s"), ("stop", "--timeout", "5s", "basic.talker"),
                        ("start", "--timeout", "5s", "basic.talker")):
            self.attempt(*command)
        return wanted

    def assert_all_is_well(self, wanted=()):
        for name in grid_test.USER_SERVICES:
            self.system.wait_for_state(f"grid.{name}", "ready")
        for name in wanted:
            self.system.wait_for_state(name, "ready")
        self.system.up()
        self.assertEqual(self.system.call("basic.echo", "say", "again")["words"], "again")
        self.wait_for_readings(60)
        self.assertEqual((self.historian()["missing"], self.historian()["damaged"]), (0, 0))
        self.assertEqual(self.protect()["missing"], 0)
        self.summary()
