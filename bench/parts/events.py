"""Events that are durable, and events that wake: a durable publication by one publisher and with 64 under way, beside Redis
(append-only file, always), etcd and the raw disk; and from an event to its handler, asleep, beside a raw hand-over by futex.

All write to the same file system, in turn, three times over; each figure is the median of the three."""
from .common import Kernel, measured, program
from .store import etcd, in_folder, in_turn, redis


def measure(folder):
    with Kernel(folder) as kernel:
        results = in_turn({
            "grove": lambda: measured([program("bus-durable-bench"), in_folder(folder, "durable")], kernel.environment) |
            {"handover_" + name: value for name, value in
             measured([program("bus-handover-bench")], kernel.environment).items()},
            "redis": lambda: redis(folder), "etcd": lambda: etcd(folder)})
    ours = results["grove"]
    if "raw" in ours:
        raw = ours.pop("raw")
        results["raw"] = {"one_writer": raw, "many_writers": raw, "to_handler_ns": ours.pop("handover_raw")}
        ours["to_handler_ns"] = ours.pop("handover_to_handler_ns")
    return results
