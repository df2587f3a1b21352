"""Rings of publishers, which subscribers read in place: part of grove.bus."""
from ctypes import POINTER, Structure, byref, c_char, c_char_p, c_int, c_uint32, c_uint64, c_void_p

from . import bus, native
from .errors import check
from .native import library
from .sessions import session_or_default


class _Direct(Structure):
    _fields_ = [("session", c_void_p), ("pattern", c_char_p), ("ring_bytes", c_uint64)]


class _DirectMetrics(Structure):
    _fields_ = [("written", c_uint64), ("by_bus", c_uint64), ("wakes", c_uint64), ("is_used", c_uint32),
                ("is_also_by_bus", c_uint32)]


class _DirectRecord(Structure):
    _fields_ = [("publisher", native.Name), ("pattern", c_char * bus._SUBJECT_BYTES), ("written", c_uint64),
                ("is_used", c_uint32), ("is_also_by_bus", c_uint32), ("readers", c_uint32), ("reserved", c_uint32)]


def _declare():
    p, text = c_void_p, c_char_p
    table = {
        "direct": (POINTER(_Direct),), "direct_end": (p, text), "direct_metrics": (p, text, POINTER(_DirectMetrics)),
        "direct_next": (p, POINTER(c_uint64), POINTER(_DirectRecord)),
    }
    for name, arguments in table.items():
        function = getattr(library, "grove_bus_" + name)
        function.restype, function.argtypes = c_int, arguments


_declare()


def direct(pattern, *, ring_bytes=0, session=None):
    """From now on what this session publishes at most once on such subjects goes by a ring of its own: docs/bus.md, Rings."""
    raw = _Direct(session=session_or_default(session)._handle, pattern=bus._encoded(pattern, "pattern"), ring_bytes=ring_bytes)
    check(library.grove_bus_direct(byref(raw)))


def end_direct(pattern, *, session=None):
    """By the bus again."""
    check(library.grove_bus_direct_end(session_or_default(session)._handle, bus._encoded(pattern, "pattern")))


def direct_metrics(pattern, *, session=None):
    """A dict: how much went by the ring and by the bus, and whether the ring is in use."""
    raw = _DirectMetrics()
    check(library.grove_bus_direct_metrics(session_or_default(session)._handle, bus._encoded(pattern, "pattern"), byref(raw)))
    return bus._plain(raw)


def directs(*, session=None):
    """A list of dicts: rings of publishers, of all services for ring 1 and shells, else one's own."""
    return bus._all(library.grove_bus_direct_next, session_or_default(session)._handle, _DirectRecord)
