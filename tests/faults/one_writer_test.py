"""Law 3: of two ends that share memory, each page is writable by exactly one.

The attacker here is more than a container can be: it is root, in no sandbox, holds the descriptor of its peer's segment and
knows the peer's process. Whatever way Linux has to write into memory, the peer's page stays as it was, while the peer itself
still writes it. Each way is first tried on memory that is not sealed, where it must work: else the test would prove nothing.
"""
import contextlib
import ctypes
import mmap
import os
import struct
import sys
import tempfile
import unittest

import faults_support as fs
from faults_support import gs, kernel_port as p

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.mmap.restype = LIBC.mremap.restype = ctypes.c_void_p
LIBC.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
LIBC.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
LIBC.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
LIBC.mremap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_int]
LIBC.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_long, ctypes.c_long]
PAGE, PLACE, MARK = 4096, 64, b"ATTACKED"
READ, WRITE, SHARED, PRIVATE, FAILED = 1, 2, 1, 2, ctypes.c_void_p(-1).value


def check(result):
    if result is None or result < 0 or result == FAILED:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def mapped(descriptor, protection, flags=SHARED):
    return check(LIBC.mmap(None, PAGE, protection, flags, descriptor, 0))


def poke(address):
    ctypes.memmove(address + PLACE, MARK, len(MARK))


def map_writable(descriptor):
    poke(mapped(descriptor, READ | WRITE))


def protect_later(descriptor):
    address = mapped(descriptor, READ)
    check(LIBC.mprotect(address, PAGE, READ | WRITE))
    poke(address)


def move_and_protect(descriptor):
    address = check(LIBC.mremap(mapped(descriptor, READ), PAGE, PAGE, 1))
    check(LIBC.mprotect(address, PAGE, READ | WRITE))
    poke(address)


def open_again(descriptor):
    again = os.open(f"/proc/self/fd/{descriptor}", os.O_RDWR)
    try:
        map_writable(again)
    finally:
        os.close(again)


def open_and_write(descriptor):
    again = os.open(f"/proc/self/fd/{descriptor}", os.O_RDWR)
    try:
        os.pwrite(again, MARK, PLACE)
    finally:
        os.close(again)


def through_memory_file(descriptor):
    """/proc/self/mem writes where the mapping does not allow it, if it may."""
    address = mapped(descriptor, READ)
    with open("/proc/self/mem", "r+b", buffering=0) as file:
        file.seek(address + PLACE)
        file.write(MARK)


def vector_write(descriptor):
    """process_vm_writev into a mapping of one's own."""
    address = mapped(descriptor, READ)
    data = ctypes.create_string_buffer(MARK)
    parts = (ctypes.c_void_p * 2)(ctypes.addressof(data), len(MARK)), (ctypes.c_void_p * 2)(address + PLACE, len(MARK))
    check(LIBC.process_vm_writev(os.getpid(), parts[0], 1, parts[1], 1, 0))


def by_a_tracer(descriptor):
    """A child maps it, stops, and its parent pokes by ptrace, which ignores what the mapping allows, if it may."""
    address = mapped(descriptor, READ)
    child = os.fork()
    if child == 0:
        LIBC.ptrace(0, 0, 0, 0)
        os.kill(os.getpid(), 19)
        os._exit(0)
    os.waitpid(child, 0)
    ctypes.set_errno(0)
    LIBC.ptrace.argtypes = [ctypes.c_long] * 4
    result = LIBC.ptrace(4, child, address + PLACE, int.from_bytes(MARK, "little"))
    error = ctypes.get_errno()
    os.kill(child, 9)
    os.waitpid(child, 0)
    if result < 0:
        raise OSError(error, os.strerror(error))


def copied_in(descriptor):
    with tempfile.TemporaryFile() as file:
        file.write(MARK)
        file.flush()
        os.lseek(descriptor, PLACE, os.SEEK_SET)
        os.sendfile(descriptor, file.fileno(), 0, len(MARK))


def spliced_in(descriptor):
    read, write = os.pipe()
    try:
        os.write(write, MARK)
        os.splice(read, descriptor, len(MARK), offset_dst=PLACE)
    finally:
        os.close(read)
        os.close(write)


def hole(descriptor):
    check(LIBC.fallocate(descriptor, 3, 0, PAGE))  # keep the size, punch a hole: the page is zeros


def removed_pages(descriptor):
    address = mapped(descriptor, READ)
    check(LIBC.madvise(address, PAGE, 9))  # MADV_REMOVE


def cut_short(descriptor):
    os.ftruncate(descriptor, 0)


ATTACKS = (map_writable, protect_later, move_and_protect, open_again, open_and_write, vector_write, through_memory_file,
           by_a_tracer, copied_in, spliced_in, hole, removed_pages, cut_short)
# Linux refuses these on every mapping that is only read, sealed or not.
NEVER = {vector_write, through_memory_file, by_a_tracer, removed_pages}


class OneWriter(unittest.TestCase):
    def setUp(self):
        self.kernel = p.Kernel(gs.build_folder(), options=() if os.geteuid() == 0 else ("--optional", "cgroup"))
        self.addCleanup(self.kernel.remove)
        self.kernel.start()

    def attached(self):
        """A segment whose owner has attached: its descriptor and the owner's mapping."""
        owner, client = self.kernel.connect(), self.kernel.connect()
        self.addCleanup(owner.close)
        self.addCleanup(client.close)
        server = owner.create(self.kernel.spec("test.server", ["/bin/true"], capabilities=[(p.IPC_RECV, "test.echo")]))
        owner.request(p.ENDPOINT_CREATE, p.name("test.echo") + bytes(8) + struct.pack("<Q", server)).close()
        reply = client.request(p.CHANNEL_CONNECT, p.name("test.echo") + bytes(48))
        segment = os.dup(reply.descriptors[0])
        self.addCleanup(os.close, segment)
        handle, = struct.unpack_from("<Q", reply.body)
        reply.close()
        mine = mmap.mmap(segment, PAGE)
        self.addCleanup(mine.close)
        mine[PLACE:PLACE + 8] = b"original"
        client.request(p.CHANNEL_ATTACHED, struct.pack("<Q", handle)).close()
        return segment, mine

    def test_each_way_works_on_memory_that_is_not_sealed(self):
        for attack in set(ATTACKS) - NEVER:
            with self.subTest(attack.__name__):
                memory = os.memfd_create("plain", os.MFD_ALLOW_SEALING)
                os.write(memory, b"original" * (PAGE // 8))
                attack(memory)
                self.assertNotEqual(os.pread(memory, 8, PLACE), b"original")
                os.close(memory)

    def test_none_works_on_a_segment(self):
        segment, mine = self.attached()
        for attack in ATTACKS:
            with self.subTest(attack.__name__):
                with contextlib.suppress(OSError):
                    attack(segment)
                self.assertEqual(mine[PLACE:PLACE + 8], b"original")
                self.assertEqual(os.pread(segment, 8, PLACE), b"original")
        mine[PLACE:PLACE + 8] = b"changed!"
        self.assertEqual(os.pread(segment, 8, PLACE), b"changed!", "the owner no longer writes what the peer reads")

    def test_the_kernels_own_descriptor_is_no_way_round(self):
        """The kernel holds the same memory; opened through /proc/PID/fd by root it is sealed all the same."""
        segment, mine = self.attached()
        inode, found = os.fstat(segment).st_ino, 0
        folder = f"/proc/{self.kernel.process.pid}/fd"
        for name in os.listdir(folder):
            with contextlib.suppress(OSError):
                if os.stat(f"{folder}/{name}").st_ino != inode:
                    continue
                found += 1
                again = os.open(f"{folder}/{name}", os.O_RDWR)
                self.addCleanup(os.close, again)
                for attack in ATTACKS:
                    with contextlib.suppress(OSError):
                        attack(again)
        self.assertGreater(found, 0)
        self.assertEqual(mine[PLACE:PLACE + 8], b"original")

    def test_seals_cannot_be_taken_off_or_added(self):
        import fcntl
        segment, _ = self.attached()
        seals = fcntl.fcntl(segment, 1034)
        self.assertEqual(seals & 0x17, 0x17, "seal, shrink, grow, future write")
        with self.assertRaises(OSError):
            fcntl.fcntl(segment, 1033, 0x8)


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("skipped: the attacker of this test is root")
        sys.exit(77)
    gs.main()
