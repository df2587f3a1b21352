"""Extensions: what services add to the system (grove/hooks.h).

    grove.extensions.register("storage", "json-lines", "provider", version=(1, 0, 0))
    grove.extensions.find("storage", "json-lines", needed=(1, 0, 0)).endpoint
    grove.extensions.every("metrics")
"""
from ctypes import POINTER, Structure, byref, c_char, c_char_p, c_int, c_uint16, c_uint32, c_void_p
from typing import NamedTuple

from . import native
from .errors import Invalid, NotFound, check
from .native import library, text_of

KINDS = ("", "protocol", "storage", "health", "metrics")


class _Version(Structure):
    _fields_ = [("major", c_uint16), ("minor", c_uint16), ("patch", c_uint16), ("reserved", c_uint16)]


class _Extension(Structure):
    _fields_ = [("kind", c_uint32), ("version", _Version), ("name", native.Name), ("endpoint", native.Name),
                ("owner", native.Name), ("detail", c_char * 128)]


library.grove_extension_register.restype = c_int
library.grove_extension_register.argtypes = [c_void_p, POINTER(_Extension)]
library.grove_extension_unregister.restype = c_int
library.grove_extension_unregister.argtypes = [c_void_p, c_uint32, c_char_p]
library.grove_extension_next.restype = c_int
library.grove_extension_next.argtypes = [c_void_p, c_uint32, _Version, POINTER(c_uint32), POINTER(_Extension)]
library.grove_extension_find.restype = c_int
library.grove_extension_find.argtypes = [c_void_p, c_uint32, c_char_p, _Version, POINTER(_Extension)]


class Extension(NamedTuple):
    kind: str
    name: str
    version: tuple  # of the interface that it implements
    endpoint: str
    owner: str
    detail: str


def _kind(kind):
    if kind not in KINDS or not kind:
        raise Invalid(f"{kind!r} is no kind of extension; there are {', '.join(KINDS[1:])}")
    return KINDS.index(kind)


def _extension(raw):
    kind = KINDS[raw.kind] if raw.kind < len(KINDS) else str(raw.kind)
    version = (raw.version.major, raw.version.minor, raw.version.patch)
    return Extension(kind, text_of(raw.name.text), version, text_of(raw.endpoint.text), text_of(raw.owner.text),
                     text_of(raw.detail))


def register(kind, name, endpoint, *, version=(1, 0, 0), detail="", session=None):
    """Register, or replace one's own. The manifest requires system.hooks."""
    raw = _Extension(kind=_kind(kind), version=_Version(*version), name=native.Name(name.encode()),
                     endpoint=native.Name(endpoint.encode()), detail=detail.encode())
    check(library.grove_extension_register(session._handle if session else None, byref(raw)))


def unregister(kind, name, *, session=None):
    check(library.grove_extension_unregister(session._handle if session else None, _kind(kind), name.encode()))


def find(kind, name, *, needed=(0, 0, 0), session=None):
    """The one of this name; raises NotFound, and Version if it does not implement what is needed."""
    raw = _Extension()
    check(library.grove_extension_find(session._handle if session else None, _kind(kind), name.encode(),
                                       _Version(*needed), byref(raw)))
    return _extension(raw)


def every(kind=None, *, session=None):
    """All of a kind, or all."""
    result, cursor, raw = [], c_uint32(), _Extension()
    try:
        while True:
            check(library.grove_extension_next(session._handle if session else None, _kind(kind) if kind else 0,
                                               _Version(), byref(cursor), byref(raw)))
            result.append(_extension(raw))
    except NotFound:
        return result
