"""What all parts share: where the programs are, how a benchmark program is run, and a Grove to measure."""
import contextlib
import json
import os
import shutil
import socket
import subprocess
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get("BUILD", os.path.join(ROOT, "build")))
GROVE = os.path.join(BUILD, "grove")
ECHO = os.path.join(BUILD, "musl", "bench", "bench-echo")
DEADLINE = 120


class Unavailable(Exception):
    """A peer that cannot be measured on this machine; says why."""


def program(*path):
    return os.path.join(BUILD, "bench", *path)


def measured(command, environment=None):
    """Run a benchmark program and read the JSON line it prints."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=DEADLINE,
                          env=dict(os.environ, **(environment or {})), check=False)
    if done.returncode != 0:
        raise Unavailable((done.stderr.strip().splitlines() or ["it failed"])[-1])
    return json.loads(done.stdout.strip().splitlines()[-1])


def measure_peers(results, measures):
    """Add what each peer's function measures to the results, or the reason why it does not run here."""
    for name, measure in measures.items():
        try:
            results[name] = measure()
        except (Unavailable, OSError, subprocess.TimeoutExpired) as reason:
            results[name] = {"unavailable": str(reason)}
    return results


def wanted(name):
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if path is None:
        raise Unavailable(f"{name} is not installed")
    return path


def wait_until(what, condition):
    end = time.monotonic() + 20
    while not condition():
        if time.monotonic() > end:
            raise Unavailable(f"{what} did not come up")
        time.sleep(0.02)


@contextlib.contextmanager
def served(name, command, port):
    """A server that listens on a port of the loopback, and is ended afterwards."""
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        def answers():
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        wait_until(name, answers)
        yield
    finally:
        server.terminate()
        server.wait()


@contextlib.contextmanager
def one_processor():
    """Everything that is started inside is held to one: across two, what is measured is who was asleep where."""
    processors = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(processors)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, processors)


class Kernel:
    """A Grove of our own, in folders of our own, with the system services."""

    def __init__(self, folder, *options):
        self.options = options
        self.environment = {"GROVE_RUN": os.path.join(folder, "run"), "GROVE_STATE": os.path.join(folder, "state"),
                            "GROVE_SOCKET": os.path.join(folder, "run", "kernel.sock")}
        self.folder = folder

    def grove(self, *arguments, check=True):
        return subprocess.run([GROVE, *arguments], env=dict(os.environ, **self.environment), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=DEADLINE, check=check).stdout

    def __enter__(self):
        project = os.path.join(self.folder, "bench")
        os.makedirs(project)
        with open(os.path.join(project, "grove.yaml"), "w", encoding="utf-8") as file:
            file.write("name: bench\nservices: [echo.yaml]\n")
        with open(os.path.join(project, "echo.yaml"), "w", encoding="utf-8") as file:
            file.write(f"name: echo\nversion: 1.0.0\nnative: true\nexec: [\"{ECHO}\"]\n"
                       "provides:\n  - name: echo\n    version: 1.0.0\nrestart: {give-up: 0, delay: 1us, factor: 1}\n")
        self.grove("up", *self.options, project)
        return self

    def __exit__(self, *_):
        self.grove("down", "--all", check=False)

    def services(self):
        return json.loads(self.grove("ps", "--json"))
