"""The NATS gateway beside the NATS server: the same two programs, with the client library for C, over TCP on the loopback."""
import json
import os

from .common import Kernel, Unavailable, measure_peers, measured, program, served, wanted

BENCH = program("nats-bench")


def gateway(folder, port):
    with Kernel(folder, "--gateway", f"nats=127.0.0.1:{port}") as kernel:
        token = json.loads(kernel.grove("token", "add", "bench", "--json", "--allow", "BUS_PUB:bench.>", "--allow",
                                        "BUS_SUB:bench.>"))["token"]
        return measured([BENCH, f"nats://127.0.0.1:{port}", token])


def server(port):
    with served("nats", [wanted("nats-server"), "-a", "127.0.0.1", "-p", str(port)], port):
        return measured([BENCH, f"nats://127.0.0.1:{port}"])


def measure(folder):
    if not os.path.exists(BENCH):
        raise Unavailable("the client library for C (libnats-dev) is not installed")
    port = 16000 + os.getpid() % 1000
    return measure_peers({"grove": gateway(folder, port)}, {"nats": lambda: server(port + 1)})
