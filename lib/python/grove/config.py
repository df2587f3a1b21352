"""The configuration of this service, and keys of others (grove/config.h)."""
import struct
from ctypes import byref, c_void_p, create_string_buffer, string_at

from . import native
from .errors import Error, Invalid, NotFound, TooLarge, check
from .native import SECOND, library, nanoseconds, text_of
from .sessions import session_or_default

STRING, INT, FLOAT, BOOL, DURATION, SIZE, ADDRESS = range(1, 8)
LIST, SECRET = 0x100, 0x200
ROOM_BYTES = 4096


def items_of(kind, count, data):
    """The items of a value as Python has them."""
    kind &= 0xFF
    if kind in (STRING, ADDRESS):
        return [part.decode("utf-8", "replace") for part in data.split(b"\0")[:count]]
    layout = {INT: "<q", FLOAT: "<d", BOOL: "<q", DURATION: "<Q", SIZE: "<Q"}[kind]
    items = [struct.unpack_from(layout, data, 8 * index)[0] for index in range(count)]
    if kind == BOOL:
        return [bool(item) for item in items]
    return [item / SECOND for item in items] if kind == DURATION else items


def value_of(value):
    """A struct grove_config_value; None where C has NULL."""
    if not value:
        return None
    value = getattr(value, "contents", value)
    is_list = bool(value.kind & LIST)
    data = string_at(value.data, value.bytes)[8 if is_list else 0:]
    items = items_of(value.kind, value.count, data)
    return items if is_list else items[0]


class Config:
    """Reads without a system call: config["limit"]. Numbers, durations in seconds, texts, or lists of these.

    wait=False does not wait for the configuration service: until it has answered no key has a value, and then watchers are
    told of all of them.
    """

    def __init__(self, *, session=None, timeout=None, wait=True):
        self._session = session_or_default(session)
        self._keep = []
        options = native.ConfigOptions(session=self._session._handle, timeout_ns=nanoseconds(timeout))
        handle = c_void_p()
        check((library.grove_config_open if wait else library.grove_config_open_later)(byref(options), byref(handle)))
        self._handle, self._room = handle, create_string_buffer(ROOM_BYTES)

    def __getitem__(self, key):
        value = native.ConfigValue()
        name = key.encode()
        try:
            check(library.grove_config_get(self._handle, name, self._room, len(self._room), byref(value)))
        except TooLarge:
            self._room = create_string_buffer(2 * value.bytes)
            return self[key]
        except NotFound:
            raise KeyError(key) from None
        return value_of(value)

    def get(self, key, absent=None):
        try:
            return self[key]
        except KeyError:
            return absent

    @property
    def change_number(self):
        """The same before and after several reads: they belong together."""
        return library.grove_config_change_number(self._handle)

    def watch(self, keys=">"):
        """Decorates a handler(key, before, after), called from the run loop; None is no value."""
        def register(handler):
            def changed(_, change, __):
                change = change.contents
                handler(text_of(change.key), value_of(change.before), value_of(change.after))

            raw = native.ConfigWatcher(changed)
            check(library.grove_config_watch(self._handle, keys.encode(), raw, None))
            self._keep.append(raw)
            return handler

        return register

    def validate(self, keys=None):
        """Decorates a validator([(service, key, before, after)]), which refuses by raising an Error with the reason."""
        def register(validator):
            def asked(_, proposal, reason, reason_bytes, __):
                proposal = proposal.contents
                changes = [(text_of(change.service), text_of(change.key), value_of(change.before), value_of(change.after))
                           for change in proposal.changes[:proposal.count]]
                try:
                    validator(changes)
                except Exception as refusal:  # whatever it is, the change must not pass because of it
                    text = str(refusal).encode()[:max(0, reason_bytes - 1)] + b"\0"
                    native.memmove(reason, text, len(text))
                    return refusal.status if isinstance(refusal, Error) else Invalid.status
                return 0

            raw = native.ConfigValidator(asked)
            check(library.grove_config_validate(self._handle, None if keys is None else keys.encode(), raw, None))
            self._keep.append(raw)
            return validator

        return register

    def close(self):
        """Not from its own handlers."""
        if self._handle:
            library.grove_config_close(self._handle)
            self._handle = None


def config_of(service, key, *, session=None):
    """A key of another service as text, items of a list on lines of their own. Needs CONFIG_READ covering it."""
    session = session_or_default(session)
    room = create_string_buffer(ROOM_BYTES + 1)
    check(library.grove_config_fetch(session._handle, service.encode(), key.encode(), room, len(room)))
    return room.value.decode("utf-8", "replace")
