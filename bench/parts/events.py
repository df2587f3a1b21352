"""Events that are durable, and events that wake: a durable publication by one publisher and with 64 under way, beside Redis
(append-only file, always), etcd and the raw disk; and from an event to its handler, asleep, beside a raw hand-over by futex.

All write to the same file system, in turn, three times over; each figure is the median of the three."""
import subprocess

from .common import Kernel, Unavailable, measured, program
from .store import PASSES, etcd, in_folder, median, redis


def measure(folder):
    passes = {}
    with Kernel(folder) as kernel:
        measures = {
            "grove": lambda: measured([program("bus-durable-bench"), in_folder(folder, "durable")], kernel.environment) |
            {"handover_" + name: value for name, value in
             measured([program("bus-handover-bench")], kernel.environment).items()},
            "redis": lambda: redis(folder), "etcd": lambda: etcd(folder)}
        for _ in range(PASSES):
            for name, one in measures.items():
                try:
                    passes.setdefault(name, []).append(one())
                except (Unavailable, OSError, subprocess.TimeoutExpired) as reason:
                    passes[name] = [{"unavailable": str(reason)}]
    results = {}
    for name, figures in passes.items():
        results[name] = figures[0] if "unavailable" in figures[-1] else {
            figure: median([one[figure] for one in figures]) for figure in figures[0]}
    ours = results["grove"]
    if "raw" in ours:
        raw = ours.pop("raw")
        results["raw"] = {"one_writer": raw, "many_writers": raw, "to_handler_ns": ours.pop("handover_raw")}
        ours["to_handler_ns"] = ours.pop("handover_to_handler_ns")
    return results
