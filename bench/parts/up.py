"""Up: from `grove up` of the grid example to all of its services ready."""
import os
import subprocess
import time

from .common import BUILD, DEADLINE, GROVE, ROOT


def measure(folder):
    times = []
    environment = {"GROVE_RUN": os.path.join(folder, "run"), "GROVE_STATE": os.path.join(folder, "state")}
    port = 21000 + os.getpid() % 1000
    for _ in range(5):
        begin = time.monotonic_ns()
        subprocess.run([GROVE, "up", os.path.join(ROOT, "examples", "grid"), "--set", f"build={BUILD}", "--set",
                        f"port={port}"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                       env=dict(os.environ, **environment), timeout=DEADLINE)
        times.append(time.monotonic_ns() - begin)
        subprocess.run([GROVE, "down", "--all"], env=dict(os.environ, **environment), check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=DEADLINE)
    return {"grid example": {"median_ns": sorted(times)[len(times) // 2]}}
