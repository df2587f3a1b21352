"""A provider for the store, in Python: keeps namespaces in one file of JSON lines, each written and synchronised before it is
answered.

The store passes on what its clients ask, in its own protocol (lib/include/grove/store_wire.h), after it has checked who may.
What a provider must do is here: check expectations, apply a commit whole, make it durable, apply the same one once, and find
keys and ranges. Encryption (--encrypt on) and quotas it leaves to the store, which counts by the sizes that a scan for keys gives.

    grove store quota demo.notes --provider demo.provider     while the namespace is empty
"""
import bisect
import json
import os
import struct
import sys
import time

import grove

COMMIT, GET, SCAN = 1, 2, 3
SET, ERASE, EXPECT, EXPECT_NAMESPACE = 1, 2, 3, 4
BACKWARD, KEYS_ONLY, AFTER, TO_END = 1, 2, 4, 8
VERSION = 1
HEAD, OPERATION = struct.Struct("<IIIIQQ"), struct.Struct("<HBBIQQ")
GET_HEAD, SCAN_HEAD = struct.Struct("<IIQBB6x"), struct.Struct("<IIQIBBBx")
OUTCOME, RECORD, PAGE = struct.Struct("<IIQII"), struct.Struct("<IIQQBBB5x"), struct.Struct("<IIIIQ")
PAGE_BYTES = 40000
REMEMBERED = 10000  # commits by which one that comes again is known


class Keeper:
    """All entries: {namespace: {key: (value, version, ends)}}, in memory and in the file."""

    def __init__(self, path):
        self.spaces, self.changed, self.commits, self.version = {}, {}, {}, 0
        self.file = open(path, "a+b", buffering=0)
        self.file.seek(0)
        good = 0
        for line in self.file:
            if not line.endswith(b"\n"):  # torn by a crash: it was not acknowledged
                break
            self.replay(json.loads(line))
            good += len(line)
        self.file.truncate(good)

    def replay(self, line):
        self.version = line["version"]
        for name, key, value, ends in line["writes"]:
            key, space = bytes.fromhex(key), self.spaces.setdefault(name, {})
            space.pop(key, None)
            if value is not None:
                space[key] = (bytes.fromhex(value), self.version, ends)
            self.changed[name] = self.version
        self.commits[tuple(line["from"])] = self.version
        while len(self.commits) > REMEMBERED:
            del self.commits[next(iter(self.commits))]

    def entry(self, name, key):
        value = self.spaces.get(name, {}).get(key)
        return None if value is not None and 0 < value[2] <= time.time() * 1000 else value

    def commit(self, origin, number, operations):
        if (origin, number) in self.commits:
            return OUTCOME.pack(VERSION, 0, self.commits[origin, number], 0, 0)
        writes = []
        for index, (kind, name, key, value, version, lifetime) in enumerate(operations):
            if kind in (EXPECT, EXPECT_NAMESPACE):
                entry = self.entry(name, key) if kind == EXPECT else None
                found = self.changed.get(name, 0) if kind == EXPECT_NAMESPACE else entry[1] if entry else 0
                if found != version if kind == EXPECT else found > version:
                    return OUTCOME.pack(VERSION, 1, found, index, 0)
            else:
                ends = int(time.time() * 1000) + lifetime if lifetime else 0
                writes.append((name, key.hex(), value.hex() if kind == SET else None, ends))
        line = {"version": self.version + 1, "from": (origin, number), "writes": writes}
        try:
            self.file.write(json.dumps(line).encode() + b"\n")
            os.fsync(self.file.fileno())
        except OSError as problem:
            raise grove.IoError(f"the provider's file cannot be written: {problem}") from problem
        self.replay(line)
        return OUTCOME.pack(VERSION, 0, self.version, 0, 0)


def record(key, entry, has_value):
    value, version, ends = entry
    return RECORD.pack(VERSION, len(value), version, ends, len(key), 0, has_value) + key + (value if has_value else b"")


def message_of(request):
    return bytes(request.slice) if request.slice is not None else request.data


def reply(request, data):
    if len(data) <= 4096:
        return data
    loan = request.loan(len(data))
    loan.view[:] = data
    request.reply(loan=loan)
    return None


def serve(keeper, service, endpoint):
    @service.on(endpoint, COMMIT)
    def commit(request):
        data, operations = message_of(request), []
        _, count, _, _, origin, number = HEAD.unpack_from(data)
        at = HEAD.size
        for _ in range(count):
            kind, name_bytes, key_bytes, value_bytes, version, lifetime = OPERATION.unpack_from(data, at)
            at += OPERATION.size
            name, at = data[at:at + name_bytes].decode(), at + name_bytes
            key, at = data[at:at + key_bytes], at + key_bytes
            value, at = data[at:at + value_bytes], at + value_bytes
            at += -at % 8
            operations.append((kind, name, key, value, version, lifetime))
        return keeper.commit(origin, number, operations)

    @service.on(endpoint, GET)
    def get(request):
        data = message_of(request)
        _, _, _, name_bytes, key_bytes = GET_HEAD.unpack_from(data)
        at = GET_HEAD.size
        name, key = data[at:at + name_bytes].decode(), data[at + name_bytes:at + name_bytes + key_bytes]
        entry = keeper.entry(name, key)
        return RECORD.pack(VERSION, 0, 0, 0, 0, 0, 0) if entry is None else reply(request, record(b"", entry, 1))

    @service.on(endpoint, SCAN)
    def scan(request):
        data = message_of(request)
        _, flags, _, limit, name_bytes, from_bytes, to_bytes = SCAN_HEAD.unpack_from(data)
        at = SCAN_HEAD.size
        name, at = data[at:at + name_bytes].decode(), at + name_bytes
        first, last = data[at:at + from_bytes], data[at + from_bytes:at + from_bytes + to_bytes]
        keys = sorted(keeper.spaces.get(name, {}))
        begin = (bisect.bisect_right if flags & AFTER else bisect.bisect_left)(keys, first)
        keys = keys[begin:len(keys) if flags & TO_END else bisect.bisect_left(keys, last)]
        page, count, more = b"", 0, 0
        for key in reversed(keys) if flags & BACKWARD else keys:
            entry = keeper.entry(name, key)
            if entry is None:
                continue
            one = record(key, entry, 0 if flags & KEYS_ONLY else 1)
            if count and (count == limit or len(page) + len(one) > PAGE_BYTES):
                more = 1
                break
            page, count = page + one + bytes(-len(one) % 8), count + 1
        return reply(request, PAGE.pack(VERSION, count, more, 0, keeper.version) + page)


def main():
    service = grove.Service()
    serve(Keeper(os.path.join(sys.argv[1], "entries")), service, sys.argv[2])
    grove.extensions.register("storage", "json-lines", sys.argv[2])
    service.run()


if __name__ == "__main__":
    main()
