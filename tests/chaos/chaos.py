#!/usr/bin/python3
"""The matrix fault x service: each cell runs a load, makes the fault, lifts it, and looks at what is left.

    chaos.py BUILD [--short] [--services a,b] [--faults 'kill -9,disk full'] [--write docs/survivability.md]

A cell holds when nothing acknowledged is lost and nothing is there twice (the load says so), the service is back within the
bound, and every account of the system is as it was. The bound is relative: BACK_TIMES as long as the service takes after a
plain kill without any load, and the longest delay that its manifest allows between two restarts, and the deadline of one
operation that was under way.

--short tries one cell for each service, in which each fault is tried at least once (SHORT).
"""
import argparse
import contextlib
import glob
import importlib.util
import os
import re
import socket
import struct
import subprocess
import sys
import threading
import time

import chaos_faults
import chaos_load
from chaos_load import gs

sys.path.insert(0, os.path.join(os.path.dirname(chaos_load.HERE), "kernel"))
import port as kernel_port  # noqa: E402

OPERATIONS = 3  # acknowledged ones that show that a service is back
BACK_TIMES = 20
POOLS = ("containers", "endpoints", "channels", "regions", "projects", "capabilities", "text", "pending")
POOLS_OFFSET = 8 * 6 + 8  # in struct grove_kernel_record
# Prepared children of the kernel come and go, with two descriptors each, and so do the sessions of the commands that ask.
# Text is counted in bytes: the name of each channel more takes some.
TEXT_BYTES = 64
SLACK = {"objects": 4, "descriptors": 6, "mounts": 0, "groups": 2, "processes": 3}
KERNEL = "kernel"  # groved itself, as one more service
BEGIN, END = "<!-- chaos: begin -->", "<!-- chaos: end -->"


def load_class(service):
    """The plug-in of a service, or the one for any."""
    path = os.path.join(chaos_load.HERE, "loads", f"{service}.py")
    if not os.path.exists(path):
        path = os.path.join(chaos_load.HERE, "loads", "any.py")
    spec = importlib.util.spec_from_file_location(f"load_{service}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Load


def account(system):
    """What the system has of everything."""
    services = system.services()
    with contextlib.closing(kernel_port.Port(os.path.join(system.run, "kernel.sock"))) as port:
        record = port.kernel_record()
    processes = [service["process"] for service in services.values() if service.get("process")]
    marks = {gs.kernel_mark(process) for process in processes} - {None}
    return {"objects": {name: struct.unpack_from("<I", record, POOLS_OFFSET + 8 * index)[0]
                        for index, name in enumerate(POOLS)},
            "descriptors": {"groved": gs.descriptors(system.kernel),
                            **{name: gs.descriptors(service["process"]) for name, service in services.items()
                               if service.get("process")}},
            "mounts": {"all": gs.mounts()}, "groups": {"all": sum(len(gs.cgroups(mark)) for mark in marks)},
            "processes": {"all": len(gs.descendants(system.kernel))}}


def grown(before, now):
    """What is more than it was, beyond the slack."""
    return [f"{what} {name}: {before[what].get(name, 0)} before, {count} now" for what, slack in SLACK.items()
            for name, count in now[what].items()
            if count > before[what].get(name, 0) + (slack * TEXT_BYTES if name == "text" else slack)]


class Driver(threading.Thread):
    """Steps of a load, one after the other, until it is stopped."""

    def __init__(self, load):
        super().__init__(daemon=True)
        self.load, self.is_stopped = load, False
        self.acknowledged = []  # when each acknowledged step began
        self.unanswered = 0
        self.breakdown = None
        self.start()

    def run(self):
        while not self.is_stopped:
            begun = time.monotonic()
            try:
                self.load.step()
                self.acknowledged.append(begun)
            except chaos_load.Unanswered as problem:
                self.unanswered += 1
                self.refusal = str(problem)
                time.sleep(0.005)
            except Exception as problem:  # noqa: BLE001: told as the cell's result
                self.breakdown = f"{type(problem).__name__}: {problem}"
                return

    def since(self, moment):
        return sum(1 for begun in self.acknowledged if begun >= moment)

    def await_operations(self, moment, seconds):
        """How long after `moment` as many steps as are asked for, begun after it, were acknowledged; None: not in time."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not self.breakdown:
            if self.since(moment) >= OPERATIONS:
                return time.monotonic() - moment
            time.sleep(0.002)
        return None

    def stop(self):
        self.is_stopped = True
        self.join(timeout=gs.DEADLINE_SECONDS)
        if self.is_alive():
            self.breakdown = "an operation never ended"


def gateways():
    """Services that are there when they are asked for, with an address at which they listen."""
    manifests = glob.glob(os.path.join(gs.build_folder(), "servers", "gateways", "*.yaml"))
    return sorted(os.path.basename(path)[:-len(".yaml")] for path in manifests)


def start_gateways(system, services):
    """They can be chosen only before the system runs: {name: port} is left in the system for the loads."""
    system.gateways = {}
    with contextlib.ExitStack() as held:
        for name in set(services) & set(gateways()):
            probe = held.enter_context(socket.socket())
            probe.bind(("127.0.0.1", 0))
            system.gateways[name] = probe.getsockname()[1]
    words = [word for name, port in system.gateways.items() for word in ("--gateway", f"{name}=127.0.0.1:{port}")]
    system.grove("up", *words)


@contextlib.contextmanager
def small_system(no_mounts, services):
    """A system whose state is on a small disk of its own, where such a one can be had."""
    system = gs.System()
    if not no_mounts:
        os.mkdir(system.state)
        size = f"size={chaos_faults.DISK_BYTES},mode=755"
        subprocess.run(["mount", "-t", "tmpfs", "-o", size, "none", system.state], check=True)
    try:
        start_gateways(system, services)
        yield system
    finally:
        system.close()
        if not no_mounts:
            subprocess.run(["umount", "-l", system.state], check=False, capture_output=True)


class Stage:
    """One service of a system, under its load."""

    def __init__(self, system, service, no_mounts):
        self.system, self.service, self.no_disk = system, service, no_mounts
        self.is_of_kernel = service == KERNEL
        self.no_tracing = None if os.geteuid() == 0 else "it takes root to trace a process of another user"
        self.load = load_class(service)(system)
        self.load.begin()
        self.plain = self.measure_plain_kill()
        # What the checks themselves open for good (channels, files) is there before anything is counted.
        self.first_problems = self.load.problems()
        self.load.end()

    def entry(self, service=None):
        """What is known of a system service without asking one that may be the victim: its process, or None."""
        result = self.system.grove("ps", "--json", check=False)
        entries = gs.json.loads(result.stdout) if result.returncode == 0 else []
        return next((entry for entry in entries if entry["name"] == f"system.{service or self.service}"), {})

    def process_of(self, service):
        if service == KERNEL:
            return self.system.kernel
        return gs.wait_for(f"{service} has a process", lambda: self.entry(service).get("process"))

    def is_ready(self):
        return self.is_of_kernel or self.entry().get("state") == "ready"

    def measure_plain_kill(self):
        """Seconds from kill -9, with nothing else going on, to a service that answers. Nobody restarts the kernel."""
        before = self.process_of(self.service)
        begun = time.monotonic()
        if not self.is_of_kernel:
            os.kill(before, chaos_faults.signal.SIGKILL)
            gs.wait_for("it is back", lambda: self.is_ready() and self.entry().get("process") != before)
        for _ in range(OPERATIONS):
            self.load.answered(self.load.step)
        return time.monotonic() - begun

    def longest_delay(self):
        if self.is_of_kernel:
            return 0.0
        folder = "servers/gateways" if self.service in gateways() else "servers"
        path = os.path.join(gs.build_folder(), folder, f"{self.service}.yaml")
        with open(path, encoding="utf-8") as file:
            found = re.search(r"delay-cap: *([0-9.]+)(ms|s|m)\b", file.read())
        # The kernel restarts init after five seconds at most; thirty are the default of a manifest.
        if not found:
            return 5.0 if self.service == "init" else 30.0
        return float(found.group(1)) * {"ms": 0.001, "s": 1, "m": 60}[found.group(2)]

    def bound(self):
        return BACK_TIMES * self.plain + self.longest_delay() + chaos_load.CALL_SECONDS

    def settle(self, before):
        """Whether all accounts come to be as before; what has grown if not."""
        left = ["not looked at"]

        def is_as_before():
            left[:] = grown(before, account(self.system))
            return not left
        with contextlib.suppress(AssertionError):
            gs.wait_for("accounts", is_as_before, seconds=30)
        return left

    def try_fault(self, kind):
        """One cell: (result in words, problems)."""
        obstacle = kind.obstacle(self)
        if obstacle:
            return f"not here: {obstacle}", []
        before = account(self.system)
        driver = Driver(self.load)
        bound, problems, self.first_problems = self.bound(), self.first_problems, []
        if driver.await_operations(time.monotonic(), gs.DEADLINE_SECONDS) is None:
            problems.append("the load did not begin: " + (driver.breakdown or getattr(driver, "refusal", "")))
        with kind(self, self.service) as fault:
            chaos_faults.wait(fault)
        lifted = time.monotonic()
        back = driver.await_operations(lifted, bound)
        driver.stop()
        if driver.breakdown:
            problems.append(driver.breakdown)
        if back is None:
            problems.append(f"not back within {bound:.1f} s: {getattr(driver, 'refusal', '')}")
        try:
            gs.wait_for("the service is ready", self.is_ready)
            problems += self.load.problems()
            self.load.end()
            problems += self.settle(before)
        except AssertionError as problem:
            problems.append(str(problem))
        words = f"{back:.2f} s" if back is not None else "not back"
        if fault.met == 0:
            words += ", never met"
        return words + (f", {driver.unanswered} unanswered" if driver.unanswered else ""), problems


# ---- the matrix -------------------------------------------------------------------------------------------------------


# The short run: one cell for each service, a fault that this one meets and that the others do not try.
SHORT = {"init": "delayed wake-ups", "bus": "clock jump", "config": "disk full", "health": "disk error", "hooks": "stop 2 s",
         "log": "memory limit", "registry": "descriptor limit", "reincarnation": "kill -9", "resource": "kill -9",
         "store": "slow disk", "nats": "dropped wake-ups", "metrics": "delayed wake-ups", KERNEL: "memory limit"}


def cells(services, faults, is_short):
    """{service: faults to try with it}."""
    if not is_short:
        return {service: faults for service in services}
    named = {kind.name: kind for kind in faults}
    chosen = {service: [named.get(SHORT.get(service), faults[0])] for service in services}
    tried = {kinds[0] for kinds in chosen.values()}
    for index, kind in enumerate(kind for kind in faults if kind not in tried):
        chosen[services[index % len(services)]].append(kind)
    return chosen


def try_service(system, service, faults, no_mounts):
    results = {}
    stage = Stage(system, service, no_mounts)
    for kind in faults:
        words, problems = stage.try_fault(kind)
        results[service, kind.name] = (words, problems)
        print(f"{'FAILED' if problems else 'ok':<6}  {service:<14} {kind.name:<18} {words}", flush=True)
        for problem in problems:
            print(f"        {problem}", flush=True)
        if problems:
            print(system.evidence(), flush=True)
    return results


def run(chosen, no_mounts, is_short):
    """{(service, fault name): (words, problems)}; says each as it comes. The long run has a system for each service."""
    results = {}
    if is_short:
        with small_system(no_mounts, chosen) as system:
            for service, faults in chosen.items():
                results.update(try_service(system, service, faults, no_mounts))
        return results
    for service, faults in chosen.items():
        with small_system(no_mounts, [service]) as system:
            results.update(try_service(system, service, faults, no_mounts))
    return results


def table(services, faults, results):
    lines = ["| fault | " + " | ".join(services) + " |", "| --- |" + " --- |" * len(services)]
    for kind in faults:
        row = []
        for service in services:
            words, problems = results.get((service, kind.name), ("-", []))
            row.append(f"**{problems[0]}**" if problems else words)
        lines.append(f"| {kind.name} | " + " | ".join(row) + " |")
    return "\n".join(lines)


def write(path, text):
    with open(path, encoding="utf-8") as file:
        document = file.read()
    head, rest = document.split(BEGIN)
    with open(path, "w", encoding="utf-8") as file:
        file.write(head + BEGIN + "\n" + text + "\n" + END + rest.split(END)[1])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--services")
    parser.add_argument("--faults")
    parser.add_argument("--write")
    options = parser.parse_args()
    services = options.services.split(",") if options.services else gs.system_services() + gateways() + [KERNEL]
    names = options.faults.split(",") if options.faults else [kind.name for kind in chaos_faults.ALL]
    faults = [kind for kind in chaos_faults.ALL if kind.name in names]
    results = run(cells(services, faults, options.short), chaos_faults.own_mounts(), options.short)
    failed = [cell for cell, (_, problems) in results.items() if problems]
    if options.write and not failed:
        write(options.write, table(services, faults, results))
    print(f"{len(results)} cells, {len(failed)} failed")
    return 1 if failed or not results else 0


if __name__ == "__main__":
    sys.exit(main())
