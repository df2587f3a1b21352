"""Capabilities: the entries of the own table, and what can be made of them."""
from ctypes import byref, c_uint64, create_string_buffer

from . import native
from .errors import check
from .native import library, text_of


def parse(text):
    capability = native.Capability()
    check(library.grove_capability_parse(text.encode(), byref(capability)))
    return capability


class Capability:
    """An entry of the own table. str() gives its text, as in a manifest."""

    def __init__(self, session, handle, raw, depth=0):
        self._session, self.handle, self._raw, self.depth = session, handle, raw, depth

    def __str__(self):
        text = create_string_buffer(640)
        library.grove_capability_format(byref(self._raw), text, len(text))
        return text_of(text.value)

    def derive(self, text):
        """A weaker one in the own table."""
        raw, handle = parse(text), c_uint64()
        raw.rights &= self._raw.rights
        raw.rights |= self._raw.rights & 0x40  # EXTERNAL stays, or a shell could not hold it
        check(library.grove_capability_derive(self._session._handle, self.handle, byref(raw), byref(handle)))
        return Capability(self._session, handle.value, raw, self.depth + 1)

    def grant(self, channel, text):
        """A weaker one in the table of the service at the other end. Returns its handle there."""
        raw, handle = parse(text), c_uint64()
        raw.rights &= self._raw.rights
        check(library.grove_capability_grant(self._session._handle, self.handle, channel._handle, byref(raw),
                                             byref(handle)))
        return handle.value

    def revoke(self, itself=True):
        """Remove everything derived from it, and with `itself` this one too. Returns how many."""
        count = c_uint64()
        check(library.grove_capability_revoke(self._session._handle, self.handle, itself, byref(count)))
        return count.value
