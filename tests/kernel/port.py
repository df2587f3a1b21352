"""The kernel port spoken by hand: raw packets, so that the tests do not depend on libgrove.

Offsets follow abi/include/grove/abi/port.h. A test waits for an event with a deadline, never for a time to pass.
"""
import array
import contextlib
import fcntl
import json
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time

HEADER = struct.Struct("<HHiQH6xQ")
BODY_BYTES = 608
MESSAGE_BYTES = HEADER.size + BODY_BYTES
VERSION = 1
DEADLINE = 60

CAPABILITY_READ, CHANNEL_CONNECT, CHANNEL_ATTACHED, CHANNEL_CLOSE = 1, 5, 6, 7
ENDPOINT_CREATE, REGION_CREATE = 8, 11
CONTAINER_CREATE, CONTAINER_START, CONTAINER_CONTROL, CONTAINER_READ = 15, 16, 17, 18
CONTAINER_STREAMS, AUDIT_READ, KERNEL_READ = 19, 24, 28
SYSCALL_REFUSED = 15  # an audit event
INIT, CHANNEL_NEW, CHANNEL_PEER, CHANNEL_CLOSED, CONTAINER_STATE, ENDPOINT_WANTED = 128, 129, 130, 131, 134, 135
KILL, DESTROY, STOP = 2, 8, 1
STOPPED = 6
OK, INVALID, DENIED, NOT_FOUND, EXHAUSTED = 0, -1, -2, -3, -6
CLOSED, UNSUPPORTED, VERSION_ERROR = -9, -11, -17
SYSTEM_FILES = 1
LEARN = 1 << 5
FS_READ, NET_BIND, NET_CONNECT, IPC_RECV = 1, 4, 5, 7


def name(text):
    return text.encode().ljust(64, b"\0")


def text_of(field):
    return field.split(b"\0")[0].decode()


class Refused(Exception):
    """A reply with a negative status."""

    def __init__(self, status, body):
        super().__init__(f"status {status}")
        self.status, self.body = status, body


class Packet:
    def __init__(self, data, descriptors):
        self.version, self.operation, self.status, self.sequence, self.objects, self.time = HEADER.unpack_from(data)
        self.body, self.descriptors = data[HEADER.size:], descriptors

    def close(self):
        for descriptor in self.descriptors:
            os.close(descriptor)
        self.descriptors = []


class Port:
    """One connection to the control socket."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.connect(path)
        self.sequence = 0
        self.notices = []
        self.init = self.receive()
        if self.init.operation != INIT or self.init.status < 0:
            raise Refused(self.init.status, self.init.body)
        self.init.close()

    def close(self):
        for notice in self.notices:
            notice.close()
        self.socket.close()

    def send_raw(self, data, descriptors=()):
        control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
        self.socket.sendmsg([data], control)

    def receive(self, deadline=DEADLINE):
        self.socket.settimeout(deadline)
        data, control, _, _ = self.socket.recvmsg(MESSAGE_BYTES + 1, socket.CMSG_SPACE(16))
        if not data:
            raise EOFError
        descriptors = array.array("i")
        for level, kind, value in control:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                descriptors.frombytes(value[:len(value) - len(value) % 4])
        assert len(data) == MESSAGE_BYTES, len(data)
        return Packet(data, list(descriptors))

    def start(self, operation, body=b"", descriptors=()):
        self.sequence += 1
        data = HEADER.pack(VERSION, operation, 0, self.sequence, len(descriptors), 0) + body.ljust(BODY_BYTES, b"\0")
        self.send_raw(data, descriptors)
        return self.sequence

    def finish(self, sequence):
        while True:
            packet = self.receive()
            if packet.sequence == sequence:
                break
            self.notices.append(packet)
        if packet.status < 0:
            packet.close()
            raise Refused(packet.status, packet.body)
        return packet

    def request(self, operation, body=b"", descriptors=()):
        return self.finish(self.start(operation, body, descriptors))

    def notice(self, wanted):
        """The next notice for which wanted(packet) holds; others before it are dropped."""
        while True:
            packet = self.notices.pop(0) if self.notices else self.receive()
            if wanted(packet):
                return packet
            packet.close()

    def refusal(self, operation, body=b"", descriptors=()):
        try:
            self.request(operation, body, descriptors).close()
        except Refused as refused:
            return refused.status
        return OK

    # What the tests do with containers.

    def create(self, spec):
        """CONTAINER_CREATE; returns the handle."""
        memory = os.memfd_create("spec", os.MFD_ALLOW_SEALING)
        try:
            os.write(memory, spec)
            fcntl.fcntl(memory, fcntl.F_ADD_SEALS,
                        fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
            reply = self.request(CONTAINER_CREATE, struct.pack("<QQ", len(spec), 0), [memory])
        finally:
            os.close(memory)
        return struct.unpack_from("<Q", reply.body)[0]

    def start_container(self, handle, reason=0):
        return self.request(CONTAINER_START, struct.pack("<QII", handle, reason, 0))

    def control(self, handle, action, detail=0, deadline_ns=0):
        return self.request(CONTAINER_CONTROL,
                            struct.pack("<Q64sIIQ", handle, b"", action, detail, deadline_ns))

    def stopped(self, handle):
        """Wait for the end of an instance: (cause, detail)."""
        def is_it(packet):
            return packet.operation == CONTAINER_STATE and struct.unpack_from("<QQI", packet.body)[::2] == (handle, STOPPED)
        packet = self.notice(is_it)
        return struct.unpack_from("<Ii", packet.body, 24)

    def read(self, handle):
        """CONTAINER_READ: (state, generation, process)."""
        body = self.request(CONTAINER_READ, struct.pack("<Q64sII", handle, b"", 0, 0)).body
        state, = struct.unpack_from("<I", body, 4)
        generation, _, process = struct.unpack_from("<IIi", body, 144)
        return state, generation, process

    def streams(self, handle):
        reply = self.request(CONTAINER_STREAMS, struct.pack("<Q64sII", handle, b"", 0, 0))
        return reply.descriptors

    def output(self, handle):
        """All that the container wrote to its standard output so far, until it ended."""
        out, *others = self.streams(handle)
        for other in others:
            os.close(other)
        os.set_blocking(out, False)
        data = b""
        with contextlib.suppress(BlockingIOError):
            while chunk := os.read(out, 65536):
                data += chunk
        os.close(out)
        return data.decode(errors="replace")

    def run(self, spec):
        """Create, start, wait, destroy: (cause, detail, output)."""
        handle = self.create(spec)
        self.start_container(handle)
        cause, detail = self.stopped(handle)
        output = self.output(handle)
        self.control(handle, DESTROY)
        return cause, detail, output

    def audit(self):
        """All records that can be read: (event, detail, kind, body)."""
        sequence, records = 0, []
        while True:
            try:
                body = self.request(AUDIT_READ, struct.pack("<Q64s", sequence, b"")).body
            except Refused:
                return records
            sequence = struct.unpack_from("<Q", body)[0] + 1
            event, operation, detail = struct.unpack_from("<HHi", body, 24)
            records.append((event, detail, body))

    def kernel_record(self):
        return self.request(KERNEL_READ).body


# Offsets in struct grove_kernel_record.
KERNEL_CONTAINERS = 8 + 8 + 8 + 4 + 4 + 8 + 8 + 8
KERNEL_CGROUP_VERSION = KERNEL_CONTAINERS + 8 * 8
KERNEL_AUDIT_ERRORS = KERNEL_CGROUP_VERSION + 4 + 4
KERNEL_PREPARED = KERNEL_AUDIT_ERRORS + 8 + 8 + 4


class Kernel:
    """A groved of its own in a folder of its own."""

    def __init__(self, build, state=None, options=(), before=None):
        self.build = build
        self.groved = os.path.join(build, "kernel/machine/linux/groved")
        self.folder = tempfile.mkdtemp(prefix="grove-test-")
        self.run_folder = os.path.join(self.folder, "run")
        self.state = state or os.path.join(self.folder, "state")
        self.options, self.before = list(options), before
        self.process = None
        self.errors = ""

    def command(self):
        return [self.groved, "--run", self.run_folder, "--state", self.state, "--foreground", "--json", *self.options]

    def start(self):
        self.log = open(os.path.join(self.folder, "errors"), "a+b")
        self.process = subprocess.Popen(self.command(), stdout=subprocess.PIPE, stderr=self.log, preexec_fn=self.before)
        line = self.process.stdout.readline()
        answer = json.loads(line) if line else {"ready": False, "error": "no answer"}
        if not answer["ready"]:
            self.process.wait()
            raise RuntimeError(answer["error"] + self.said())
        return self

    def said(self):
        with open(os.path.join(self.folder, "errors"), "rb") as file:
            return file.read().decode(errors="replace")

    def connect(self):
        return Port(os.path.join(self.run_folder, "kernel.sock"))

    def stop(self, number=signal.SIGTERM):
        if self.process is None:
            return None
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)
        status = self.process.wait(DEADLINE)
        self.process.stdout.close()
        self.log.close()
        self.process = None
        return status

    def remove(self):
        if self.process is not None:
            self.stop(signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def own_descriptors(self, port):
        """Without those of children prepared for coming starts: a process, its set-up socket, its group of version 2."""
        record = port.request(KERNEL_READ).body
        prepared, = struct.unpack_from("<I", record, KERNEL_PREPARED)
        version, = struct.unpack_from("<I", record, KERNEL_CGROUP_VERSION)
        return self.descriptors() - prepared * (3 if version == 2 else 2)

    @staticmethod
    def settle(port, wanted):
        """Wait until wanted() holds, one turn of the kernel's loop after the other, seen through a port that is open."""
        end = time.monotonic() + DEADLINE
        while not wanted():
            if time.monotonic() > end:
                return False
            port.request(KERNEL_READ)
        return True

    def spec(self, service, command, flags=SYSTEM_FILES, ring=2, capabilities=()):
        words = [word for kind, text in capabilities for word in (str(kind), text)]
        return subprocess.run([os.path.join(self.build, "tests/kernel/make-spec"), service, str(flags), str(ring), *words,
                               "--", *command], check=True, stdout=subprocess.PIPE).stdout
