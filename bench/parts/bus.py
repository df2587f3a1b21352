"""Events: one publisher, eight subscribers, at most once: Grove's bus, its peers, and the raw ring."""
import os

from .common import Kernel, measure_peers, measured, program, served, wanted

BENCH = program("bus-bench")


def through(name, command, port):
    with served(name, command, port):
        return measured([BENCH, name, str(port)])


def mosquitto(folder, port):
    path = os.path.join(folder, "mosquitto.conf")
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nmax_inflight_messages 0\n"
                   "max_queued_bytes 0\n")
    return through("mosquitto", [wanted("mosquitto"), "-c", path], port)


def measure(folder):
    port = 15000 + os.getpid() % 1000
    peers = {
        "zeromq": lambda: measured([BENCH, "zeromq", f"ipc://{folder}/zeromq"]),
        "redis": lambda: through("redis", [wanted("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--save",
                                           "", "--appendonly", "no"], port),
        "nats": lambda: through("nats", [wanted("nats-server"), "-a", "127.0.0.1", "-p", str(port + 1)], port + 1),
        "mosquitto": lambda: mosquitto(folder, port + 2),
    }
    results = {"raw": measured([BENCH, "raw"])}
    with Kernel(folder) as kernel:
        results["grove"] = measured([BENCH, "grove"], kernel.environment)
        results["direct"] = measured([BENCH, "direct"], kernel.environment)
    return measure_peers(results, peers)
