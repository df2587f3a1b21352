"""What the grid's tests share: programs, ports, processes of their own, Modbus frames written by hand."""
import os
import socket
import struct
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(SOURCE, "tests", "system"))
import grove_system as gs  # noqa: E402  (the system tests' own helpers: a system with folders of its own, accounts)

GRID = os.path.join(SOURCE, "examples", "grid")
SERVICES = os.path.join(GRID, "services")


def program(name):
    return os.path.join(gs.build_folder(), "examples", "grid", name, name)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False


class GridTest(unittest.TestCase):
    def start(self, *command, **options):
        """A process that ends with the test."""
        process = subprocess.Popen(command, text=True, **options)

        def end():
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream:
                    stream.close()
        self.addCleanup(end)
        return process

    def start_substation(self, profile=os.path.join(SERVICES, "feeders.profile")):
        port = free_port()
        process = self.start(program("substation"), "--profile", profile, "--listen", f"127.0.0.1:{port}", "--alone",
                             stdout=subprocess.DEVNULL)
        gs.wait_for("the substation listens", lambda: listens(port))
        return port, process

    def start_device(self):
        """The bay controller made of pymodbus; commands go to its standard input."""
        port = free_port()
        process = self.start("/usr/bin/python3", os.path.join(HERE, "modbus_device.py"), str(port),
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        gs.wait_for("the device listens", lambda: listens(port))
        return port, process

    def write(self, name, text):
        folder = getattr(self, "folder", None)
        if folder is None:
            import tempfile
            holder = tempfile.TemporaryDirectory(prefix="grove-grid-")
            self.addCleanup(holder.cleanup)
            folder = self.folder = holder.name
            os.chmod(folder, 0o755)
        path = os.path.join(folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path


def modbus_request(function, *words, unit=1, transaction=1):
    body = struct.pack(">BB", unit, function) + b"".join(struct.pack(">H", word) for word in words)
    return struct.pack(">HHH", transaction, 0, len(body)) + body


def receive_frame(connection):
    head = connection.recv(6, socket.MSG_WAITALL)
    if len(head) < 6:
        return None
    return head + connection.recv(struct.unpack(">H", head[4:])[0], socket.MSG_WAITALL)


DEVICE_CONFIG = """
period 20ms
deadline 1s
device rtu host 127.0.0.1 port {port} timeout 500ms
map m voltage holding 100 type f32 low-first
map m current holding 102 type u16 scale 0.1
map m power holding 103 type s32
map m frequency input 5 scale 0.001
map m breaker discrete 9
map m trip coil 3
feeder 3 name x device rtu map m unit 7 overcurrent 400 delay 60ms priority 1
stage below 49 feeders 1 delay 60ms
"""


def main():
    unittest.main(argv=[sys.argv[0], "-v"], verbosity=2)
