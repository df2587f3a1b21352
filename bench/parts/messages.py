"""Messages: round trips and throughput of Grove, of its peers and of the raw limits."""
import os
import socket
import subprocess

from .common import Kernel, measure_peers, measured, program, wait_until, wanted


def daemon(command):
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def peer_nats():
    port = 14000 + os.getpid() % 1000
    server = daemon([wanted("nats-server"), "-a", "127.0.0.1", "-p", str(port)])
    try:
        def answers():
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        wait_until("nats-server", answers)
        return measured([program("peer-nats"), str(port)])
    finally:
        server.terminate()
        server.wait()


def peer_dbus(folder):
    path = os.path.join(folder, "bus")
    configuration = os.path.join(folder, "bus.conf")
    with open(configuration, "w", encoding="utf-8") as file:
        file.write(f"<busconfig><type>session</type><listen>unix:path={path}</listen><auth>EXTERNAL</auth>"
                   "<policy context='default'><allow send_destination='*' eavesdrop='true'/>"
                   "<allow eavesdrop='true'/><allow own='*'/><allow user='*'/></policy></busconfig>")
    server = daemon([wanted("dbus-daemon"), "--nofork", f"--config-file={configuration}"])
    try:
        wait_until("dbus-daemon", lambda: os.path.exists(path))
        return measured([program("peer-dbus"), f"unix:path={path}"])
    finally:
        server.terminate()
        server.wait()


def measure(folder):
    peers = {
        "pipe": lambda: measured([program("peer-pipe")]),
        "zeromq": lambda: measured([program("peer-zeromq"), f"ipc://{folder}/zeromq"]),
        "nng": lambda: measured([program("peer-nng"), f"ipc://{folder}/nng"]),
        "dbus-daemon": lambda: peer_dbus(folder),
        "nats": peer_nats,
    }
    results = {}
    if os.path.exists(program("ring", "ring-bench")):
        results["raw"] = measured([program("ring", "ring-bench"), "--raw"])
    with Kernel(folder) as kernel:
        results["grove"] = measured([program("peer-grove"), "bench.echo"], kernel.environment)
    return measure_peers(results, peers)
