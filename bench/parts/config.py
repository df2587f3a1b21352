"""Configuration: a value read from the map, and a change of two keys until it is on disk and answered."""
import json
import os
import subprocess

from .common import BUILD, DEADLINE, Kernel, measure_peers, measured, program, wait_until, wanted

READER = os.path.join(BUILD, "musl", "tests", "config", "config-reader")
READS = 2_000_000
BATCHES = 11
METHODS = ('    methods: [{number: 5, name: speed, request: "count:u64", reply: "by_name_ns:f64 by_key_ns:f64"}]\n')
MANIFEST = ("name: reader\nversion: 1.0.0\nnative: true\nexec: [\"%s\", reader]\n"
            "provides:\n  - name: reader\n    version: 1.0.0\n" % READER + METHODS +
            "config:\n  left: {type: int, default: 0}\n  right: {type: int, default: 0}\n" +
            "".join(f"  key-{number}: {{type: string, default: value}}\n" for number in range(10)))


def ours(kernel):
    batches = [json.loads(kernel.grove("call", "--json", "config.reader", "speed", str(READS))) for _ in range(BATCHES)]

    def median(name):
        return sorted(batch[name] for batch in batches)[BATCHES // 2]

    change = measured([program("config-raw"), "change", "config.reader"], kernel.environment)
    return {"grove, by name": {"read_ns": median("by_name_ns"), **change}, "grove, looked up": {"read_ns": median("by_key_ns")}}


def redis(folder):
    socket = os.path.join(folder, "redis.sock")
    server = subprocess.Popen([wanted("redis-server"), "--port", "0", "--unixsocket", socket, "--save", "", "--dir", folder],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until("redis-server", lambda: os.path.exists(socket))
        return measured([program("config-raw"), "redis", socket])
    finally:
        server.terminate()
        server.wait(timeout=DEADLINE)


def measure(folder):
    results = {}
    with Kernel(folder) as kernel:
        project = os.path.join(folder, "config")
        os.makedirs(project)
        with open(os.path.join(project, "grove.yaml"), "w", encoding="utf-8") as file:
            file.write("name: config\nservices: [reader.yaml]\n")
        with open(os.path.join(project, "reader.yaml"), "w", encoding="utf-8") as file:
            file.write(MANIFEST)
        kernel.grove("up", project)
        results.update(ours(kernel))
        state = os.path.join(folder, "state", "services", "system.config")
        size = os.path.getsize(os.path.join(state, "state"))
        raw = measured([program("config-raw"), "read"])
        results["raw"] = {"read_ns": raw["read_ns"], **measured([program("config-raw"), "save", folder, str(size)])}
    lmdb = os.path.join(folder, "lmdb")
    os.makedirs(lmdb)
    return measure_peers(results, {"lmdb": lambda: measured([program("config-lmdb"), lmdb]), "redis": lambda: redis(folder)})
