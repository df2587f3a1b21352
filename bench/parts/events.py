"""Events that are durable, and events that wake: a durable publication by one publisher and with 64 under way, beside Redis
(append-only file, always), etcd and the raw disk; and from an event to its handler, asleep, beside a raw hand-over by futex, held
to one processor and, for comparison, wherever the machine puts everybody.

The durable ones write to the same file system, in turn, three times over; each figure is the median of the three."""
import os

from .common import BUILD, Kernel, measure_peers, measured, one_processor, program
from .store import etcd, in_folder, in_turn, redis


HANDLER = """name: handler
version: 1.0.0
native: true
exec: [{program}]
capabilities: ["IPC_SEND:system.bus", "BUS_SUB:bench.handover", "BUS_PUB:bench.took"]
"""


def to_handler(folder):
    folder = in_folder(folder, "handler")
    with Kernel(folder) as kernel:
        project = in_folder(folder, "handled")
        with open(os.path.join(project, "grove.yaml"), "w", encoding="utf-8") as file:
            file.write("name: handled\nservices: [handler.yaml]\n")
        with open(os.path.join(project, "handler.yaml"), "w", encoding="utf-8") as file:
            file.write(HANDLER.format(program=os.path.join(BUILD, "musl", "bench", "bench-handler")))
        kernel.grove("up", project)
        return measured([program("bus-handover-bench")], kernel.environment)


def to_handler_on_one(folder):
    with one_processor():
        return to_handler(folder)


def measure(folder):
    handlers = measure_peers({}, {"to_handler_ns": lambda: to_handler_on_one(folder),
                                  "to_handler_anywhere_ns": lambda: to_handler(folder)})
    with Kernel(in_folder(folder, "durable")) as kernel:
        results = in_turn({
            "grove": lambda: measured([program("bus-durable-bench"), in_folder(folder, "disk")], kernel.environment),
            "redis": lambda: redis(folder), "etcd": lambda: etcd(folder)})
    results["raw"] = {}
    if "raw" in results["grove"]:
        raw = results["grove"].pop("raw")
        results["raw"] = {"one_writer": raw, "many_writers": raw}
    for name, figures in handlers.items():
        if "to_handler_ns" in figures:
            results["grove"][name], results["raw"][name] = figures["to_handler_ns"], figures["raw"]
            results.setdefault("direct", {})[name] = figures["direct_ns"]
    return results
