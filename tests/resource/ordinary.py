"""What programs do with files, in a folder that is counted: ordinary.py FOLDER. Says "all of it works" at the end."""
import fcntl
import mmap
import os
import socket
import sqlite3
import sys


def contents(folder):
    path = folder + "/text"
    with open(path, "w+", encoding="ascii") as file:
        file.write("one\n")
        file.flush()
        os.fsync(file.fileno())
        file.seek(0)
        assert file.read() == "one\n"
    with open(path, "a", encoding="ascii") as file:
        file.write("two\n")
    with open(path, encoding="ascii") as file:
        assert file.read() == "one\ntwo\n"
    os.truncate(path, 3)
    assert os.stat(path).st_size == 3
    with open(path, "r+b") as file:
        file.truncate(8192)
        with mmap.mmap(file.fileno(), 8192) as memory:
            memory[5000:5004] = b"here"
        file.seek(5000)
        assert file.read(4) == b"here"
    size = 3 << 20
    with open(folder + "/large", "wb") as file:
        file.write(os.urandom(1) * size)
    with open(folder + "/large", "rb") as file:
        assert len(set(file.read())) == 1 and file.tell() == size
    os.posix_fallocate(os.open(folder + "/room", os.O_RDWR | os.O_CREAT), 0, 65536)
    os.unlink(folder + "/large")


def names(folder):
    os.makedirs(folder + "/a/b/c")
    for count in range(1500):
        with open(f"{folder}/a/b/{count}-{'n' * 100}", "wb"):
            pass
    assert len(os.listdir(folder + "/a/b")) == 1501
    os.rename(folder + "/a/b", folder + "/moved")
    with open(folder + "/moved/c/file", "wb") as file:
        file.write(b"1")
        file.flush()
        os.unlink(folder + "/moved/c/file")
        file.write(b"2")
    os.link(folder + "/text", folder + "/other")
    assert os.stat(folder + "/other").st_nlink == 2 and os.stat(folder + "/other").st_ino == os.stat(folder + "/text").st_ino
    os.symlink("text", folder + "/link")
    assert os.readlink(folder + "/link") == "text" and os.stat(folder + "/link").st_size == 8192
    os.replace(folder + "/other", folder + "/link")
    try:
        open(folder + "/text", "xb")
    except FileExistsError:
        pass
    for name in os.listdir(folder + "/moved"):
        path = folder + "/moved/" + name
        os.rmdir(path) if name == "c" else os.unlink(path)
    os.rmdir(folder + "/moved")


def attributes(folder):
    path = folder + "/text"
    os.chmod(path, 0o640)
    os.utime(path, ns=(10**18, 10**18 + 5))
    status = os.stat(path)
    assert status.st_mode & 0o7777 == 0o640 and status.st_mtime_ns == 10**18 + 5
    assert (status.st_uid, status.st_gid) == (os.getuid(), os.getgid())
    os.chown(path, os.getuid(), -1)
    with open(path, "rb") as one, open(path, "rb") as other:
        fcntl.flock(one, fcntl.LOCK_EX)
        try:
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
            raise AssertionError("two have the lock")
        except BlockingIOError:
            pass


def others(folder):
    database = sqlite3.connect(folder + "/base")
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("CREATE TABLE t (n INTEGER)")
    for number in range(200):
        with database:
            database.execute("INSERT INTO t VALUES (?)", (number,))
    assert database.execute("SELECT sum(n) FROM t").fetchone() == (19900,)
    database.close()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(folder + "/socket")
    listener.listen()
    client = socket.socket(socket.AF_UNIX)
    client.connect(folder + "/socket")
    os.mkfifo(folder + "/fifo")


for part in (contents, names, attributes, others):
    part(sys.argv[1])
print("all of it works")
