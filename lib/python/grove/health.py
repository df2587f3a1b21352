"""Health: grove/health.h.

    overall, records = grove.health.read()
    grove.health.register(service, "disk", check=lambda: None, endpoint="historian")    # raise to say that it is not well
    grove.health.subscribe(service, "grid.*", lambda record: print(record.name, record.status))
"""
from ctypes import CFUNCTYPE, POINTER, Structure, byref, c_char, c_char_p, c_int, c_size_t, c_uint32, c_uint64, c_void_p, memmove
from typing import NamedTuple

from . import native
from .errors import Error, HandlerFailed, Invalid, check as checked
from .native import SECOND, library, nanoseconds, text_of

STATUSES = ("unknown", "ok", "degraded", "failing")
CAUSES = ("none", "failed check", "blocked", "looping", "starved", "throttled", "frozen", "down", "trend")
SEVERITIES = ("info", "warning", "critical")
PAGE_RECORDS = 48


class _Query(Structure):
    _fields_ = [("version", c_uint32), ("cursor", c_uint32), ("name", native.Name), ("check", c_char * 32),
                ("least", c_uint32), ("reserved", c_uint32)]


class _Page(Structure):
    _fields_ = [("version", c_uint32), ("count", c_uint32), ("cursor", c_uint32), ("status", c_uint32),
                ("sequence", c_uint64), ("counts", c_uint32 * 4)]


class _Record(Structure):
    _fields_ = [("name", native.Name), ("status", c_uint32), ("cause", c_uint32), ("generation", c_uint32),
                ("checks", c_uint32), ("failing", c_uint32), ("alerts", c_uint32), ("since_ns", c_uint64),
                ("sequence", c_uint64), ("memory_bytes", c_uint64), ("reason", c_char * 192)]


class _Registration(Structure):
    _fields_ = [("name", c_char_p), ("endpoint", c_char_p), ("interval_ns", c_uint64), ("timeout_ns", c_uint64),
                ("failures", c_uint32), ("severity", c_int)]


_Function = CFUNCTYPE(c_int, c_void_p, c_size_t, c_void_p)
_Handler = CFUNCTYPE(None, POINTER(_Record), c_void_p)
library.grove_health_read.restype = c_int
library.grove_health_read.argtypes = [c_void_p, POINTER(_Query), POINTER(_Page), POINTER(_Record), c_uint32]
library.grove_health_subscribe.restype = c_int
library.grove_health_subscribe.argtypes = [c_void_p, c_char_p, _Handler, c_void_p, POINTER(c_void_p)]
library.grove_health_unsubscribe.restype = None
library.grove_health_unsubscribe.argtypes = [c_void_p]
library.grove_health_register.restype = c_int
library.grove_health_register.argtypes = [c_void_p, POINTER(_Registration), _Function, c_void_p]
library.grove_health_report.restype = c_int
library.grove_health_report.argtypes = [c_char_p, c_int, c_char_p]


class Record(NamedTuple):
    name: str
    status: str
    cause: str
    generation: int
    checks: int
    failing: int
    alerts: int
    since: float  # seconds, monotonic
    memory_bytes: int
    reason: str


def _word(words, number):
    return words[number] if number < len(words) else str(number)


def _record(raw):
    return Record(text_of(raw.name.text), _word(STATUSES, raw.status), _word(CAUSES, raw.cause), raw.generation,
                  raw.checks, raw.failing, raw.alerts, raw.since_ns / SECOND, raw.memory_bytes, text_of(raw.reason))


def read(pattern="", *, session=None):
    """The overall status, and a list of Record: the services that have checks or are down, by shell pattern."""
    query, page, records = _Query(name=native.Name(pattern.encode())), _Page(), (_Record * PAGE_RECORDS)()
    result = []
    while True:
        checked(library.grove_health_read(session._handle if session else None, byref(query), byref(page), records,
                                          PAGE_RECORDS))
        result += [_record(records[index]) for index in range(page.count)]
        if page.cursor == 0:
            return _word(STATUSES, page.status), result
        query.cursor = page.cursor


class Subscription:
    """Until close(), handler(record) is called from the service's run loop for each change."""

    def __init__(self, service, pattern, handler):
        def tell(pointer, _):
            service._guard(handler, _record(pointer.contents))

        self._callback, self._handle = _Handler(tell), c_void_p()
        checked(library.grove_health_subscribe(service._handle, pattern.encode(), self._callback, None,
                                               byref(self._handle)))

    def close(self):
        if self._handle:
            library.grove_health_unsubscribe(self._handle)
            self._handle = None


def subscribe(service, pattern, handler):
    return Subscription(service, pattern, handler)


def register(service, name, *, check=None, endpoint=None, interval=10.0, timeout=2.0, failures=3, severity="warning"):
    """Register a check of this service. check() returns nothing when all is well, and raises when it is not; without
    one, say report() at least once in each interval."""
    if severity not in SEVERITIES:
        raise Invalid(f"{severity!r} is no severity; there are {', '.join(SEVERITIES)}")

    def ask(sentence, size, _):
        try:
            check()
            return 0
        except Exception as problem:
            text = (str(problem) or type(problem).__name__).encode()[:size - 1] + b"\0"
            memmove(sentence, text, len(text))
            return (problem.status if isinstance(problem, Error) else None) or HandlerFailed.status

    callback = _Function(ask) if check else _Function()
    service._keep.append(callback)
    wanted = _Registration(name=name.encode(), endpoint=endpoint.encode() if endpoint else None,
                           interval_ns=nanoseconds(interval), timeout_ns=nanoseconds(timeout), failures=failures,
                           severity=SEVERITIES.index(severity))
    checked(library.grove_health_register(service._handle, byref(wanted), callback, None))


def report(check, problem=None):
    """Say how a check without a function stands: nothing, or what is wrong."""
    status = 0 if problem is None else HandlerFailed.status
    checked(library.grove_health_report(check.encode(), status, str(problem).encode() if problem is not None else None))
