"""The store: durable transactions by one writer and by 64, beside SQLite alone, LMDB, Redis (append-only file, always) and etcd,
and the raw limit of the disk; reads, and reads from the map.

All write to the same file system. The disk is shared and its speed changes while we look, so everybody is measured in turn,
three times over, and each figure is the median of the three.
"""
import os
import shutil
import socket
import subprocess

from .common import DEADLINE, Kernel, Unavailable, measured, program, wait_until, wanted

PASSES = 3


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False


class Server:
    """A peer's server for the time of a block."""

    def __init__(self, command, port):
        self.command, self.port = command, port

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(self.command[0], lambda: answers(self.port))
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(DEADLINE)


def in_folder(folder, name):
    path = os.path.join(folder, name)
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path)
    return path


def redis(folder):
    port = free_port()
    with Server([wanted("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--dir", in_folder(folder, "redis"),
                 "--appendonly", "yes", "--appendfsync", "always", "--save", ""], port):
        return measured([program("bench-store-servers"), "redis", str(port)])


def etcd(folder):
    port, peers = free_port(), free_port()
    client, peer = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{peers}"
    with Server([wanted("etcd"), "--data-dir", in_folder(folder, "etcd"), "--listen-client-urls", client,
                 "--advertise-client-urls", client, "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
                 "--initial-cluster", f"default={peer}", "--log-level", "error"], port):
        return measured([program("bench-store-servers"), "etcd", str(port)])


def lmdb(folder):
    if not os.path.exists(program("bench-store-lmdb")):
        raise Unavailable("liblmdb is not installed")
    return measured([program("bench-store-lmdb"), in_folder(folder, "lmdb")])


def sqlite(folder):
    return measured([program("bench-store-sqlite"), in_folder(folder, "sqlite")])


def median(figures):
    return sorted(figures)[len(figures) // 2]


def in_turn(measures):
    """{name: the median of each figure}, or why one could not be measured: each in turn, several times over."""
    passes = {}
    for _ in range(PASSES):
        for name, one in measures.items():
            try:
                passes.setdefault(name, []).append(one())
            except (Unavailable, OSError, subprocess.TimeoutExpired) as reason:
                passes[name] = [{"unavailable": str(reason)}]
    return {name: figures[0] if "unavailable" in figures[-1] else {
        figure: median([one[figure] for one in figures]) for figure in figures[0]} for name, figures in passes.items()}


def measure(folder):
    with Kernel(folder) as kernel:
        kernel.grove("store", "quota", "bench.one", "--map", "on")
        results = in_turn({
            "grove": lambda: measured([program("bench-store-grove"), "bench.one", "bench.echo"], kernel.environment),
            "sqlite": lambda: sqlite(folder), "lmdb": lambda: lmdb(folder), "redis": lambda: redis(folder),
            "etcd": lambda: etcd(folder)})
    if "raw" in results["sqlite"]:
        results["raw"] = {"one_writer": results["sqlite"].pop("raw")}
    if "call_ns" in results["grove"]:
        results["call"] = {"read_ns": results["grove"].pop("call_ns")}
        results["limit"] = {"map_read_ns": 100}
    if "one_writer" in results["sqlite"]:  # what 64 writers get together, against one alone
        results["sqlite"]["many_writers"] = results["sqlite"]["one_writer"]
    return results
