"""Start: from nothing to the first answer of a confined program."""
import json
import os
import shutil

from .common import ECHO, Kernel, Unavailable, measure_peers, measured, program, wanted


def bundle_for_crun(folder):
    bundle = os.path.join(folder, "bundle")
    for name in ("bin", "proc", "dev"):
        os.makedirs(os.path.join(bundle, "rootfs", name))
    shutil.copy(ECHO, os.path.join(bundle, "rootfs", "bin", "echo"))
    namespaces = [{"type": name} for name in ("pid", "ipc", "uts", "mount", "network", "cgroup")]
    with open(os.path.join(bundle, "config.json"), "w", encoding="utf-8") as file:
        json.dump({"ociVersion": "1.0.0", "root": {"path": "rootfs", "readonly": True},
                   "process": {"args": ["/bin/echo"], "cwd": "/", "user": {"uid": 0, "gid": 0},
                               "noNewPrivileges": True, "capabilities": {}},
                   "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}],
                   "linux": {"namespaces": namespaces}}, file)
    return bundle


def start_command(count, command):
    return measured([program("start-bench"), "command", str(count), *command])


def start_crun(folder):
    bundle = bundle_for_crun(folder)
    command = [program("start-bench"), "command", "30", wanted("crun"), "--cgroup-manager=disabled", "run", "-b", bundle,
               f"grove-bench-{os.getpid()}"]
    try:
        return measured(command)
    except Unavailable:
        if os.geteuid() != 0:
            raise
    # It refuses to start where both cgroup versions are mounted; show it version 2 alone.
    script = "umount -l /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup && exec \"$@\""
    return measured(["unshare", "-m", "sh", "-c", script, "sh", *command])


def start_bubblewrap(folder):
    root = os.path.join(folder, "view")
    os.makedirs(os.path.join(root, "proc"))
    os.makedirs(os.path.join(root, "dev"))
    shutil.copy(ECHO, os.path.join(root, "echo"))
    return start_command(60, [wanted("bwrap"), "--unshare-all", "--bind", root, "/", "--proc", "/proc", "--dev", "/dev",
                              "--cap-drop", "ALL", "/echo"])


def measure(folder):
    results = {}
    with Kernel(folder) as kernel:
        results["grove"] = measured([program("start-bench"), "grove", ECHO, "200"], kernel.environment)
    measures = {
        "fork+exec": lambda: start_command(200, [ECHO]),
        "bubblewrap": lambda: start_bubblewrap(folder),
        "crun": lambda: start_crun(folder),
    }
    return measure_peers(results, measures)
