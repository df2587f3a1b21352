"""The session: the connection of this program to the kernel, and what is made or read through it alone."""
import os
from ctypes import byref, c_bool, c_uint32, c_uint64, c_void_p

from . import native
from .capabilities import Capability
from .errors import NotFound, TimedOut, check
from .memory import Region
from .native import SECOND, library, text_of

REGION_GRANTED = 133  # the notice of abi/port.h

_default = None


class Session:
    """The connection to the kernel. Usually the default one is used: leave it out everywhere."""

    def __init__(self, path=None, descriptor=-1):
        handle = c_void_p()
        options = native.SessionOptions(path.encode() if path else None, descriptor)
        check(library.grove_session_open(byref(options), byref(handle)))
        self._handle, self._keep = handle, []

    @classmethod
    def default(cls):
        global _default
        if _default is None:
            handle = c_void_p()
            check(library.grove_session_default(byref(handle)))
            _default = cls.__new__(cls)
            _default._handle, _default._keep = handle, []
        return _default

    def close(self):
        global _default
        if self._handle:
            library.grove_session_close(self._handle)
            self._handle = None
            _default = None if _default is self else _default

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def name(self):
        return text_of(library.grove_session_identity(self._handle).contents.name.text)

    @property
    def project(self):
        return text_of(library.grove_session_identity(self._handle).contents.project.text)

    @property
    def generation(self):
        return library.grove_session_identity(self._handle).contents.generation

    @property
    def ring(self):
        return library.grove_session_identity(self._handle).contents.ring

    def fileno(self):
        """A descriptor to poll; call dispatch(0) when it is readable."""
        return check(library.grove_session_descriptor(self._handle))

    def dispatch(self, timeout=0.0):
        """Handle what is there, waiting up to `timeout`. False if nothing came."""
        status = library.grove_session_dispatch(self._handle, int(timeout * SECOND))
        return False if status == TimedOut.status else check(status) == 0

    def on_region(self, handler):
        """Call handler(region, giver) for each region that somebody grants to this program. Usable as a decorator."""
        def notice(message, objects, count, _):
            taken = [objects[i] for i in range(count)]
            if message.contents.operation == REGION_GRANTED and len(taken) == 1:
                handle = c_void_p()
                status = library.grove_region_accept(self._handle, message, taken.pop(), byref(handle))
                giver = bytes(message.contents.body)[40:104].split(b"\0")[0].decode()
                if status == 0:
                    handler(Region(handle), giver)
            for descriptor in taken:
                os.close(descriptor)

        callback = native.NoticeHandler(notice)
        self._keep.append(callback)
        library.grove_session_on_notice(self._handle, callback, None)
        return handler

    def capabilities(self):
        """The own capabilities: a list of Capability."""
        found, cursor, entry = [], c_uint32(0), native.Entry()
        while True:
            status = library.grove_capability_list(self._handle, byref(cursor), byref(entry))
            if status == NotFound.status:
                return found
            check(status)
            found.append(Capability(self, entry.handle, native.Capability.from_buffer_copy(entry.capability), entry.depth))

    def attach(self, loop):
        """Let an asyncio event loop drive this session, so that Channel.call_async works in it."""
        loop.add_reader(self.fileno(), self.dispatch)
        self.dispatch(0)


def session_or_default(given):
    return given if given is not None else Session.default()


def region(size, *, session=None):
    """A new region of which this program is the one writer."""
    handle = c_void_p()
    check(library.grove_region_create(session_or_default(session)._handle, size, byref(handle)))
    return Region(handle)


def state(size, *, session=None):
    """The region that outlives this instance. `.is_fresh` is False when it holds what an earlier instance left."""
    handle, is_fresh = c_void_p(), c_bool()
    check(library.grove_region_state(session_or_default(session)._handle, size, byref(handle), byref(is_fresh)))
    return Region(handle, is_fresh.value)
