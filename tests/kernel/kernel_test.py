#!/usr/bin/python3
"""groved as its clients and its administrator see it. Run with the build folder as the argument."""
import contextlib
import ctypes
import mmap
import os
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import port as p  # noqa: E402

BUILD = os.environ.get("GROVE_BUILD", "build")
IS_ROOT = os.geteuid() == 0
# Without root there are cgroups only where they were delegated, which is not what is tried here.
OPTIONS = () if IS_ROOT else ("--optional", "cgroup")


def children_of(process):
    with open(f"/proc/{process}/task/{process}/children", encoding="ascii") as file:
        return [int(child) for child in file.read().split()]


class KernelTest(unittest.TestCase):
    before = None

    def setUp(self):
        self.kernel = p.Kernel(BUILD, options=OPTIONS, before=self.before)
        self.addCleanup(self.kernel.remove)
        self.kernel.start()

    def connect(self):
        port = self.kernel.connect()
        self.addCleanup(port.close)
        return port


class Clients(KernelTest):
    def test_first_packet_says_who_one_is(self):
        port = self.connect()
        reason, ring = struct.unpack_from("<II", port.init.body)
        self.assertEqual(ring, 3)
        self.assertEqual(p.text_of(port.init.body[16:80]), f"shell.{os.getpid()}")

    def test_unknown_version_and_operation_are_answered(self):
        port = self.connect()
        port.send_raw(p.HEADER.pack(9, p.KERNEL_READ, 0, 7, 0, 0) + bytes(p.BODY_BYTES))
        answer = port.receive()
        self.assertEqual((answer.status, answer.sequence), (p.VERSION_ERROR, 7))
        self.assertEqual(port.refusal(999), p.UNSUPPORTED)
        self.assertLess(port.refusal(p.INIT), 0)

    def test_malformed_packets_are_refused_and_harm_nobody(self):
        other, port = self.connect(), self.connect()
        whole = p.HEADER.pack(p.VERSION, p.KERNEL_READ, 0, 1, 0, 0) + bytes(p.BODY_BYTES)
        before = self.kernel.descriptors()
        for data in (b"x", whole[:-1], whole + b"y", whole * 20, os.urandom(len(whole))):
            port.send_raw(data, [0, 1, 2])
        for count in (5, 100):
            port.send_raw(whole, [0] * count)
        port.send_raw(p.HEADER.pack(p.VERSION, p.KERNEL_READ, 0, 4242, 0, 0) + bytes(p.BODY_BYTES))
        statuses = []
        while True:
            answer = port.receive()
            if answer.sequence == 4242:
                break
            statuses.append(answer.status)
        self.assertEqual(answer.status, p.OK)
        self.assertEqual(set(statuses) - {p.INVALID, p.VERSION_ERROR}, set())
        other.request(p.KERNEL_READ)
        self.assertEqual(self.kernel.descriptors(), before)

    def test_a_thousand_connections_leave_nothing(self):
        probe = self.connect()
        before = self.kernel.descriptors()
        for _ in range(1000):
            with contextlib.closing(self.kernel.connect()):
                pass
        self.assertTrue(self.kernel.settle(probe, lambda: self.kernel.descriptors() <= before))
        used, = struct.unpack_from("<I", probe.kernel_record(), p.KERNEL_CONTAINERS)
        self.assertEqual(used, 1)

    def test_channel_waits_for_its_server_and_leaves_nothing(self):
        owner, client = self.connect(), self.connect()
        server = owner.create(self.kernel.spec("test.server", ["/bin/true"], capabilities=[(p.IPC_RECV, "test.echo")]))
        owner.request(p.ENDPOINT_CREATE, p.name("test.echo") + bytes(8) + struct.pack("<Q", server)).close()
        before = self.kernel.descriptors()
        for _ in range(20):
            reply = client.request(p.CHANNEL_CONNECT, p.name("test.echo") + bytes(48))
            segment, bell = reply.descriptors
            handle, = struct.unpack_from("<Q", reply.body)
            owner.notice(lambda packet: packet.operation == p.ENDPOINT_WANTED).close()
            mapped = mmap.mmap(segment, 4096)
            client.request(p.CHANNEL_ATTACHED, struct.pack("<Q", handle)).close()
            # Law 3: from now on this mapping is the only one that writes, whoever holds a descriptor.
            mapped[64] = 1
            self.assertRaises(OSError, os.pwrite, segment, b"x", 0)
            self.assertRaises(OSError, mmap.mmap, segment, 4096)
            mapped.close()
            os.close(segment)
            os.close(bell)
            client.request(p.CHANNEL_CLOSE, struct.pack("<Q", handle)).close()
        # What was sent waits for the server, also when the client is gone (law 4); it ends with the server.
        owner.control(server, p.DESTROY).close()
        self.assertTrue(self.kernel.settle(client, lambda: self.kernel.descriptors() <= before))

    def test_flood_of_one_does_not_stop_another(self):
        flooder, other = self.connect(), self.connect()
        flooder.socket.setblocking(False)
        whole = p.HEADER.pack(p.VERSION, p.KERNEL_READ, 0, 1, 0, 0) + bytes(p.BODY_BYTES)
        for _ in range(200):
            with contextlib.suppress(BlockingIOError, ConnectionError):  # it reads no answer and may be cut off
                for _ in range(50):
                    flooder.socket.send(whole)
            other.request(p.KERNEL_READ)

    def test_a_client_that_reads_nothing_costs_only_itself(self):
        mute = self.connect()
        mute.socket.setblocking(False)
        whole = p.HEADER.pack(p.VERSION, p.KERNEL_READ, 0, 1, 0, 0) + bytes(p.BODY_BYTES)
        for _ in range(20000):
            try:
                mute.socket.send(whole)
            except BlockingIOError:
                self.connect_and_ask()
            except (BrokenPipeError, ConnectionResetError):
                break
        self.connect_and_ask()

    def connect_and_ask(self):
        with contextlib.closing(self.kernel.connect()) as port:
            port.request(p.KERNEL_READ)


class Containers(KernelTest):
    def test_a_program_runs_and_its_output_is_kept(self):
        cause, detail, output = self.connect().run(self.kernel.spec("test.echo", ["/bin/sh", "-c", "echo hello; exit 7"]))
        self.assertEqual((cause, detail, output), (1, 7, "hello\n"))

    def test_kill_and_start_again(self):
        port = self.connect()
        # The template of the view with the system files is made at the first start that wants them, and kept.
        before = self.kernel.own_descriptors(port) + 1
        port.run(self.kernel.spec("test.first", ["/bin/true"]))
        self.assertTrue(self.kernel.settle(port, lambda: self.kernel.own_descriptors(port) == before))
        handle = port.create(self.kernel.spec("test.sleeper", ["/bin/sleep", "1000"]))
        for generation in range(1, 21):
            port.start_container(handle)
            state, seen, process = port.read(handle)
            self.assertEqual(seen, generation)
            os.kill(process, 0)
            port.control(handle, p.KILL)
            cause, _ = port.stopped(handle)
            self.assertEqual(cause, 3)
        port.control(handle, p.DESTROY)
        self.assertTrue(self.kernel.settle(port, lambda: self.kernel.own_descriptors(port) == before))

    @staticmethod
    def prepared(port):
        return struct.unpack_from("<I", port.request(p.KERNEL_READ).body, p.KERNEL_PREPARED)[0]

    def test_a_program_in_a_prepared_child_is_asked_about_addresses_too(self):
        port = self.connect()
        script = "import socket\ntry: socket.socket().connect(('127.0.0.1', 9))\nexcept OSError as problem: print(problem.errno)"
        answers = []
        for name in ("test.cloned", "test.prepared"):
            answers.append(port.run(self.kernel.spec(name, ["/usr/bin/python3", "-c", script])))
            refused = [body for event, _, body in port.audit() if event == p.SYSCALL_REFUSED and name.encode() in body]
            self.assertEqual(len(refused), 1, name)
            self.assertTrue(self.kernel.settle(port, lambda: self.prepared(port) == 1))
        self.assertEqual(answers[0], (1, 0, "13\n"))
        self.assertEqual(answers[1], answers[0])

    def test_death_from_outside_is_told(self):
        port = self.connect()
        handle = port.create(self.kernel.spec("test.victim", ["/bin/sleep", "1000"]))
        port.start_container(handle)
        os.kill(port.read(handle)[2], signal.SIGKILL)
        self.assertEqual(port.stopped(handle), (2, signal.SIGKILL))

    def test_containers_of_a_shell_end_with_it(self):
        port = self.kernel.connect()
        handle = port.create(self.kernel.spec("test.orphan", ["/bin/sleep", "1000"]))
        port.start_container(handle)
        process = os.pidfd_open(port.read(handle)[2])
        port.close()
        self.assertTrue(p.select.select([process], [], [], p.DEADLINE)[0])
        os.close(process)

    def test_spec_that_can_change_is_refused(self):
        port = self.connect()
        spec = self.kernel.spec("test.bad", ["/bin/true"])
        memory = os.memfd_create("spec", os.MFD_ALLOW_SEALING)
        os.write(memory, spec)
        self.assertEqual(port.refusal(p.CONTAINER_CREATE, struct.pack("<QQ", len(spec), 0), [memory]), p.INVALID)
        os.close(memory)

    def test_stop_of_the_kernel_ends_everything(self):
        port = self.connect()
        handle = port.create(self.kernel.spec("test.sleeper", ["/bin/sleep", "1000"]))
        port.start_container(handle)
        process = os.pidfd_open(port.read(handle)[2])
        self.assertEqual(self.kernel.stop(), 0)
        self.assertTrue(p.select.select([process], [], [], 0)[0])
        os.close(process)
        self.assertFalse(os.path.exists(os.path.join(self.kernel.run_folder, "kernel.sock")))


class Network(KernelTest):
    """Unmodified programs in real containers; the broker by itself is tried in tests/broker."""

    def serve(self):
        server = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(server.close)
        return server, server.getsockname()[1]

    def python(self, *lines):
        return ["/usr/bin/python3", "-S", "-c", "\n".join(lines)]

    def test_connection_is_made_only_where_granted(self):
        (good, good_port), (bad, bad_port) = self.serve(), self.serve()
        program = self.python(
            "import socket", f"socket.create_connection(('127.0.0.1', {good_port}), 30).sendall(b'hi')",
            "try:", f"    socket.create_connection(('127.0.0.1', {bad_port}), 30)",
            "except PermissionError:", "    print('refused')")
        port = self.connect()
        spec = self.kernel.spec("test.client", program, capabilities=[(p.NET_CONNECT, f"tcp:{good_port}")])
        cause, detail, output = port.run(spec)
        self.assertEqual((cause, detail, output), (1, 0, "refused\n"))
        with contextlib.closing(good.accept()[0]) as peer:
            self.assertEqual(peer.recv(10), b"hi")
        bad.setblocking(False)
        with self.assertRaises(BlockingIOError):
            bad.accept()
        self.assertTrue(any(event == 15 for event, _, _ in port.audit()))

    def test_without_a_capability_there_is_no_network(self):
        server, number = self.serve()
        program = self.python("import socket", "try:", f"    socket.create_connection(('127.0.0.1', {number}), 30)",
                              "except OSError as error:", "    print(error.errno)")
        port = self.connect()
        self.assertEqual(port.run(self.kernel.spec("test.client", program)), (1, 0, "13\n"))
        server.setblocking(False)
        with self.assertRaises(BlockingIOError):
            server.accept()
        self.assertTrue(any(event == 15 for event, _, _ in port.audit()))

    def test_server_in_a_container_is_reached(self):
        with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as chosen:
            number = chosen.getsockname()[1]
        program = self.python("import socket", f"s = socket.create_server(('127.0.0.1', {number}))", "print('ready', flush=True)",
                              "s.accept()[0].sendall(b'served')")
        port = self.connect()
        handle = port.create(self.kernel.spec("test.server", program, capabilities=[(p.NET_BIND, f"tcp:{number}")]))
        port.start_container(handle)
        out, *others = port.streams(handle)
        self.assertTrue(p.select.select([out], [], [], p.DEADLINE)[0])
        self.assertEqual(os.read(out, 100), b"ready\n")
        for descriptor in (out, *others):
            os.close(descriptor)
        with contextlib.closing(socket.create_connection(("127.0.0.1", number), p.DEADLINE)) as client:
            self.assertEqual(client.recv(10), b"served")
        self.assertEqual(port.stopped(handle), (1, 0))


class Folders(unittest.TestCase):
    def kernel(self, **options):
        kernel = p.Kernel(BUILD, options=OPTIONS, **options)
        self.addCleanup(kernel.remove)
        return kernel

    def test_two_kernels_never_share_a_run_folder(self):
        kernel = self.kernel().start()
        second = subprocess.run([word for word in kernel.command() if word != "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        self.assertEqual(second.returncode, 1)
        self.assertIn(f"process {kernel.process.pid}".encode(), second.stderr)
        kernel.connect().close()

    def test_killed_kernel_is_followed_by_one_that_cleans_up(self):
        kernel = self.kernel().start()
        port = kernel.connect()
        handle = port.create(kernel.spec("test.left", ["/bin/sleep", "1000"]))
        port.start_container(handle)
        process = os.pidfd_open(port.read(handle)[2])
        records = len(port.audit())
        kernel.stop(signal.SIGKILL)
        port.close()
        kernel.start()
        self.assertTrue(p.select.select([process], [], [], p.DEADLINE)[0])
        os.close(process)
        port = kernel.connect()
        sequences = os.stat(os.path.join(kernel.state, "audit.log")).st_size // 512
        self.assertGreater(sequences, records - 1)
        self.assertEqual(port.run(kernel.spec("test.left", ["/bin/true"]))[:2], (1, 0))
        port.close()
        self.assertEqual(kernel.stop(), 0)

    def test_audit_log_goes_on_over_restarts(self):
        kernel = self.kernel()
        for _ in range(3):
            kernel.start()
            kernel.connect().close()
            self.assertEqual(kernel.stop(), 0)
        with open(os.path.join(kernel.state, "audit.log"), "rb") as file:
            data = file.read()
        first, = struct.unpack_from("<Q", data)
        for index in range(len(data) // 512):
            self.assertEqual(struct.unpack_from("<Q", data, index * 512)[0], first + index)

    def test_booted_service_is_started_again(self):
        kernel = self.kernel()
        spec = os.path.join(kernel.folder, "boot.spec")
        with open(spec, "wb") as file:
            file.write(kernel.spec("system.init", ["/bin/sleep", "1000"], ring=1))
        kernel.options += ["--boot", spec]
        port = kernel.start().connect()
        self.addCleanup(port.close)
        instances = []

        def is_started_again():
            body = port.request(p.CONTAINER_READ, struct.pack("<Q64sII", 0, p.name("system.init"), 0, 0)).body
            generation, _, process = struct.unpack_from("<IIi", body, 144)
            if process > 0 and generation not in instances:
                instances.append(generation)
                os.kill(process, signal.SIGKILL)
            return len(instances) == 3
        self.assertTrue(kernel.settle(port, is_started_again))
        self.assertEqual(kernel.stop(), 0)

    def test_boot_spec_that_is_none_is_explained(self):
        kernel = self.kernel()
        kernel.options += ["--boot", "/etc/passwd"]
        with self.assertRaisesRegex(RuntimeError, "/etc/passwd is not a boot spec"):
            kernel.start()

    def test_run_folder_of_others_is_refused(self):
        kernel = self.kernel()
        os.mkdir(kernel.run_folder, 0o755)
        with self.assertRaisesRegex(RuntimeError, "0700"):
            kernel.start()

    def run_with_state(self, state, expected):
        kernel = self.kernel(state=state).start()
        port = kernel.connect()
        for _ in range(20):
            self.assertEqual(port.run(kernel.spec("test.true", ["/bin/true"]))[:2], (1, 0))
        errors, _, error = struct.unpack_from("<QQi", port.kernel_record(), p.KERNEL_AUDIT_ERRORS)
        self.assertGreater(errors, 0)
        self.assertEqual(error, expected)
        self.assertGreater(len(port.audit()), 20)
        self.assertEqual(kernel.said().count("audit records stay in memory"), 1)
        port.close()
        return kernel

    @unittest.skipUnless(IS_ROOT, "mounting needs root")
    def test_full_disk_does_not_stop_it(self):
        folder = mount_small(self)
        with contextlib.suppress(OSError), open(os.path.join(folder, "filler"), "wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        kernel = self.run_with_state(folder, 28)
        # With space again, everything that was kept in memory reaches the disk.
        os.unlink(os.path.join(folder, "filler"))
        self.assertEqual(kernel.stop(), 0)
        self.assertGreater(os.path.getsize(os.path.join(folder, "audit.log")), 20 * 512)

    @unittest.skipUnless(IS_ROOT, "mounting needs root")
    def test_read_only_state_folder_does_not_stop_it(self):
        folder = mount_small(self)
        mount("none", folder, 32 | 1)  # MS_REMOUNT | MS_RDONLY
        self.run_with_state(folder, 30)


def mount(source, folder, flags, data=None):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(source.encode(), folder.encode(), b"tmpfs", flags, data) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), folder)


def mount_small(test):
    folder = p.tempfile.mkdtemp(prefix="grove-test-state-")
    mount("grove-test", folder, 0, b"size=256k,mode=0700")
    test.addCleanup(shutil.rmtree, folder, ignore_errors=True)
    test.addCleanup(ctypes.CDLL(None).umount2, folder.encode(), 2)
    return folder


class Descriptors(KernelTest):
    LIMIT = 200

    @staticmethod
    def before():
        resource.setrlimit(resource.RLIMIT_NOFILE, (Descriptors.LIMIT, Descriptors.LIMIT))
        drop_resource_capability()

    def test_without_free_descriptors_it_says_so_and_recovers(self):
        ports, refused = [], None
        while refused is None:
            self.assertLess(len(ports), self.LIMIT)
            try:
                ports.append(self.kernel.connect())
            except (p.Refused, EOFError, ConnectionError) as problem:
                refused = problem
        if isinstance(refused, p.Refused):
            self.assertIn(refused.status, (-23, p.EXHAUSTED, -15))
        for port in ports[1:]:
            port.close()
        ports[0].request(p.KERNEL_READ)
        self.assertTrue(self.kernel.settle(ports[0], lambda: self.kernel.descriptors() < self.LIMIT // 2))
        with contextlib.closing(self.kernel.connect()) as port:
            port.request(p.REGION_CREATE, struct.pack("<QQ", 4096, 0)).close()
        ports[0].close()


def drop_resource_capability():
    """So that the limit above also holds for root, who could raise it."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(24, 24, 0, 0, 0)  # PR_CAPBSET_DROP, CAP_SYS_RESOURCE; gone with the next exec


if __name__ == "__main__":
    if len(sys.argv) > 1 and os.path.isdir(sys.argv[1]):
        BUILD = sys.argv.pop(1)
    unittest.main()
