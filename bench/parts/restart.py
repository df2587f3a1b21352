"""Restart: kill -9 until the next instance is there, by Grove and by supervisors."""
import os
import signal
import subprocess
import time

from .common import BUILD, ECHO, Kernel, measure_peers, measured, program, wanted


def supervised_restart(folder, name, command_for):
    """kill -9 of a supervised program until its next instance has written its process number; the median."""
    service = os.path.join(folder, name)
    os.makedirs(service)
    fifo = os.path.join(folder, name + ".pid")
    os.mkfifo(fifo)
    with open(os.path.join(service, "run"), "w", encoding="utf-8") as file:
        file.write(f"#!{os.path.join(BUILD, 'musl', 'bench', 'supervised')} {fifo}\n")
    os.chmod(os.path.join(service, "run"), 0o755)
    reader = os.open(fifo, os.O_RDWR)
    supervisor = subprocess.Popen(command_for(service), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    times = []
    try:
        process = int(os.read(reader, 64).split()[0])
        rounds = 5 if name == "s6" else 8
        for _ in range(rounds):
            begin = time.monotonic_ns()
            os.kill(process, signal.SIGKILL)
            process = int(os.read(reader, 64).split()[0])
            times.append(time.monotonic_ns() - begin)
            if name == "runit":
                time.sleep(1.1)  # it delays a service that ran for less than a second: not what is measured
    finally:
        supervisor.terminate()
        supervisor.wait()
        os.close(reader)
        try:
            os.kill(process, signal.SIGKILL)
        except ProcessLookupError:
            pass
    return {"median_ns": sorted(times)[len(times) // 2]}


def measure(folder):
    results = {}
    with Kernel(folder) as kernel:
        results["grove, by its owner"] = measured([program("start-bench"), "restart", ECHO, "100"], kernel.environment)
        results["grove, by the registry"] = measured([program("revive-bench"), "bench.echo", "30"], kernel.environment)
    measures = {
        "runit": lambda: supervised_restart(folder, "runit", lambda service: [wanted("runsv"), service]),
        "s6": lambda: supervised_restart(folder, "s6", lambda service: [wanted("s6-supervise"), service]),
    }
    return measure_peers(results, measures)
