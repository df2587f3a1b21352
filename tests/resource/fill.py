"""A program that wants more room on disk than it may have, each time in another way: fill.py WAY FOLDER.

It takes all it can, says in one line of JSON what stopped it and how many bytes it believes to have, and ends.
"""
import ctypes
import errno
import json
import mmap
import os
import sys
import threading

BLOCK = bytes(65536)
MANY = 1 << 20


def write(folder):
    """One file, as fast as it can."""
    done = 0
    file = os.open(folder + "/one", os.O_WRONLY | os.O_CREAT)
    try:
        while True:
            done += os.write(file, BLOCK)
    except OSError as error:
        return error.errno, done


def write_together(folder):
    """Eight threads, each its own files, at the same time."""
    done = [0] * 8
    stopped = []

    def work(number):
        try:
            for count in range(MANY):
                with open(f"{folder}/{number}-{count}", "wb", 0) as file:
                    done[number] += file.write(BLOCK)
        except OSError as error:
            stopped.append(error.errno)
    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return stopped[0], sum(done)


def make_empty(folder):
    """Files without a byte, which take room all the same."""
    for count in range(MANY):
        try:
            os.close(os.open(f"{folder}/{count}", os.O_WRONLY | os.O_CREAT))
        except OSError as error:
            return error.errno, count * 256
    return 0, 0


def make_folders(folder):
    for count in range(MANY):
        try:
            os.mkdir(f"{folder}/{count}")
        except OSError as error:
            return error.errno, count * 4096
    return 0, 0


def make_links(folder):
    """Hard and symbolic links: names that are longer than what they stand for."""
    with open(folder + "/file", "wb"):
        pass
    for count in range(MANY):
        try:
            os.link(folder + "/file", f"{folder}/{'h' * 200}{count}")
            os.symlink("x" * 4000, f"{folder}/{'s' * 200}{count}")
        except OSError as error:
            return error.errno, count * 4096
    return 0, 0


def allocate(folder):
    """Room that is asked for before anything is written, behind the end too."""
    libc, done = ctypes.CDLL(None, use_errno=True), 0
    file = os.open(folder + "/one", os.O_RDWR | os.O_CREAT)
    for mode in (0, 1, 0x10, 0x11):  # plain, behind the end, zeroed, both
        offset = done
        while libc.fallocate(file, mode, ctypes.c_long(offset), ctypes.c_long(65536)) == 0:
            offset += 65536
        done = max(done, offset)
    return ctypes.get_errno(), os.fstat(file).st_blocks * 512


def make_sparse(folder):
    """A long file without contents, which is then filled through memory."""
    size = MANY * 4096
    while size > 4096:
        with open(folder + "/sparse", "wb") as file:
            try:
                file.truncate(size)
                break
            except OSError:
                size //= 2
    with open(folder + "/sparse", "r+b") as file:
        with mmap.mmap(file.fileno(), size) as memory:
            for offset in range(0, size, 4096):
                memory[offset] = 1
            memory.flush()
    try:
        os.truncate(folder + "/sparse", MANY * 4096)
    except OSError as error:
        return error.errno, size
    return 0, 0


def hide(folder):
    """Files that have no name any more, and some that never had one."""
    held, done = [], 0
    try:
        held.append(os.open(folder, os.O_TMPFILE | os.O_RDWR))
    except OSError:
        pass
    try:
        for count in range(200):
            held.append(os.open(f"{folder}/{count}", os.O_WRONLY | os.O_CREAT))
            os.unlink(f"{folder}/{count}")
            done += os.write(held[-1], BLOCK)
    except OSError as error:
        return error.errno, done
    return 0, done


def attach(folder):
    """Extended attributes, which are no part of a file's length."""
    for count in range(1000):
        path = f"{folder}/{count}"
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT))
            os.setxattr(path, "user.more", bytes(3000))
        except OSError as error:
            return error.errno, 0
    return 0, 0


def churn(folder):
    """Makes and removes much more than fits, and at the end takes what is there: nothing may have got lost, nor be gained."""
    for count in range(400):
        name = f"{folder}/{count}"
        with open(name, "wb", 0) as file:
            file.write(BLOCK * 4)
        os.rename(name, folder + "/last")
        if count % 3 == 0:
            os.unlink(folder + "/last")
        if count % 7 == 0:
            os.mkdir(folder + "/inner")
            os.rmdir(folder + "/inner")
    if os.path.exists(folder + "/last"):
        os.unlink(folder + "/last")
    return write(folder)


def go():
    way, folder = sys.argv[1:]
    stopped, believed = globals()[way](folder)
    print(json.dumps({"stopped": errno.errorcode.get(stopped, stopped), "believed": believed}), flush=True)


if __name__ == "__main__":
    go()
