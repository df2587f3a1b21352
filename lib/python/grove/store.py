"""The store: keys and values in namespaces, changed by transactions (grove/store.h says what each call does).

    from grove import store

    mine = store.Store()                        # the namespace of this service's own name
    mine.set("feeder/7", b"closed")             # on disk when it returns
    print(mine.get("feeder/7").data)            # None if there is no such key

    with mine.transaction() as change:          # committed at the end of the block, or not at all
        seen = change.get("a")                  # the commit raises grove.Again if it changes meanwhile
        change.set("b", seen.data + b"!")

Keys are bytes or text (as UTF-8), values bytes. Times are in seconds, as everywhere.
"""
from collections import namedtuple
from ctypes import (CFUNCTYPE, POINTER, Structure, byref, c_bool, c_char_p, c_int, c_size_t, c_uint32, c_uint64,
                    c_void_p, create_string_buffer)

from . import native
from .errors import NotFound, StaleHandle, TimedOut, TooLarge, check
from .native import SECOND, bytes_of, library, nanoseconds, text_of
from .sessions import session_or_default

READ, WRITE = 1, 2  # enum grove_store_rights

Value = namedtuple("Value", "data version expires")
Value.__doc__ = "What a key holds. `expires` is seconds since 1970, or None."
Entry = namedtuple("Entry", "key data version expires length")
Entry.__doc__ = "A key of a scan; data is None with keys_only, `length` is told always."
Change = namedtuple("Change", "key version is_deleted")


class RawValue(Structure):
    _fields_ = [("data", c_void_p), ("length_bytes", c_size_t), ("version", c_uint64), ("expires_ns", c_uint64),
                ("internal", native.Answer)]


class RawSnapshot(Structure):
    _fields_ = [("id", c_uint64), ("version", c_uint64)]


class RawScan(Structure):
    _fields_ = [("prefix", c_char_p), ("prefix_bytes", c_size_t), ("start", c_char_p), ("end", c_char_p),
                ("start_bytes", c_size_t), ("end_bytes", c_size_t), ("limit", c_uint64), ("is_backward", c_bool),
                ("keys_only", c_bool), ("snapshot", POINTER(RawSnapshot))]


class RawEntry(Structure):
    _fields_ = [("key", c_void_p), ("key_bytes", c_size_t), ("data", c_void_p), ("length_bytes", c_size_t),
                ("version", c_uint64), ("expires_ns", c_uint64)]


class RawChange(Structure):
    _fields_ = [("key", c_void_p), ("key_bytes", c_size_t), ("version", c_uint64), ("is_deleted", c_bool)]


EntryHandler = CFUNCTYPE(c_int, POINTER(RawEntry), c_void_p)
ChangeHandler = CFUNCTYPE(None, POINTER(RawChange), c_void_p)
CommitHandler = CFUNCTYPE(None, c_int, c_uint64, c_void_p)


def declare():
    p, text, size, u32, u64, out = c_void_p, c_char_p, c_size_t, c_uint32, c_uint64, POINTER(c_uint64)
    table = {
        "open_with": (c_int, p, text, POINTER(p)), "close": (None, p), "set_timeout": (None, p, u64), "name": (text, p),
        "get": (c_int, p, text, size, POINTER(RawValue)), "value_release": (None, POINTER(RawValue)),
        "set": (c_int, p, text, size, text, size, out), "set_for": (c_int, p, text, size, text, size, u64, out),
        "delete": (c_int, p, text, size, out), "compare_and_set": (c_int, p, text, size, u64, text, size, out),
        "begin": (c_int, p, POINTER(p)), "rollback": (None, p), "commit": (c_int, p, out),
        "commit_start": (c_int, p, CommitHandler, p),
        "transaction_get": (c_int, p, text, text, size, POINTER(RawValue)),
        "transaction_set": (c_int, p, text, text, size, text, size, u64),
        "transaction_delete": (c_int, p, text, text, size), "transaction_expect": (c_int, p, text, text, size, u64),
        "transaction_expect_namespace": (c_int, p, text, u64),
        "snapshot": (c_int, p, u64, POINTER(RawSnapshot)), "snapshot_end": (c_int, p, POINTER(RawSnapshot)),
        "get_at": (c_int, p, POINTER(RawSnapshot), text, size, POINTER(RawValue)),
        "scan": (c_int, p, POINTER(RawScan), EntryHandler, p, out),
        "watch": (c_int, p, text, size, u64, ChangeHandler, p, out), "share": (c_int, p, text, size, text, u32),
        "map_open": (c_int, p, POINTER(p)), "map_get": (c_int, p, text, size, p, POINTER(size), out),
        "map_close": (None, p),
    }
    for name, (result, *arguments) in table.items():
        function = getattr(library, "grove_store_" + name)
        function.restype, function.argtypes = result, arguments


declare()


def key_of(key):
    return key.encode() if isinstance(key, str) else bytes(key)


def name_of(namespace):
    return None if namespace is None else namespace.encode()


def seconds_of(expires_ns):
    return expires_ns / SECOND if expires_ns else None


def take(status, raw):
    """The Value of a call that read one; None if there is no such key."""
    if status == NotFound.status:
        return None
    check(status)
    try:
        return Value(bytes_of(raw.data, raw.length_bytes), raw.version, seconds_of(raw.expires_ns))
    finally:
        library.grove_store_value_release(byref(raw))


class Snapshot:
    """A state of the store that does not change. Ends with its block, or its time."""

    def __init__(self, store, raw):
        self._store, self._raw = store, raw

    version = property(lambda self: self._raw.version)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def end(self):
        check(library.grove_store_snapshot_end(self._store._handle, byref(self._raw)))

    def get(self, key):
        key, raw = key_of(key), RawValue()
        return take(library.grove_store_get_at(self._store._handle, byref(self._raw), key, len(key), byref(raw)), raw)

    def scan(self, **options):
        return self._store.scan(snapshot=self, **options)


class Transaction:
    """Gathers what it will do; commit() does all of it or nothing. As a block it commits at the end of it."""

    def __init__(self, store):
        self._store, self._handle = store, c_void_p()
        check(library.grove_store_begin(store._handle, byref(self._handle)))
        self.version = None

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if self._handle and kind is None:
            self.commit()
        else:
            self.rollback()

    def get(self, key, *, namespace=None):
        """A key that is read here must be unchanged at the commit."""
        key, raw = key_of(key), RawValue()
        return take(library.grove_store_transaction_get(self._handle, name_of(namespace), key, len(key), byref(raw)), raw)

    def set(self, key, value, *, namespace=None, lifetime=None):
        key, value = key_of(key), bytes(value)
        check(library.grove_store_transaction_set(self._handle, name_of(namespace), key, len(key), value, len(value),
                                                  nanoseconds(lifetime)))

    def delete(self, key, *, namespace=None):
        key = key_of(key)
        check(library.grove_store_transaction_delete(self._handle, name_of(namespace), key, len(key)))

    def expect(self, key, version, *, namespace=None):
        """The key must have this version at the commit; 0: be absent."""
        key = key_of(key)
        check(library.grove_store_transaction_expect(self._handle, name_of(namespace), key, len(key), version))

    def expect_namespace(self, version, *, namespace=None):
        check(library.grove_store_transaction_expect_namespace(self._handle, name_of(namespace), version))

    def commit(self):
        """Returns the version. Raises grove.Again if something that was read or expected has changed."""
        handle, self._handle, version = self._handle, None, c_uint64()
        check(library.grove_store_commit(handle, byref(version)))
        self.version = version.value
        return self.version

    def start(self, done):
        """Commit without waiting: done(status, version) runs from dispatch or the run loop; status 0 is success."""
        key, handle = object(), self._handle

        def finish(status, version, _):
            self._store._started.pop(key, None)
            done(status, version)

        callback = CommitHandler(finish)
        self._store._started[key], self._handle = callback, None
        status = library.grove_store_commit_start(handle, callback, None)
        if status < 0:
            self._store._started.pop(key, None)
        check(status)

    def rollback(self):
        if self._handle:
            library.grove_store_rollback(self._handle)
            self._handle = None


class Map:
    """What a namespace holds, read without a system call. See grove_store_map_open."""

    def __init__(self, handle):
        self._handle, self._buffer = handle, create_string_buffer(4096)

    def get(self, key):
        """The Value, or None if it is not in the map. Raises grove.StaleHandle when the map is to be opened again."""
        key, version, size = key_of(key), c_uint64(), c_size_t(len(self._buffer))
        status = library.grove_store_map_get(self._handle, key, len(key), self._buffer, byref(size), byref(version))
        if status == TooLarge.status:
            self._buffer = create_string_buffer(size.value)
            return self.get(key)
        if status == NotFound.status:
            return None
        check(status)
        return Value(self._buffer.raw[:size.value], version.value, None)

    def close(self):
        library.grove_store_map_close(self._handle)
        self._handle = None


class Store:
    """A namespace of the store: by default the one of this service's own name."""

    def __init__(self, namespace=None, *, session=None, timeout=None):
        self._session, self._handle, self._started = session_or_default(session), c_void_p(), {}
        check(library.grove_store_open_with(self._session._handle, name_of(namespace), byref(self._handle)))
        if timeout is not None:
            library.grove_store_set_timeout(self._handle, nanoseconds(timeout))

    name = property(lambda self: text_of(library.grove_store_name(self._handle)))

    def close(self):
        if self._handle:
            library.grove_store_close(self._handle)
            self._handle = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def get(self, key):
        key, raw = key_of(key), RawValue()
        return take(library.grove_store_get(self._handle, key, len(key), byref(raw)), raw)

    def set(self, key, value, *, lifetime=None):
        """Returns the version. With a lifetime it is gone after so many seconds."""
        key, value, version = key_of(key), bytes(value), c_uint64()
        if lifetime is None:
            check(library.grove_store_set(self._handle, key, len(key), value, len(value), byref(version)))
        else:
            check(library.grove_store_set_for(self._handle, key, len(key), value, len(value), nanoseconds(lifetime),
                                              byref(version)))
        return version.value

    def delete(self, key):
        key, version = key_of(key), c_uint64()
        check(library.grove_store_delete(self._handle, key, len(key), byref(version)))
        return version.value

    def compare_and_set(self, key, expected, value):
        """Set only if the key has this version (0: is absent); raises grove.Again if it has another."""
        key, value, version = key_of(key), bytes(value), c_uint64()
        check(library.grove_store_compare_and_set(self._handle, key, len(key), expected, value, len(value),
                                                  byref(version)))
        return version.value

    def transaction(self):
        return Transaction(self)

    def snapshot(self, lifetime=10.0):
        raw = RawSnapshot()
        check(library.grove_store_snapshot(self._handle, nanoseconds(lifetime), byref(raw)))
        return Snapshot(self, raw)

    def scan(self, *, prefix=None, start=None, end=None, limit=0, backward=False, keys_only=False, snapshot=None):
        """A list of Entry: keys with a prefix, or start <= key < end."""
        prefix, start, end = (None if key is None else key_of(key) for key in (prefix, start, end))
        raw = RawScan(prefix, len(prefix or b""), start, end, len(start or b""), len(end or b""), limit, backward,
                      keys_only)
        if snapshot is not None:
            raw.snapshot = POINTER(RawSnapshot)(snapshot._raw)
        found = []

        def take_entry(entry, _):
            entry = entry.contents
            data = None if keys_only else bytes_of(entry.data, entry.length_bytes)
            found.append(Entry(bytes_of(entry.key, entry.key_bytes), data, entry.version, seconds_of(entry.expires_ns),
                               entry.length_bytes))
            return 0

        version = c_uint64()
        check(library.grove_store_scan(self._handle, byref(raw), EntryHandler(take_entry), None, byref(version)))
        self.scanned_version = version.value
        return found

    scanned_version = 0  # nothing in the latest scan's first page is younger: for Transaction.expect_namespace, watch

    def watch(self, version, *, prefix=b"", timeout=30.0):
        """Wait for changes after `version`: (changes, version to go on from). No change in time: ([], version). Raises
        grove.StaleHandle when changes may have been missed; its `version` is where to go on, after a new scan."""
        prefix, changes, number = key_of(prefix), [], c_uint64(version)

        def take_change(change, _):
            change = change.contents
            changes.append(Change(bytes_of(change.key, change.key_bytes), change.version, bool(change.is_deleted)))

        status = library.grove_store_watch(self._handle, prefix, len(prefix), int(timeout * SECOND),
                                           ChangeHandler(take_change), None, byref(number))
        if status == StaleHandle.status:
            problem = StaleHandle(text_of(library.grove_last_error()))
            problem.version = number.value
            raise problem
        if status != TimedOut.status:
            check(status)
        return changes, number.value

    def share(self, with_, rights, *, prefix=b""):
        """Let the services that a pattern names read (1), write (2) or both (3) below a prefix; 0 ends it."""
        prefix = key_of(prefix)
        check(library.grove_store_share(self._handle, prefix, len(prefix), with_.encode(), rights))

    def map(self):
        handle = c_void_p()
        check(library.grove_store_map_open(self._handle, byref(handle)))
        return Map(handle)
