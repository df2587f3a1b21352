"""Idle: memory and wake-ups of the system and of services that nobody calls."""
import os
import time

from .common import Kernel


def proportional_bytes(process):
    with open(f"/proc/{process}/smaps_rollup", encoding="utf-8") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("Pss:"))


def voluntary_switches(process):
    with open(f"/proc/{process}/status", encoding="utf-8") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("voluntary_ctxt_switches"))


def kernel_process(kernel):
    with open(os.path.join(kernel.environment["GROVE_RUN"], "kernel.pid"), encoding="utf-8") as file:
        return int(file.read().split()[0])


SETTLES_SECONDS = 15  # the end of the start, and its records written to the disk
SECONDS = 30  # some look around each ten


def measure(folder):
    with Kernel(folder) as kernel:
        groved = kernel_process(kernel)
        processes = {"groved": groved}
        for service in kernel.services():
            if service.get("process"):
                processes[service["name"]] = service["process"]
        time.sleep(SETTLES_SECONDS)
        before = {name: voluntary_switches(process) for name, process in processes.items()}
        time.sleep(SECONDS)
        results = {name: {"pss_bytes": proportional_bytes(process),
                          "wakeups_per_s": (voluntary_switches(process) - before[name]) / SECONDS}
                   for name, process in processes.items()}
    platform = [figures for name, figures in results.items() if name == "groved" or name.startswith("system.")]
    results["platform"] = {figure: sum(one[figure] for one in platform) for figure in platform[0]}
    results["limit"] = {"pss_bytes": 14 << 20, "wakeups_per_s": 1}
    return results
