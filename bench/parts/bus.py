"""Events: one publisher, eight subscribers, at most once: Grove's bus, its peers, and the raw ring."""
import os
import socket
import subprocess

from .common import Kernel, measure_peers, measured, program, wait_until, wanted

BENCH = program("bus-bench")


def served(name, command, port):
    """Measure a server that listens on a port of the loopback, and end it."""
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        def answers():
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        wait_until(name, answers)
        return measured([BENCH, name, str(port)])
    finally:
        server.terminate()
        server.wait()


def mosquitto(folder, port):
    path = os.path.join(folder, "mosquitto.conf")
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nmax_inflight_messages 0\n"
                   "max_queued_bytes 0\n")
    return served("mosquitto", [wanted("mosquitto"), "-c", path], port)


def measure(folder):
    port = 15000 + os.getpid() % 1000
    peers = {
        "zeromq": lambda: measured([BENCH, "zeromq", f"ipc://{folder}/zeromq"]),
        "redis": lambda: served("redis", [wanted("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--save", "",
                                          "--appendonly", "no"], port),
        "nats": lambda: served("nats", [wanted("nats-server"), "-a", "127.0.0.1", "-p", str(port + 1)], port + 1),
        "mosquitto": lambda: mosquitto(folder, port + 2),
    }
    results = {"raw": measured([BENCH, "raw"])}
    with Kernel(folder) as kernel:
        results["grove"] = measured([BENCH, "grove"], kernel.environment)
    return measure_peers(results, peers)
