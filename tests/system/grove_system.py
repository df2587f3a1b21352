"""What the system tests share: a Grove system of one's own, and accounts of what it left behind.

Nothing here sleeps for a fixed time: `wait_for` asks again until a deadline, and the deadline is generous, so that a slow
machine is slow and not wrong.
"""
import contextlib
import glob
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

SOURCE = os.path.dirname(os.path.abspath(__file__))
DEADLINE_SECONDS = 60
# How long accounts may take to be as before, and how often what was done is done again where they are not.
SETTLE_SECONDS, AGAIN_AT_MOST = 8, 4
# How the folder of one kernel's control groups is called.
CGROUP_MARK = re.compile("grove-kernel-[0-9a-f]{16}")


def build_folder():
    return os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "build")


def system_services():
    """Short names of the services that make the system, by the manifests that `grove up` compiles; init first."""
    manifests = glob.glob(os.path.join(build_folder(), "servers", "*.yaml"))
    names = sorted(os.path.basename(path)[:-len(".yaml")] for path in manifests)
    return sorted(names, key=lambda name: name != "init")


def mounts():
    with open("/proc/self/mountinfo", encoding="ascii", errors="replace") as lines:
        return sum(1 for _ in lines)


def cgroups(mark):
    """Control groups whose path holds the mark of one kernel; none where it makes none (kernel_mark)."""
    found = set()
    if mark is None:
        return found
    for root, folders, _ in os.walk("/sys/fs/cgroup"):
        found |= {os.path.join(root, name) for name in folders if mark in name}
        folders[:] = [name for name in folders if root.count("/") < 6]
    return found


def kernel_mark(process):
    """How the control groups of the kernel are called to which this service belongs, or None where it has none."""
    with open(f"/proc/{process}/cgroup", encoding="ascii") as file:
        match = CGROUP_MARK.search(file.read())
    return match.group(0) if match else None


def has_ended(process):
    """It is gone, or a zombie. It may go between any two looks at it."""
    try:
        with open(f"/proc/{process}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rsplit(")", 1)[1].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def descendants(process):
    """The process and all below it that are alive."""
    children = {}
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(path, encoding="ascii", errors="replace") as file:
                text = file.read()
        except OSError:
            continue
        number = int(text.split(" ", 1)[0])
        state, parent = text.rsplit(")", 1)[1].split()[:2]
        if state != "Z":
            children.setdefault(int(parent), []).append(number)
    result, todo = set(), [process]
    while todo:
        number = todo.pop()
        result.add(number)
        todo += children.get(number, [])
    return result


def copies_of_kernel(run):
    """Processes that are groved by their command line, for this run folder."""
    found = []
    for process in os.listdir("/proc"):
        try:
            with open(f"/proc/{process}/cmdline", "rb") as file:
                words = file.read().split(b"\0")
        except OSError:
            continue
        if os.path.basename(words[0]) == b"groved" and run.encode() in words and not has_ended(process):
            found.append(process)
    return found


def descriptors(process):
    return len(os.listdir(f"/proc/{process}/fd"))


def wait_for(what, condition, seconds=DEADLINE_SECONDS):
    """Ask until the condition returns something true, and return that."""
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(0.005)


def assert_comes_to_cost_nothing(before, account, again, grown):
    """
    What `grown(before)` tells comes to be nothing: by waiting, or when it is done `again` after another account(). Returns the
    account that was reached.
    """
    told = []

    def is_nothing():
        told[:] = grown(before)
        return not told

    for attempt in range(AGAIN_AT_MOST + 1):
        if attempt > 0:
            before = account()
            again()
        with contextlib.suppress(AssertionError):
            wait_for("all accounts are as before", is_nothing, SETTLE_SECONDS)
            return before
    raise AssertionError(f"more is left each of {attempt + 1} times: {'; '.join(told)}")


def select_readable(stream):
    """Is there something to be read now?"""
    return bool(select.select([stream], [], [], 0)[0])


class System:
    """A kernel with run and state folders of its own. Ends, with everything, in `close`."""

    def __init__(self):
        self.build = build_folder()
        self.folder = tempfile.mkdtemp(prefix="grove-test-")
        self.run, self.state = os.path.join(self.folder, "run"), os.path.join(self.folder, "state")
        # Programs and manifests must be visible to services under user ids of their own.
        os.chmod(self.folder, 0o755)
        self.program = os.path.join(self.build, "userspace", "grove", "grove")
        self.actors = os.path.join(self.build, "musl", "tests", "system")
        self.environment = dict(os.environ)

    def grove(self, *arguments, check=True, timeout=DEADLINE_SECONDS):
        result = subprocess.run([self.program, arguments[0], "--run", self.run, "--state", self.state, *arguments[1:]],
                                stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout,
                                env=self.environment)
        if check and result.returncode != 0:
            raise AssertionError(f"grove {' '.join(arguments)} ended with {result.returncode}:\n{result.stdout}"
                                 f"{result.stderr}\n{self.evidence()}")
        return result

    def json(self, *arguments, **options):
        return json.loads(self.grove(arguments[0], "--json", *arguments[1:], **options).stdout)

    def up(self, project="basic", *options, check=True):
        return self.grove("up", "--set", f"bin={self.actors}", *options, self.project(project), check=check)

    @staticmethod
    def project(name):
        return name if os.path.isabs(name) else os.path.join(SOURCE, "projects", name)

    def write_project(self, name, services):
        """A project made by a test: {service: manifest text}."""
        folder = os.path.join(self.folder, name)
        os.makedirs(os.path.join(folder, "services"), exist_ok=True)
        for old in glob.glob(os.path.join(folder, "services", "*.yaml")):
            os.unlink(old)
        with open(os.path.join(folder, "grove.yaml"), "w", encoding="utf-8") as file:
            file.write(f"name: {name}\nservices: ['services/*.yaml']\n")
        for service, text in services.items():
            with open(os.path.join(folder, "services", service + ".yaml"), "w", encoding="utf-8") as file:
                file.write(f"name: {service}\nversion: 1.0.0\nnative: true\n{text}\n")
        return folder

    def add_system_services(self, services):
        """The next `grove up` starts these, too: {short name: manifest text without name and ring}."""
        folder = os.path.join(self.folder, "system")
        if not os.path.exists(folder):
            os.makedirs(folder)
            for path in glob.glob(os.path.join(self.build, "servers", "*.yaml")):
                shutil.copy(path, folder)
            self.environment["GROVE_MANIFESTS"] = folder
        for name, text in services.items():
            with open(os.path.join(folder, name + ".yaml"), "w", encoding="utf-8") as file:
                file.write(f"name: system.{name}\nring: 1\n{text}\n")

    @property
    def kernel(self):
        with open(os.path.join(self.run, "kernel.pid"), encoding="ascii") as file:
            return int(file.read().split()[0])

    def services(self, *options):
        return {service["name"]: service for service in self.json("ps", *options)}

    def state_of(self, name):
        return self.services().get(name, {}).get("state")

    def wait_for_state(self, name, *states):
        try:
            return wait_for(f"{name} is {' or '.join(states)}", lambda: self.state_of(name) in states and self.state_of(name))
        except AssertionError as problem:
            known = self.services().get(name, {})
            raise AssertionError(f"{problem}; it is {known.get('state')}: {known.get('reason')}") from problem

    def call(self, service, method, *arguments, **options):
        return self.json("call", service, method, *arguments, **options)

    def family(self):
        """The kernel's process and all below it; nothing once the kernel has ended, which leaves an empty file."""
        try:
            return descendants(self.kernel)
        except (OSError, IndexError):
            return set()

    def wait_until_booted(self):
        """`grove up` waits for what it brings up; system services of later phases may still be starting."""
        wait_for("all system services are ready", lambda: self.json("boot").get("kernel_ready_ns"))

    def kill_kernel(self):
        process = self.kernel
        family = descendants(process)
        os.kill(process, signal.SIGKILL)
        wait_for("the kernel is gone", lambda: has_ended(process))
        self.assert_no_copy_of_the_kernel()
        return family

    def assert_no_copy_of_the_kernel(self):
        """
        A child of the kernel that outlives it holds its sockets open, and nobody who is connected sees its end. A command that runs
        beside may have started the next kernel already, which is none, nor are its own children.
        """
        def are_gone():
            copies = {int(process) for process in copies_of_kernel(self.run)}
            with contextlib.suppress(OSError, IndexError, ValueError):
                kernel = self.kernel
                if not has_ended(kernel):
                    copies -= {kernel} | {int(process) for process in descendants(kernel)}
            return not copies
        wait_for("no child of the dead kernel holds what was the kernel's", are_gone)

    def evidence(self):
        text = []
        for path in glob.glob(os.path.join(self.state, "groved.log")):
            with open(path, encoding="utf-8", errors="replace") as file:
                text.append(f"groved.log: {file.read()}")
        for name in system_services():
            result = subprocess.run([self.program, "logs", "--run", self.run, "--state", self.state, "-n", "20",
                                     f"system.{name}"], capture_output=True, text=True, timeout=30, check=False)
            text.append(f"{name}: {result.stdout}{result.stderr}")
        return "\n".join(text)

    def close(self):
        try:
            family = self.family()
            self.grove("down", "--all", check=False)
            for process in family:
                if os.path.exists(f"/proc/{process}"):
                    try:
                        os.kill(process, signal.SIGKILL)
                    except ProcessLookupError:
                        pass
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)


class SystemTest(unittest.TestCase):
    """A test with a system of its own, and with the accounts of the machine compared before and after."""

    def setUp(self):
        self.mounts = mounts()
        self.system = System()
        self.addCleanup(self.system.close)

    def binding(self):
        """libgrove's Python binding, over the library of this build."""
        sys.path.insert(0, os.path.join(self.system.build, "..", "lib", "python"))
        os.environ["GROVE_LIBRARY"] = os.path.join(self.system.build, "lib", "libgrove.so.1")
        import grove
        import grove.bus
        return grove

    def session(self):
        return self.binding().Session(os.path.join(self.system.run, "kernel.sock"))

    def settled_descriptors(self):
        """What an instance leaves is held a moment longer than its end is told: two counts in a row agree when it is gone."""
        self.system.wait_until_booted()
        counts = [self.own_descriptors()]
        wait_for("the descriptors come to rest",
                    lambda: counts.append(self.own_descriptors()) or counts[-1] == counts[-2])
        return counts[-1]

    def assert_descriptors_return(self, before, again, exactly=False):
        """
        The kernel has as many descriptors as before, or comes to have. A service opens some channels for good when it first
        needs them, and that may be at any time: then it is done `again`, until it costs nothing. A leak costs each time.
        `exactly`: fewer than before are as wrong.
        """
        assert_comes_to_cost_nothing(
            before, self.settled_descriptors, again,
            lambda before: [f"{now} descriptors, and {before} before" for now in [self.own_descriptors()]
                            if now > before or (exactly and now < before)])

    def own_descriptors(self):
        """Without those of children prepared for coming starts: a process, its set-up socket, its group of version 2."""
        kernel = self.system.json("doctor", check=False)
        return descriptors(self.system.kernel) - kernel["prepared"] * (3 if kernel["cgroup_version"] == 2 else 2)

    def accounts(self):
        """What must be gone after the end: to be taken while the system runs."""
        services = [service["process"] for service in self.system.services().values() if service.get("process")]
        marks = {kernel_mark(process) for process in services} - {None}
        self.assertTrue(marks or os.geteuid() != 0, "no service is in a control group: they are called otherwise by now")
        return descendants(self.system.kernel), marks

    def assert_nothing_is_left(self, accounts):
        """No process, no control group of theirs, no mount more than before."""
        family, marks = accounts
        wait_for("all processes have ended", lambda: not [process for process in family if not has_ended(process)])
        for mark in marks:
            wait_for("the control groups are gone", lambda mark=mark: not cgroups(mark))
        # Others on this machine mount as well, for a while: what must not be is that one stays.
        wait_for("no more mounts than before", lambda: mounts() <= self.mounts)


def share_of_tests(share):
    """The tests of the program, or with "1/2" every second of them: the shares may run beside each other."""
    found = unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"])
    tests = [test for of_class in found for test in of_class]
    number, count = (int(word) for word in share.split("/"))
    if number > min(count, len(tests)):
        raise ValueError(f"{share}: there are {len(tests)} tests")
    return unittest.TestSuite(tests[number - 1::count])


def main():
    build = build_folder()
    if not os.path.exists(os.path.join(build, "musl", "tests", "system", "actor")):
        print(f"{build}/musl is not built: the services of the tests are missing")
        sys.exit(1)
    if len(sys.argv) > 2:
        sys.exit(not unittest.TextTestRunner(verbosity=2).run(share_of_tests(sys.argv[2])).wasSuccessful())
    unittest.main(argv=[sys.argv[0], "-v"], verbosity=2)
