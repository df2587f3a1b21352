"""Hooks: grove/hooks.h; for extensions see grove.extensions.

    @grove.hooks.on(service, "guard")
    def look(call):
        if call.subject == "grid.spare":
            return grove.hooks.veto("it is being mended")

    @service.on_change("init")
    def begin(reason):
        grove.hooks.set("before-start", "guard", "grid.>")

What the handler returns: nothing (continue), change(bytes), or veto(reason). One that raises is cut off: what it was asked
about goes on.
"""
from ctypes import Structure, POINTER, byref, c_bool, c_char_p, c_int, c_int32, c_size_t, c_uint32, c_uint64, c_void_p
from typing import NamedTuple

from . import native
from .errors import Invalid, check
from .native import library, nanoseconds, text_of

POINTS = tuple(f"{side}-{what}" for what in ("load", "start", "publish", "deliver", "write", "read")
               for side in ("before", "after"))
METHOD = 0x484F4F4B


class _Hook(Structure):
    _fields_ = [("point", c_int), ("priority", c_int32), ("endpoint", c_char_p), ("pattern", c_char_p),
                ("timeout_ns", c_uint64)]


class _Call(Structure):
    _fields_ = [("point", c_uint32), ("is_cut", c_bool), ("subject", c_char_p), ("who", c_char_p), ("data", c_void_p),
                ("length_bytes", c_size_t), ("total_bytes", c_uint64)]


for _name, _arguments in (("grove_hook_set", [c_void_p, POINTER(_Hook)]), ("grove_hook_clear", [c_void_p, c_int, c_char_p]),
                          ("grove_hook_read", [c_void_p, POINTER(_Call)]), ("grove_hook_continue", [c_void_p]),
                          ("grove_hook_change", [c_void_p, c_char_p, c_size_t]), ("grove_hook_veto", [c_void_p, c_char_p])):
    getattr(library, _name).restype = c_int
    getattr(library, _name).argtypes = _arguments


class Call(NamedTuple):
    """What a hook is asked about. `data` is the spec, the event or the value; cut off where total_bytes says more."""

    point: str
    subject: str
    who: str  # "" where nobody asked
    data: bytes
    total_bytes: int


class _Answer(NamedTuple):
    reason: str = None
    data: bytes = None


def _number(words, word, what):
    if word is None or word not in words:
        raise Invalid(f"{word!r} is no {what}; there are {', '.join(word for word in words if word)}")
    return words.index(word)


def _handle(session):
    return session._handle if session else None


# ---- setting -------------------------------------------------------------------------------------------------------


def set(point, endpoint, pattern=">", *, priority=100, timeout=None, session=None):
    """From when this returns the endpoint is asked at `point` ("before-start") about all that begins."""
    hook = _Hook(point=_number(POINTS, point, "point"), priority=priority, endpoint=endpoint.encode(),
                 pattern=pattern.encode(), timeout_ns=nanoseconds(timeout) if timeout else 0)
    check(library.grove_hook_set(_handle(session), byref(hook)))


def clear(point, endpoint, *, session=None):
    """All hooks of this endpoint at this point."""
    check(library.grove_hook_clear(_handle(session), _number(POINTS, point, "point"), endpoint.encode()))


# ---- being asked -----------------------------------------------------------------------------------------------------


def veto(reason):
    return _Answer(reason=reason)


def change(data):
    return _Answer(data=bytes(data))


def answer(request, said):
    """For a handler of one's own that defers: answer what was asked with what `said` is (None, veto() or change())."""
    if said is None:
        check(library.grove_hook_continue(request._handle))
    elif not isinstance(said, _Answer):
        raise Invalid("a hook answers nothing, veto(reason) or change(data)")
    elif said.reason is not None:
        check(library.grove_hook_veto(request._handle, str(said.reason).encode()))
    else:
        check(library.grove_hook_change(request._handle, said.data, len(said.data)))


def read(request):
    """The question in a request."""
    raw = _Call()
    check(library.grove_hook_read(request._handle, byref(raw)))
    point = POINTS[raw.point] if raw.point < len(POINTS) else str(raw.point)
    return Call(point, text_of(raw.subject), text_of(raw.who), native.bytes_of(raw.data, raw.length_bytes), raw.total_bytes)


def on(service, endpoint):
    """Decorator: handler(call) is asked for every hook that is set with this endpoint of the service."""
    def register(handler):
        service.on(endpoint, METHOD)(lambda request: answer(request, handler(read(request))))
        return handler
    return register
