"""Threads, processes, sockets, files, a database and an event loop, as programs in Python use them."""
import asyncio
import concurrent.futures
import ctypes
import hashlib
import json
import mmap
import multiprocessing
import os
import select
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import zlib


def threads():
    lock, results, barrier = threading.Lock(), [], threading.Barrier(8)

    def work(number):
        barrier.wait()
        for _ in range(100):
            with lock:
                results.append(number)
    running = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        squares = sum(pool.map(lambda x: x * x, range(200)))
    event = threading.Event()
    threading.Timer(0.01, event.set).start()
    print("threads", len(results), squares, event.wait(60), event.wait(0))


def processes():
    done = subprocess.run(["sh", "-c", "cat; echo to stderr >&2; exit 3"], input=b"through", capture_output=True, check=False)
    print("run", done.returncode, done.stdout, done.stderr)
    with subprocess.Popen(["sleep", "100"]) as child:
        child.send_signal(signal.SIGTERM)
        print("signal", child.wait())
    try:
        subprocess.run(["sleep", "100"], timeout=0.05, check=False)
    except subprocess.TimeoutExpired:
        print("timed out")
    try:
        subprocess.run(["/no/such"], check=False)
    except FileNotFoundError as error:
        print(error.errno)
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(write, b"child")
        os._exit(5)
    print(os.read(read, 10), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    with multiprocessing.get_context("fork").Pool(3) as pool:
        print("pool", sum(pool.map(abs, range(-50, 50))))
    print("shell", subprocess.check_output("seq 1 100 | sort -rn | head -1", shell=True))


def sockets():
    folder = tempfile.mkdtemp()
    path = os.path.join(folder, "socket")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()

        def serve():
            end, _ = listener.accept()
            with end:
                while data := end.recv(65536):
                    end.sendall(hashlib.sha256(data).hexdigest().encode())
        server = threading.Thread(target=serve)
        server.start()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)
            for size in 1, 1000, 30000:
                client.sendall(b"x" * size)
                answer = b""
                while len(answer) % 64 or not answer:
                    answer += client.recv(100)
                print("socket", size, len(answer) // 64)
        server.join()
    os.unlink(path)
    os.rmdir(folder)
    left, right = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    socket.send_fds(left, [b"take"], [sys.stdout.fileno()])
    print(len(socket.recv_fds(right, 10, 3)[1]), select.select([right], [left], [], 0)[1] == [left])


def files():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "data")
        with open(path, "w+b") as file:
            file.write(bytes(range(256)) * 64)
            file.flush()
            with mmap.mmap(file.fileno(), 0) as memory:
                memory[0:5] = b"hello"
                print(memory.find(b"\xfe\xff"), memory[:5])
            os.truncate(path, 100)
            file.seek(0)
            print(len(file.read()), os.stat(path).st_size)
        os.makedirs(os.path.join(folder, "a/b/c"))
        os.symlink("b", os.path.join(folder, "a/link"))
        print([sorted(names) for _, names, _ in os.walk(folder)], os.path.realpath(folder + "/a/link/c")[-6:])
        print(sorted(entry.name for entry in os.scandir(folder)), os.access(path, os.X_OK))
    print(zlib.crc32(b"text"), json.loads(json.dumps({"a": [1, 2.5, None, "ü"]})))


def database():
    with sqlite3.connect(":memory:") as base:
        base.execute("create table t (a integer, b text)")
        base.executemany("insert into t values (?, ?)", ((i, str(i)) for i in range(1000)))
        print("sqlite", base.execute("select count(*), sum(a), max(b) from t").fetchone())
    with tempfile.TemporaryDirectory() as folder:
        base = sqlite3.connect(folder + "/base")
        base.execute("pragma journal_mode=wal")
        base.execute("create table t (a)")
        other = sqlite3.connect(folder + "/base", timeout=0.01)
        base.execute("begin immediate")
        try:
            other.execute("insert into t values (1)")
        except sqlite3.OperationalError as error:
            print(error)
        base.rollback()
        other.execute("insert into t values (1)")
        other.commit()
        print(base.execute("select count(*) from t").fetchone(), base.execute("pragma integrity_check").fetchone())
        base.close()
        other.close()


async def loop():
    async def answer(reader, writer):
        while line := await reader.readline():
            writer.write(line.upper())
            await writer.drain()
        writer.close()
    folder = tempfile.mkdtemp()
    server = await asyncio.start_unix_server(answer, folder + "/socket")

    async def ask(number):
        reader, writer = await asyncio.open_unix_connection(folder + "/socket")
        for i in range(20):
            writer.write(f"client {number} {i}\n".encode())
            got = await reader.readline()
        writer.close()
        return got
    print(sorted(await asyncio.gather(*(ask(i) for i in range(10))))[-1])
    child = await asyncio.create_subprocess_exec("sh", "-c", "read x; echo got $x", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    print(await child.communicate(b"line\n"), child.returncode)
    try:
        await asyncio.wait_for(asyncio.sleep(100), 0.02)
    except asyncio.TimeoutError:
        print("timeout")
    server.close()
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, lambda: print("usr1"))
    os.kill(os.getpid(), signal.SIGUSR1)
    await asyncio.sleep(0.01)
    print(await asyncio.to_thread(sum, range(100)))


def machine():
    libc = ctypes.CDLL(None, use_errno=True)
    print(libc.abs(-5), libc.open(b"/no/such", 0), ctypes.get_errno())
    before = time.monotonic()
    time.sleep(0.01)
    print(time.monotonic() - before >= 0.01, os.cpu_count() >= 1, len(os.urandom(16)), os.uname().sysname)
    signal.signal(signal.SIGALRM, lambda *_: print("alarm"))
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    signal.pause()
    print(os.get_terminal_size(0) if os.isatty(0) else "no terminal", os.getcwd(), sys.version_info[:2])
    master, slave = os.openpty()
    os.write(master, b"typed\n")
    print(os.read(slave, 10), os.isatty(slave), os.ttyname(slave).startswith("/dev/pts/"))


threads()
processes()
sockets()
files()
database()
asyncio.run(loop())
machine()
