"""Logs: twenty services write ten thousand lines a second together; then the same while whoever reads stands still.

Of the log service: the processor time a line takes, and its memory. Of the writers: how many lines found no room. Then how fast
all of it is read. The raw limit beside it: the same bytes from twenty pipes into twenty files by `cat`.
"""
import json
import os
import signal
import subprocess
import time

from .common import BUILD, GROVE, Kernel, wait_until

WRITERS, RATE, SECONDS = 20, 500, 3
WRITER = os.path.join(BUILD, "musl", "bench", "bench-writer")


def processor_seconds(process):
    with open(f"/proc/{process}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def proportional_kib(process):
    with open(f"/proc/{process}/smaps_rollup", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Pss:"))


def write_project(folder, name):
    project = os.path.join(folder, name)
    os.makedirs(project)
    names = [f"writer{number}" for number in range(WRITERS)]
    with open(os.path.join(project, "grove.yaml"), "w", encoding="utf-8") as file:
        file.write(f"name: {name}\nservices: [{', '.join(one + '.yaml' for one in names)}]\n")
    for one in names:
        with open(os.path.join(project, one + ".yaml"), "w", encoding="utf-8") as file:
            file.write(f"name: {one}\nversion: 1.0.0\nnative: true\nexec: [\"{WRITER}\", \"{RATE}\", \"{RATE * SECONDS}\"]\n")
    return project, [f"{name}.{one}" for one in names]


def logs(kernel, *arguments):
    return kernel.grove("logs", "--json", *arguments).splitlines()


def lost_of(kernel, names):
    """The sum of what the writers lost, when all have said so."""
    wait_until("the end of all writers", lambda: len(logs(kernel, "--grep", "message=done", *names)) == WRITERS)
    return sum(int(json.loads(line)["fields"]["lost"]) for line in logs(kernel, "--grep", "message=done", *names))


def run_writers(kernel, name, follower=None):
    log = kernel.services()
    log = next(one["process"] for one in log if one["name"] == "system.log")
    project, names = write_project(kernel.folder, name)
    before = processor_seconds(log)
    kernel.grove("up", project)
    if follower is not None:
        follower.send_signal(signal.SIGSTOP)
    time.sleep(SECONDS + 0.5)
    spent = processor_seconds(log) - before
    result = {"lost": lost_of(kernel, names), "processor_us_a_line": spent * 1e6 / (WRITERS * RATE * SECONDS),
              "memory_kib": proportional_kib(log)}
    begun = time.monotonic()
    kept = sum(1 for line in logs(kernel, *names) if '"number"' in line)
    result["read_lines_per_s"] = kept / (time.monotonic() - begun)
    result["missing"] = WRITERS * RATE * SECONDS - kept - result["lost"]
    return result


def raw(folder):
    """Children of this process count what all the `cat`s took."""
    line = b"level=info message=\"a line such as services write, with a number and a few words more\" number=1234\n"
    before = os.times()
    cats = []
    for number in range(WRITERS):
        with open(os.path.join(folder, f"raw{number}"), "wb") as file:
            cats.append(subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=file, bufsize=0))
    for _ in range(SECONDS * 100):
        for cat in cats:
            cat.stdin.write(line * (RATE // 100))
        time.sleep(0.01)
    for cat in cats:
        cat.stdin.close()
        cat.wait()
    after = os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    return {"processor_us_a_line": spent * 1e6 / (WRITERS * RATE * SECONDS)}


def measure(folder):
    results = {}
    with Kernel(folder) as kernel:
        results["grove"] = run_writers(kernel, "even")
        environment = dict(os.environ, **kernel.environment)
        follower = subprocess.Popen([GROVE, "logs", "-f"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            results["grove, a reader that stands still"] = run_writers(kernel, "still", follower)
        finally:
            follower.kill()
            follower.wait()
            follower.stdout.close()
    results["raw: cat into files"] = raw(folder)
    return results
