"""The event bus (grove/bus.h says what each call does, docs/bus.md what is promised).

    from grove import bus

    bus.emit("grid.feeder.3.tripped", b"{}")                     # at most once, never waits
    receipt = bus.publish("grid.note", b"back", quality=bus.DURABLE)    # on disk when it returns

    def on_trip(event):             # returns: done. Raises: it is tried again, and then is a dead letter
        print(event.subject, event.data)

    bus.subscribe(service, "grid.feeder.*.tripped", on_trip, quality=bus.AT_LEAST_ONCE)

Without a service (None) events are delivered by Session.dispatch. Data and headers are bytes, times seconds; `time` is
seconds since 1970.
"""
from collections import namedtuple
from ctypes import (CFUNCTYPE, POINTER, Structure, byref, c_bool, c_char, c_char_p, c_int, c_int32, c_size_t, c_uint32,
                    c_uint64, c_void_p, create_string_buffer, pointer)

from . import native
from .errors import Error, HandlerFailed, Invalid, NotFound, TooLarge, check, make_error
from .native import SECOND, bytes_of, library, nanoseconds, text_of
from .sessions import session_or_default

AT_MOST_ONCE, AT_LEAST_ONCE, DURABLE = 0, 1, 2  # enum grove_bus_quality
USUAL, DROP_OLDEST, BLOCK, SPILL = 0, 1, 2, 3  # enum grove_bus_slow
NEW, FIRST = "new", "first"  # where a durable subscription may begin; also `sequence` and `time`
NO_RETRY = 0xFFFFFFFF

_SUBJECT_BYTES, _GROUP_BYTES = 256, 64
_REDELIVERED, _DURABLE, _REPLAYED, _DIRECT = 1, 2, 4, 8  # enum grove_event_flags

Published = namedtuple("Published", "sequence subject_sequence durable_sequence time")
Answer = namedtuple("Answer", "data headers")


# ---- the structures of bus.h -------------------------------------------------------------------------------------------

class _Version(Structure):
    _fields_ = [("major", native.c_uint16), ("minor", native.c_uint16), ("patch", native.c_uint16),
                ("reserved", native.c_uint16)]


class _Published(Structure):
    _fields_ = [("sequence", c_uint64), ("subject_sequence", c_uint64), ("durable_sequence", c_uint64),
                ("time_ns", c_uint64)]


class _Publish(Structure):
    _fields_ = [("session", c_void_p), ("subject", c_char_p), ("data", c_char_p), ("length_bytes", c_size_t),
                ("headers", c_char_p), ("headers_bytes", c_size_t), ("reply_to", c_char_p), ("quality", c_int),
                ("priority", c_int), ("timeout_ns", c_uint64), ("receipt", POINTER(_Published))]


class _Event(Structure):
    _fields_ = [("subject", c_char_p), ("data", c_void_p), ("length_bytes", c_size_t), ("headers", c_void_p),
                ("headers_bytes", c_size_t), ("reply_to", c_char_p), ("time_ns", c_uint64), ("sequence", c_uint64),
                ("subject_sequence", c_uint64), ("durable_sequence", c_uint64), ("kernel_version", _Version),
                ("publisher", c_char_p), ("publisher_id", c_uint64), ("publisher_ring", c_uint32),
                ("attempt", c_uint32), ("flags", c_uint32), ("missed", c_uint64), ("internal", c_void_p * 4)]


class _Subscribe(Structure):
    _fields_ = [("pattern", c_char_p), ("group", c_char_p), ("name", c_char_p), ("quality", c_int), ("priority", c_int),
                ("in_order", c_bool), ("is_paused", c_bool), ("max_retries", c_uint32), ("timeout_ns", c_uint64),
                ("backoff_first_ns", c_uint64), ("backoff_cap_ns", c_uint64), ("backoff_factor", c_uint32),
                ("slow", c_int), ("block_ns", c_uint64), ("spill_bytes", c_uint64), ("queue_events", c_uint32),
                ("in_flight", c_uint32), ("start", c_int), ("start_sequence", c_uint64), ("start_time_ns", c_uint64),
                ("session", c_void_p)]


class _Ticket(Structure):
    _fields_ = [("internal", c_void_p * 2), ("number", c_uint64)]


class _SubscriptionMetrics(Structure):
    _fields_ = [(name, c_uint64) for name in
                ("id", "matched", "delivered", "completed", "failed", "retried", "timed_out", "dead", "dropped", "spilled",
                 "queued", "in_flight", "handled_ns", "last_sequence")] + [("is_paused", c_uint32), ("on_disk", c_uint32)]


class _SubscriptionRecord(Structure):
    _fields_ = [("metrics", _SubscriptionMetrics), ("subscriber", native.Name), ("pattern", c_char * _SUBJECT_BYTES),
                ("group", c_char * _GROUP_BYTES), ("name", c_char * _GROUP_BYTES), ("quality", c_uint32),
                ("slow", c_uint32)]


class _Metrics(Structure):
    _fields_ = [(name, c_uint64) for name in
                ("published", "delivered", "unmatched", "dropped_by_publishers", "dropped", "refused", "retried", "dead",
                 "durable", "damaged", "bytes_published", "sequence", "durable_sequence", "started_ns")] + \
               [(name, c_uint32) for name in ("subscriptions", "subjects", "rings", "in_flight")] + \
               [(name, c_uint64) for name in ("queued", "queued_bytes", "dead_letters", "log_bytes")]


class _Answer(Structure):
    _fields_ = [("data", c_void_p), ("length_bytes", c_size_t), ("headers", c_void_p), ("headers_bytes", c_size_t),
                ("internal", native.Answer)]


class _DeadLetter(Structure):
    _fields_ = [("id", c_uint64), ("time_ns", c_uint64), ("event_time_ns", c_uint64), ("sequence", c_uint64),
                ("subject_sequence", c_uint64), ("durable_sequence", c_uint64), ("attempts", c_uint32),
                ("status", c_int32), ("length_bytes", c_uint32), ("headers_bytes", c_uint32),
                ("publisher", native.Name), ("subscriber", native.Name), ("subject", c_char * _SUBJECT_BYTES),
                ("pattern", c_char * _SUBJECT_BYTES), ("group", c_char * _GROUP_BYTES), ("error", c_char * 256)]


class _DeadLetters(Structure):
    _fields_ = [("session", c_void_p), ("id", c_uint64), ("subject", c_char_p), ("subscriber", c_char_p),
                ("before_ns", c_uint64)]


class _Stream(Structure):
    _fields_ = [("name", c_char * _GROUP_BYTES), ("pattern", c_char * _SUBJECT_BYTES), ("retain_bytes", c_uint64),
                ("retain_ns", c_uint64), ("first_sequence", c_uint64), ("last_sequence", c_uint64), ("bytes", c_uint64),
                ("events", c_uint64), ("damaged", c_uint64)]


_EventHandler = CFUNCTYPE(c_int, POINTER(_Event), c_void_p)
_PublishedHandler = CFUNCTYPE(None, c_int, POINTER(_Published), c_void_p)
_AnswerHandler = CFUNCTYPE(None, c_int, POINTER(_Answer), c_void_p)


def _declare():
    p, text, size, u64 = c_void_p, c_char_p, c_size_t, c_uint64
    table = {
        "subject_check": (c_int, text), "pattern_check": (c_int, text), "pattern_matches": (c_bool, text, text),
        "bus_emit": (c_int, text, text, size), "bus_publish": (c_int, POINTER(_Publish)),
        "bus_publish_start": (c_int, POINTER(_Publish), _PublishedHandler, p), "bus_flush": (c_int, p, u64),
        "bus_dropped": (u64, p),
        "bus_subscribe": (c_int, p, POINTER(_Subscribe), _EventHandler, p, POINTER(p)),
        "bus_unsubscribe": (None, p), "bus_pause": (c_int, p), "bus_resume": (c_int, p),
        "event_defer": (c_int, POINTER(_Event), POINTER(_Ticket)), "event_finish": (None, POINTER(_Ticket), c_int),
        "event_fail": (c_int, POINTER(_Event), c_int, text, text),
        "bus_subscription_metrics": (c_int, p, POINTER(_SubscriptionMetrics)),
        "bus_request": (c_int, POINTER(_Publish), POINTER(_Answer)), "bus_answer_release": (None, POINTER(_Answer)),
        "bus_request_start": (c_int, POINTER(_Publish), _AnswerHandler, p),
        "bus_reply": (c_int, POINTER(_Event), text, size), "bus_metrics": (c_int, p, POINTER(_Metrics)),
        "bus_subscription_next": (c_int, p, POINTER(u64), POINTER(_SubscriptionRecord)),
        "bus_dead_letter_next": (c_int, POINTER(_DeadLetters), POINTER(u64), POINTER(_DeadLetter)),
        "bus_dead_letter_data": (c_int, POINTER(_DeadLetters), p, POINTER(size)),
        "bus_dead_letter_replay": (c_int, POINTER(_DeadLetters), POINTER(u64)),
        "bus_dead_letter_purge": (c_int, POINTER(_DeadLetters), POINTER(u64)),
        "bus_stream_set": (c_int, p, POINTER(_Stream)), "bus_stream_remove": (c_int, p, text),
        "bus_stream_next": (c_int, p, POINTER(u64), POINTER(_Stream)),
    }
    for name, (result, *arguments) in table.items():
        function = getattr(library, "grove_" + name)
        function.restype, function.argtypes = result, arguments


_declare()


def _encoded(text, what):
    if text is None:
        return None
    raw = text.encode()
    if b"\0" in raw:
        raise Invalid(f"a {what} has no zero byte in it: {text!r}")
    return raw


def _plain(raw):
    """A structure of numbers and texts as a dict; `..._ns` become seconds under a shorter name."""
    result = {}
    for field in raw._fields_:
        name, value = field[0], getattr(raw, field[0])
        if name == "reserved":
            continue
        if isinstance(value, native.Name):
            value = text_of(value.text)
        elif isinstance(value, bytes):
            value = text_of(value)
        elif isinstance(value, Structure):
            value = _plain(value)
        elif name.endswith("_ns"):
            name, value = name[:-3], value / SECOND
        result[name] = value
    return result


# ---- publish -----------------------------------------------------------------------------------------------------------

def check_subject(subject):
    """Raises grove.Invalid, with what is wrong with it."""
    check(library.grove_subject_check(_encoded(subject, "subject")))


def check_pattern(pattern):
    check(library.grove_pattern_check(_encoded(pattern, "pattern")))


def matches(pattern, subject):
    return bool(library.grove_pattern_matches(_encoded(pattern, "pattern"), _encoded(subject, "subject")))


def _describe(session, subject, data, headers, reply_to, quality, priority, timeout):
    data = bytes(data)
    headers = None if headers is None else bytes(headers)
    return _Publish(session=session._handle, subject=_encoded(subject, "subject"), data=data, length_bytes=len(data),
                    headers=headers, headers_bytes=len(headers or b""), reply_to=_encoded(reply_to, "subject"),
                    quality=quality, priority=priority, timeout_ns=nanoseconds(timeout))


def _receipt(raw):
    return Published(raw.sequence, raw.subject_sequence, raw.durable_sequence, raw.time_ns / SECOND)


def emit(subject, data=b""):
    """At most once, and never waits. Raises when the event was dropped, which is counted as well."""
    data = bytes(data)
    check(library.grove_bus_emit(_encoded(subject, "subject"), data, len(data)))


def publish(subject, data=b"", *, quality=AT_LEAST_ONCE, headers=None, reply_to=None, priority=0, timeout=None,
            session=None):
    """Returns when the event is accepted; with DURABLE when it is on disk, and then returns what the bus says of it."""
    raw, told = _describe(session_or_default(session), subject, data, headers, reply_to, quality, priority,
                          timeout), _Published()
    raw.receipt = pointer(told)
    check(library.grove_bus_publish(byref(raw)))
    return _receipt(told) if quality == DURABLE else None


_started = {}  # callbacks under way


def publish_start(subject, data=b"", done=None, *, headers=None, reply_to=None, priority=0, timeout=None, session=None):
    """Durable without waiting: done(receipt, error) runs from dispatch or the run loop; one of the two is None."""
    key = object()

    def finish(status, told, _):
        _started.pop(key, None)
        error = make_error(status) if status < 0 else None
        if done is not None:
            done(None if error else _receipt(told.contents), error)

    raw, callback = _describe(session_or_default(session), subject, data, headers, reply_to, DURABLE, priority,
                              timeout), _PublishedHandler(finish)
    _start(key, callback, library.grove_bus_publish_start(byref(raw), callback, None))


def _start(key, callback, status):
    if status >= 0:
        _started[key] = callback
    check(status)


def flush(timeout=5.0, *, session=None):
    """Wait until the bus has taken all that this session published."""
    check(library.grove_bus_flush(session_or_default(session)._handle, nanoseconds(timeout)))


def dropped(*, session=None):
    """Events that this session dropped instead of waiting."""
    return library.grove_bus_dropped(session_or_default(session)._handle)


# ---- subscribe ---------------------------------------------------------------------------------------------------------

class Event:
    """What happened. Valid beyond its handler, but for fail(), defer() and reply()."""

    def __init__(self, raw):
        self._raw = raw
        fields = raw.contents
        self.subject, self.publisher = text_of(fields.subject), text_of(fields.publisher)
        self.data = bytes_of(fields.data, fields.length_bytes)
        self.headers = bytes_of(fields.headers, fields.headers_bytes) if fields.headers else None
        self.reply_to = text_of(fields.reply_to) if fields.reply_to else None
        self.time = fields.time_ns / SECOND
        self.sequence, self.subject_sequence = fields.sequence, fields.subject_sequence
        self.durable_sequence = fields.durable_sequence
        self.publisher_id, self.publisher_ring = fields.publisher_id, fields.publisher_ring
        self.attempt, self.missed = fields.attempt, fields.missed
        version = fields.kernel_version
        self.kernel_version = (version.major, version.minor, version.patch)
        self.is_redelivered = bool(fields.flags & _REDELIVERED)
        self.is_durable, self.is_replayed = bool(fields.flags & _DURABLE), bool(fields.flags & _REPLAYED)
        self.is_direct = bool(fields.flags & _DIRECT)
        self._is_deferred = False

    def reply(self, data=b""):
        data = bytes(data)
        check(library.grove_bus_reply(self._handled(), data, len(data)))

    def defer(self):
        """Finish later: returns a function finish(status=0) to call when it is done (negative: it failed)."""
        ticket = _Ticket()
        check(library.grove_event_defer(self._handled(), byref(ticket)))
        return lambda status=0: library.grove_event_finish(byref(ticket), status)

    def _handled(self):
        if self._raw is None:
            raise Invalid("an event is answered and deferred in its handler only; the handler has returned")
        return self._raw


class Subscription:
    """Ends with unsubscribe(), or the process."""

    def __init__(self, session, service, handler):
        self._session, self._service, self._handler, self._handle = session, service, handler, c_void_p()
        self._callback = _EventHandler(self._deliver)

    def _deliver(self, raw, _):
        event = Event(raw)
        try:
            self._handler(event)
            return 0
        except Error as problem:
            return self._fail(raw, problem.status or HandlerFailed.status, str(problem))
        except Exception as problem:
            return self._fail(raw, HandlerFailed.status, f"{type(problem).__name__}: {problem}")
        except BaseException as problem:  # KeyboardInterrupt and its like must reach run()
            if self._service is not None:
                self._service._failure = self._service._failure or problem
                self._service.stop()
            return HandlerFailed.status
        finally:
            event._raw = None

    @staticmethod
    def _fail(raw, status, text):
        return library.grove_event_fail(raw, status, b"%s", text.encode())

    def _pointer(self):
        if not self._handle:
            raise Invalid("this subscription has been ended by this program")
        return self._handle

    def pause(self):
        check(library.grove_bus_pause(self._pointer()))

    def resume(self):
        check(library.grove_bus_resume(self._pointer()))

    def unsubscribe(self):
        if self._handle:
            library.grove_bus_unsubscribe(self._handle)
            self._handle = None
            _subscriptions.discard(self)

    def metrics(self):
        """A dict of counts, by the bus: those of grove_subscription_metrics."""
        raw = _SubscriptionMetrics()
        check(library.grove_bus_subscription_metrics(self._pointer(), byref(raw)))
        return _plain(raw)


_subscriptions = set()  # C calls their handlers, whoever has forgotten them


def _start_of(start, sequence, time):
    if sequence is not None:
        return 2
    if time is not None:
        return 3
    if start not in (NEW, FIRST):
        raise Invalid(f"{start!r} is no start: it is NEW, FIRST, or a sequence or time is given")
    return int(start == FIRST)


def subscribe(service, pattern, handler, *, quality=AT_MOST_ONCE, group=None, name=None, priority=0, in_order=False,
              paused=False, max_retries=0, timeout=None, backoff_first=None, backoff_cap=None, backoff_factor=0,
              slow=USUAL, block=None, spill_bytes=0, queue_events=0, in_flight=0, start=NEW, sequence=None, time=None,
              session=None):
    """Call handler(event) for each event whose subject matches. At least once and durable: what the handler raises is
    its failure, so the event comes again. max_retries 0: the usual ones; NO_RETRY: none."""
    session = service._session if service is not None else session_or_default(session)
    made = Subscription(session, service, handler)
    wanted = _Subscribe(pattern=_encoded(pattern, "pattern"), group=_encoded(group, "group"), name=_encoded(name, "name"),
                        quality=quality, priority=priority, in_order=in_order, is_paused=paused, max_retries=max_retries,
                        timeout_ns=nanoseconds(timeout), backoff_first_ns=nanoseconds(backoff_first),
                        backoff_cap_ns=nanoseconds(backoff_cap), backoff_factor=backoff_factor, slow=slow,
                        block_ns=nanoseconds(block), spill_bytes=spill_bytes, queue_events=queue_events,
                        in_flight=in_flight, start=_start_of(start, sequence, time), start_sequence=sequence or 0,
                        start_time_ns=int((time or 0) * SECOND), session=session._handle)
    check(library.grove_bus_subscribe(service._handle if service is not None else None, byref(wanted), made._callback,
                                      None, byref(made._handle)))
    _subscriptions.add(made)
    return made


# ---- request and reply -------------------------------------------------------------------------------------------------

def _answer(raw):
    return Answer(bytes_of(raw.data, raw.length_bytes),
                  bytes_of(raw.headers, raw.headers_bytes) if raw.headers else None)


def request(subject, data=b"", *, headers=None, priority=0, timeout=None, session=None):
    """Publish and wait for the first answer, an Answer. Raises grove.NotFound when nobody subscribes to it."""
    raw, answer = _describe(session_or_default(session), subject, data, headers, None, AT_LEAST_ONCE, priority,
                            timeout), _Answer()
    check(library.grove_bus_request(byref(raw), byref(answer)))
    try:
        return _answer(answer)
    finally:
        library.grove_bus_answer_release(byref(answer))


def request_start(subject, data=b"", done=None, *, headers=None, priority=0, timeout=None, session=None):
    """Request without waiting: done(answer, error) runs from dispatch or the run loop; one of the two is None."""
    key = object()

    def finish(status, answer, _):
        _started.pop(key, None)
        error = make_error(status) if status < 0 else None
        if done is not None:
            done(None if error else _answer(answer.contents), error)

    raw, callback = _describe(session_or_default(session), subject, data, headers, None, AT_LEAST_ONCE, priority,
                              timeout), _AnswerHandler(finish)
    _start(key, callback, library.grove_bus_request_start(byref(raw), callback, None))


# ---- looking at the bus ------------------------------------------------------------------------------------------------

def metrics(*, session=None):
    """A dict of the counts of the whole bus: those of grove_bus_metrics."""
    raw = _Metrics()
    check(library.grove_bus_metrics(session_or_default(session)._handle, byref(raw)))
    return _plain(raw)


def _all(function, first, raw_type):
    cursor, raw, found = c_uint64(), raw_type(), []
    while True:
        status = function(first, byref(cursor), byref(raw))
        if status == NotFound.status:
            return found
        check(status)
        found.append(_plain(raw))


def subscriptions(*, session=None):
    """A list of dicts: of all services for ring 1 and shells, else one's own."""
    return _all(library.grove_bus_subscription_next, session_or_default(session)._handle, _SubscriptionRecord)


def _which(id, subject, subscriber, before, session):
    return _DeadLetters(session=session_or_default(session)._handle, id=id or 0, subject=_encoded(subject, "subject"),
                        subscriber=_encoded(subscriber, "name"), before_ns=int((before or 0) * SECOND))


def dead_letters(*, id=None, subject=None, subscriber=None, before=None, session=None):
    """A list of dicts: what was given up, and why. `subject` is a pattern, `before` seconds since 1970."""
    return _all(library.grove_bus_dead_letter_next, byref(_which(id, subject, subscriber, before, session)), _DeadLetter)


def dead_letter_data(id, *, session=None):
    which, size = _which(id, None, None, None, session), c_size_t(4096)
    while True:
        buffer = create_string_buffer(max(1, size.value))
        status = library.grove_bus_dead_letter_data(byref(which), buffer, byref(size))
        if status != TooLarge.status:
            check(status)
            return buffer.raw[:size.value]


def _for_all(function, which):
    count = c_uint64()
    check(function(byref(which), byref(count)))
    return count.value


def replay_dead_letters(*, id=None, subject=None, subscriber=None, before=None, session=None):
    """Deliver again what fits, to its subscriber, with a fresh count of attempts. Returns how many."""
    return _for_all(library.grove_bus_dead_letter_replay, _which(id, subject, subscriber, before, session))


def purge_dead_letters(*, id=None, subject=None, subscriber=None, before=None, session=None):
    return _for_all(library.grove_bus_dead_letter_purge, _which(id, subject, subscriber, before, session))


def streams(*, session=None):
    """A list of dicts: what is kept of durable events."""
    return _all(library.grove_bus_stream_next, session_or_default(session)._handle, _Stream)


def set_stream(name="durable", pattern="", *, retain_bytes=0, retain=None, session=None):
    """Make a stream, or say how much one keeps, in bytes and in seconds; 0 and None: without that limit. Its pattern stays."""
    raw = _Stream(name=_encoded(name, "name"), pattern=_encoded(pattern, "pattern"), retain_bytes=retain_bytes,
                  retain_ns=nanoseconds(retain))
    check(library.grove_bus_stream_set(session_or_default(session)._handle, byref(raw)))


def remove_stream(name, *, session=None):
    """With the events that it keeps."""
    check(library.grove_bus_stream_remove(session_or_default(session)._handle, _encoded(name, "name")))


from .rings import direct, direct_metrics, directs, end_direct  # noqa: E402, F401  (it uses what stands above)
