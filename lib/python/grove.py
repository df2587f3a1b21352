"""Grove for Python: services and clients over libgrove.so.1, by ctypes, with nothing to compile.

    import grove

    service = grove.Service()

    @service.on("greeter", 1)
    def greet(request):
        return b"hello " + request.data

    service.run()

and the other end:

    channel = grove.connect("greeter")
    print(channel.call(1, b"world", timeout=1.0).data)

Times are in seconds. Every failure raises grove.Error or a subclass named after its status (grove.Denied,
grove.TimedOut, ...), whose text says what failed and how to mend it. One thread uses a session, as in C.
"""

import ctypes
import os
from ctypes import (CFUNCTYPE, POINTER, Structure, byref, c_bool, c_char, c_char_p, c_int, c_size_t, c_short,
                    c_uint16, c_uint32, c_uint64, c_uint8, c_void_p)

HIGH, MEDIUM, LOW = 1, 2, 3  # enum grove_priority; 0 inherits
METHOD_ANY = 0xFFFFFFFF
LANES = ("high", "medium", "low")
_SECOND = 1_000_000_000
_FOREVER = 0xFFFFFFFFFFFFFFFF


def _load():
    named = os.environ.get("GROVE_LIBRARY")
    beside = os.path.join(os.path.dirname(os.path.abspath(__file__)), "libgrove.so.1")
    for path in (named, beside, "libgrove.so.1"):
        if not path or (path is beside and not os.path.exists(path)):
            continue
        try:
            return ctypes.CDLL(path)
        except OSError as problem:
            last = problem
    raise ImportError(f"libgrove.so.1 was not found ({last}): install Grove, or name the file in GROVE_LIBRARY")


_library = _load()

# ---- errors ----------------------------------------------------------------------------------------------------------


class Error(Exception):
    """A call into Grove failed. `status` is the negative number, `name` its name, the text says how to mend it."""

    status = 0
    name = "ERROR"

    def __init__(self, text="", status=None):
        super().__init__(text)
        if status is not None:
            self.status = status


def _define_errors():
    names = ("Invalid Denied NotFound StaleHandle Exists Exhausted TimedOut Again Closed WrongState Unsupported TooLarge "
             "Corrupt IoError NoMemory LayerMissing Version Cycle Cancelled HandlerFailed ReadOnly Full NoDescriptors")
    classes = {}
    _library.grove_status_name.restype = c_char_p
    for number, name in enumerate(names.split(), 1):
        status_name = _library.grove_status_name(c_int(-number)).decode()
        bases = {"TimedOut": (Error, TimeoutError), "Denied": (Error, PermissionError)}.get(name, (Error,))
        classes[-number] = type(name, bases, {"status": -number, "name": status_name, "__module__": __name__})
        globals()[name] = classes[-number]
    return classes


_errors = _define_errors()


def _text(value):
    return value.decode("utf-8", "replace") if value else ""


def _last_error():
    return _text(_library.grove_last_error())


def _make_error(status, text=None):
    return _errors.get(status, Error)(text if text is not None else _last_error(), status=status)


def _check(status):
    if status < 0:
        raise _make_error(status)
    return status


# ---- structures of grove.h and abi/ --------------------------------------------------------------------------------


class _Name(Structure):
    _fields_ = [("text", c_char * 64)]


class _Address(Structure):
    _fields_ = [("family", c_uint8), ("prefix_bits", c_uint8), ("transport", c_uint8), ("reserved", c_uint8),
                ("port_first", c_uint16), ("port_last", c_uint16), ("bytes", c_uint8 * 16)]


class _ArgumentValue(ctypes.Union):
    _fields_ = [("text", c_char * 496), ("address", _Address), ("quantity", c_uint64)]


class _Argument(Structure):
    _fields_ = [("kind", c_uint16), ("length_bytes", c_uint16), ("reserved", c_uint32), ("value", _ArgumentValue)]


class _Capability(Structure):
    _fields_ = [("kind", c_uint16), ("rights", c_uint16), ("reserved", c_uint32), ("argument", _Argument)]


class _Entry(Structure):
    _fields_ = [("cursor", c_uint32), ("depth", c_uint32), ("handle", c_uint64), ("object", c_uint64),
                ("capability", _Capability)]


class _Init(Structure):
    _fields_ = [("reason", c_uint32), ("ring", c_uint32), ("id", c_uint64), ("name", _Name), ("project", _Name),
                ("generation", c_uint32), ("exit_cause", c_uint32), ("exit_detail", ctypes.c_int32),
                ("channels", c_uint32), ("random", c_uint8 * 32)]


class _Message(Structure):
    _fields_ = [("version", c_uint16), ("operation", c_uint16), ("status", ctypes.c_int32), ("sequence", c_uint64),
                ("objects", c_uint16), ("reserved", c_uint16 * 3), ("time_ns", c_uint64), ("body", c_uint8 * 608)]


class _Loan(Structure):
    _fields_ = [("data", c_void_p), ("length_bytes", c_size_t), ("internal", c_void_p * 4)]


class _Call(Structure):
    _fields_ = [("method", c_uint32), ("priority", c_int), ("data", c_char_p), ("length_bytes", c_size_t),
                ("timeout_ns", c_uint64), ("loan", POINTER(_Loan))]


class _Answer(Structure):
    _fields_ = [("data", c_void_p), ("length_bytes", c_size_t), ("slice", c_void_p), ("slice_bytes", c_size_t),
                ("internal", c_void_p * 6)]


class _SessionOptions(Structure):
    _fields_ = [("path", c_char_p), ("descriptor", c_int)]


class _ConnectOptions(Structure):
    _fields_ = [("session", c_void_p), ("tag", c_uint64), ("lane_bytes", c_uint64 * 3), ("arena_bytes", c_uint64)]


_Handler = CFUNCTYPE(c_int, c_void_p, c_void_p)
_NoticeHandler = CFUNCTYPE(None, POINTER(_Message), POINTER(c_int), ctypes.c_uint, c_void_p)
_AnswerHandler = CFUNCTYPE(None, c_int, POINTER(_Answer), c_void_p)
_TimerHandler = CFUNCTYPE(None, c_void_p, c_void_p)
_DescriptorHandler = CFUNCTYPE(None, c_void_p, c_int, c_short, c_void_p)
_OnInit = CFUNCTYPE(c_int, c_void_p, c_int, c_void_p)
_OnChange = CFUNCTYPE(c_int, c_void_p, c_void_p)
_OnStop = CFUNCTYPE(None, c_void_p, c_void_p)


class _ServiceOptions(Structure):
    _fields_ = [("session", c_void_p), ("on_init", _OnInit), ("on_quiesce", _OnChange), ("on_resume", _OnChange),
                ("on_stop", _OnStop), ("context", c_void_p), ("not_ready_yet", c_bool)]


def _declare():
    p, u32, u64, size = c_void_p, c_uint32, c_uint64, c_size_t
    table = {
        "last_error": (c_char_p,), "status_text": (c_char_p, c_int), "now_ns": (u64,),
        "session_open": (c_int, POINTER(_SessionOptions), POINTER(p)), "session_close": (None, p),
        "session_default": (c_int, POINTER(p)), "session_identity": (POINTER(_Init), p),
        "session_dispatch": (c_int, p, u64), "session_descriptor": (c_int, p),
        "session_on_notice": (None, p, _NoticeHandler, p),
        "connect_with": (c_int, c_char_p, POINTER(_ConnectOptions), POINTER(p)), "channel_close": (None, p),
        "call": (c_int, p, POINTER(_Call), POINTER(_Answer)), "answer_release": (None, POINTER(_Answer)),
        "call_start": (c_int, p, POINTER(_Call), _AnswerHandler, p), "send": (c_int, p, POINTER(_Call)),
        "channel_flush": (c_int, p, u64), "channel_pending": (c_int, p, c_int, POINTER(u64)),
        "channel_is_resumed": (c_bool, p),
        "loan": (c_int, p, size, u64, POINTER(_Loan)), "loan_return": (None, POINTER(_Loan)),
        "request_loan": (c_int, p, size, u64, POINTER(_Loan)),
        "service_create": (c_int, POINTER(_ServiceOptions), POINTER(p)), "service_destroy": (None, p),
        "service_on": (c_int, p, c_char_p, u32, _Handler, p),
        "service_every": (c_int, p, u64, _TimerHandler, p, POINTER(u32)),
        "service_after": (c_int, p, u64, _TimerHandler, p, POINTER(u32)), "service_cancel": (None, p, u32),
        "service_watch": (c_int, p, c_int, c_short, _DescriptorHandler, p), "service_ready": (c_int, p),
        "service_run": (c_int, p), "service_stop": (None, p), "service_descriptor": (c_int, p),
        "service_dispatch": (c_int, p, u64), "service_session": (p, p),
        "request_data": (p, p), "request_bytes": (size, p), "request_slice": (p, p, POINTER(size)),
        "request_method": (u32, p), "request_lane": (c_int, p), "request_deadline_ns": (u64, p),
        "request_number": (u64, p), "request_is_redelivered": (c_bool, p), "request_wants_reply": (c_bool, p),
        "request_client": (c_char_p, p), "request_client_id": (u64, p), "request_client_ring": (u32, p),
        "reply": (c_int, p, c_char_p, size), "reply_loan": (c_int, p, c_char_p, size, POINTER(_Loan)),
        "reply_slice": (c_int, p, c_char_p, size, size, size), "fail": (c_int, p, c_int, c_char_p, c_char_p),
        "request_defer": (c_int, p), "request_finish": (None, p),
        "region_create": (c_int, p, u64, POINTER(p)), "region_state": (c_int, p, u64, POINTER(p), POINTER(c_bool)),
        "region_accept": (c_int, p, POINTER(_Message), c_int, POINTER(p)), "region_grant": (c_int, p, p),
        "region_data": (p, p, POINTER(u64)), "region_is_writable": (c_bool, p), "region_close": (None, p),
        "capability_parse": (c_int, c_char_p, POINTER(_Capability)),
        "capability_format": (size, POINTER(_Capability), c_char_p, size),
        "capability_list": (c_int, p, POINTER(u32), POINTER(_Entry)),
        "capability_derive": (c_int, p, u64, POINTER(_Capability), POINTER(u64)),
        "capability_grant": (c_int, p, u64, p, POINTER(_Capability), POINTER(u64)),
        "capability_revoke": (c_int, p, u64, c_bool, POINTER(u64)),
    }
    for name, (result, *arguments) in table.items():
        function = getattr(_library, "grove_" + name)
        function.restype, function.argtypes = result, arguments


_declare()


def _nanoseconds(seconds):
    return 0 if seconds is None else max(1, int(seconds * _SECOND))


def _view(address, size):
    """Memory of somebody else as a read-only memoryview."""
    return memoryview((c_char * size).from_address(address)).cast("B").toreadonly() if address and size else memoryview(b"")


def _bytes(address, size):
    return ctypes.string_at(address, size) if address and size else b""


# ---- sessions --------------------------------------------------------------------------------------------------------


class Session:
    """The connection to the kernel. Usually the default one is used: leave it out everywhere."""

    def __init__(self, path=None, descriptor=-1):
        handle = c_void_p()
        options = _SessionOptions(path.encode() if path else None, descriptor)
        _check(_library.grove_session_open(byref(options), byref(handle)))
        self._handle, self._keep = handle, []

    @classmethod
    def default(cls):
        global _default
        if _default is None:
            handle = c_void_p()
            _check(_library.grove_session_default(byref(handle)))
            _default = cls.__new__(cls)
            _default._handle, _default._keep = handle, []
        return _default

    def close(self):
        global _default
        if self._handle:
            _library.grove_session_close(self._handle)
            self._handle = None
            _default = None if _default is self else _default

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def name(self):
        return _text(_library.grove_session_identity(self._handle).contents.name.text)

    @property
    def project(self):
        return _text(_library.grove_session_identity(self._handle).contents.project.text)

    @property
    def generation(self):
        return _library.grove_session_identity(self._handle).contents.generation

    @property
    def ring(self):
        return _library.grove_session_identity(self._handle).contents.ring

    def fileno(self):
        """A descriptor to poll; call dispatch(0) when it is readable."""
        return _check(_library.grove_session_descriptor(self._handle))

    def dispatch(self, timeout=0.0):
        """Handle what is there, waiting up to `timeout`. False if nothing came."""
        status = _library.grove_session_dispatch(self._handle, int(timeout * _SECOND))
        return False if status == TimedOut.status else _check(status) == 0

    def on_region(self, handler):
        """Call handler(region, giver) for each region that somebody grants to this program. Usable as a decorator."""
        REGION_GRANTED = 133

        def notice(message, objects, count, _):
            taken = [objects[i] for i in range(count)]
            if message.contents.operation == REGION_GRANTED and len(taken) == 1:
                handle = c_void_p()
                status = _library.grove_region_accept(self._handle, message, taken.pop(), byref(handle))
                giver = bytes(message.contents.body)[40:104].split(b"\0")[0].decode()
                if status == 0:
                    handler(Region(handle), giver)
            for descriptor in taken:
                os.close(descriptor)

        callback = _NoticeHandler(notice)
        self._keep.append(callback)
        _library.grove_session_on_notice(self._handle, callback, None)
        return handler

    def capabilities(self):
        """The own capabilities: a list of Capability."""
        found, cursor, entry = [], c_uint32(0), _Entry()
        while True:
            status = _library.grove_capability_list(self._handle, byref(cursor), byref(entry))
            if status == NotFound.status:
                return found
            _check(status)
            found.append(Capability(self, entry.handle, _Capability.from_buffer_copy(entry.capability), entry.depth))

    def attach(self, loop):
        """Let an asyncio event loop drive this session, so that Channel.call_async works in it."""
        loop.add_reader(self.fileno(), self.dispatch)
        self.dispatch(0)


_default = None


def _session(given):
    return given if given is not None else Session.default()


# ---- capabilities ----------------------------------------------------------------------------------------------------


def _parse(text):
    capability = _Capability()
    _check(_library.grove_capability_parse(text.encode(), byref(capability)))
    return capability


class Capability:
    """An entry of the own table. str() gives its text, as in a manifest."""

    def __init__(self, session, handle, raw, depth=0):
        self._session, self.handle, self._raw, self.depth = session, handle, raw, depth

    def __str__(self):
        text = ctypes.create_string_buffer(640)
        _library.grove_capability_format(byref(self._raw), text, len(text))
        return _text(text.value)

    def derive(self, text):
        """A weaker one in the own table."""
        raw, handle = _parse(text), c_uint64()
        raw.rights &= self._raw.rights
        raw.rights |= self._raw.rights & 0x40  # EXTERNAL stays, or a shell could not hold it
        _check(_library.grove_capability_derive(self._session._handle, self.handle, byref(raw), byref(handle)))
        return Capability(self._session, handle.value, raw, self.depth + 1)

    def grant(self, channel, text):
        """A weaker one in the table of the service at the other end. Returns its handle there."""
        raw, handle = _parse(text), c_uint64()
        raw.rights &= self._raw.rights
        _check(_library.grove_capability_grant(self._session._handle, self.handle, channel._handle, byref(raw),
                                               byref(handle)))
        return handle.value

    def revoke(self, itself=True):
        """Remove everything derived from it, and with `itself` this one too. Returns how many."""
        count = c_uint64()
        _check(_library.grove_capability_revoke(self._session._handle, self.handle, itself, byref(count)))
        return count.value


# ---- clients ---------------------------------------------------------------------------------------------------------


class Answer:
    """What a call brought. The data are copies, so an answer needs no release."""

    def __init__(self, raw):
        self.data = _bytes(raw.data, raw.length_bytes)
        self.slice = _bytes(raw.slice, raw.slice_bytes) if raw.slice else None


class Loan:
    """Space in the own arena. Write to .view, then pass it to call, send or reply, which uses it up."""

    def __init__(self, raw):
        self._raw = raw
        self.view = memoryview((c_char * raw.length_bytes).from_address(raw.data)).cast("B")

    def give_back(self):
        self.view.release()
        _library.grove_loan_return(byref(self._raw))


class Channel:
    """The client end of a channel."""

    def __init__(self, session, handle):
        self._session, self._handle, self._started = session, handle, {}

    def close(self):
        if self._handle:
            _library.grove_channel_close(self._handle)
            self._handle = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _pointer(self):
        if not self._handle:
            raise Closed("this channel was closed by this program")
        return self._handle

    @staticmethod
    def _message(method, data, priority, timeout, loan):
        data = bytes(data)
        return _Call(method, priority, data, len(data), _nanoseconds(timeout), ctypes.pointer(loan._raw) if loan else None)

    def call(self, method, data=b"", *, priority=0, timeout=None, loan=None):
        """Call and wait for the Answer. No timeout: what is left of the request being handled, or 5 s."""
        raw = _Answer()
        _check(_library.grove_call(self._pointer(), byref(self._message(method, data, priority, timeout, loan)), byref(raw)))
        try:
            return Answer(raw)
        finally:
            _library.grove_answer_release(byref(raw))

    def send(self, method, data=b"", *, priority=0, timeout=None, loan=None):
        """One way. Once this returns the message is delivered, whatever crashes."""
        _check(_library.grove_send(self._pointer(), byref(self._message(method, data, priority, timeout, loan))))

    def start(self, method, data=b"", done=None, *, priority=0, timeout=None):
        """Call without waiting: done(answer, error) runs from dispatch or the run loop; one of the two is None."""
        key = object()

        def finish(status, raw, _):
            self._started.pop(key, None)
            if status < 0:
                done(None, _make_error(status))
            else:
                done(Answer(raw.contents), None)

        callback = _AnswerHandler(finish)
        self._started[key] = callback
        message = self._message(method, data, priority, timeout, None)
        status = _library.grove_call_start(self._pointer(), byref(message), callback, None)
        if status < 0:
            self._started.pop(key, None)
            raise _make_error(status)

    async def call_async(self, method, data=b"", *, priority=0, timeout=None):
        """Call from a coroutine; the session must be attached to the running loop (Session.attach)."""
        import asyncio
        loop = asyncio.get_running_loop()
        future = loop.create_future()

        def done(answer, error):
            if future.cancelled():
                return
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(answer)

        self.start(method, data, done, priority=priority, timeout=timeout)
        self._session.dispatch(0)
        return await future

    def loan(self, size, timeout=1.0):
        raw = _Loan()
        _check(_library.grove_loan(self._pointer(), size, _nanoseconds(timeout), byref(raw)))
        return Loan(raw)

    def flush(self, timeout=5.0):
        """Wait until the other end has handled all that was sent."""
        _check(_library.grove_channel_flush(self._pointer(), _nanoseconds(timeout)))

    @property
    def is_resumed(self):
        return bool(_library.grove_channel_is_resumed(self._pointer()))


def connect(endpoint, *, session=None, tag=0):
    """Connect to an endpoint. A name without a dot belongs to the own project."""
    session, handle = _session(session), c_void_p()
    options = _ConnectOptions(session=session._handle, tag=tag)
    _check(_library.grove_connect_with(endpoint.encode(), byref(options), byref(handle)))
    return Channel(session, handle)


# ---- services --------------------------------------------------------------------------------------------------------


class Request:
    """A message being handled. Valid in its handler, or until finish() after defer()."""

    def __init__(self, handle):
        self._handle = handle

    data = property(lambda self: _bytes(_library.grove_request_data(self._handle), _library.grove_request_bytes(self._handle)))
    method = property(lambda self: _library.grove_request_method(self._handle))
    lane = property(lambda self: LANES[_library.grove_request_lane(self._handle)])
    number = property(lambda self: _library.grove_request_number(self._handle))
    is_redelivered = property(lambda self: bool(_library.grove_request_is_redelivered(self._handle)))
    wants_reply = property(lambda self: bool(_library.grove_request_wants_reply(self._handle)))
    client = property(lambda self: _text(_library.grove_request_client(self._handle)))
    client_id = property(lambda self: _library.grove_request_client_id(self._handle))
    client_ring = property(lambda self: _library.grove_request_client_ring(self._handle))

    @property
    def remaining(self):
        """Seconds until the caller gives up; None without a deadline."""
        deadline = _library.grove_request_deadline_ns(self._handle)
        return max(0.0, (deadline - _library.grove_now_ns()) / _SECOND) if deadline else None

    @property
    def slice(self):
        """What the caller lent, read in place; None if nothing. Valid as long as the request."""
        size = c_size_t()
        address = _library.grove_request_slice(self._handle, byref(size))
        return _view(address, size.value) if address else None

    def reply(self, data=b"", loan=None):
        data = bytes(data)
        if loan is None:
            _check(_library.grove_reply(self._handle, data, len(data)))
        else:
            _check(_library.grove_reply_loan(self._handle, data, len(data), byref(loan._raw)))

    def reply_slice(self, offset, size, data=b""):
        """Hand part of the caller's own slice back to it without copying."""
        _check(_library.grove_reply_slice(self._handle, bytes(data), len(data), offset, size))

    def loan(self, size, timeout=1.0):
        raw = _Loan()
        _check(_library.grove_request_loan(self._handle, size, _nanoseconds(timeout), byref(raw)))
        return Loan(raw)

    def defer(self):
        """Answer later: the handler's result is ignored; reply() and finish() end the request."""
        _check(_library.grove_request_defer(self._handle))
        self._is_deferred = True

    _is_deferred = False

    def finish(self):
        _library.grove_request_finish(self._handle)


class Service:
    """A service. Register handlers with on(), then run(), or attach() it to an asyncio loop."""

    def __init__(self, *, session=None, ready=True):
        self._session = _session(session)
        self._keep, self._changes, self._failure, self._loop = [], {}, None, None
        options = _ServiceOptions(session=self._session._handle, not_ready_yet=not ready)
        options.on_init = _OnInit(lambda _, reason, __: self._change("init", reason))
        options.on_quiesce = _OnChange(lambda _, __: self._change("quiesce"))
        options.on_resume = _OnChange(lambda _, __: self._change("resume"))
        options.on_stop = _OnStop(lambda _, __: self._change("stop") and None)
        self._options, self._handle = options, c_void_p()
        _check(_library.grove_service_create(byref(options), byref(self._handle)))

    def _guard(self, function, *arguments):
        """Handlers run inside C: what they raise is kept and raised again from run()."""
        try:
            return function(*arguments)
        except BaseException as problem:  # KeyboardInterrupt included: it must reach run()
            self._failure = self._failure or problem
            _library.grove_service_stop(self._handle)
            return None

    def _change(self, name, *arguments):
        handler = self._changes.get(name)
        if handler is not None:
            self._guard(handler, *arguments)
        return HandlerFailed.status if self._failure else 0

    def on_change(self, name):
        """Decorator for the life cycle: "init" (gets the reason 0 fresh, 1 restarted, 2 successor), "quiesce",
        "resume", "stop"."""
        def register(handler):
            self._changes[name] = handler
            return handler
        return register

    def on(self, endpoint, method=METHOD_ANY):
        """Decorator: handler(request) returns bytes to reply with, or None. A grove.Error that it raises goes to the
        caller with its text; any other exception as HANDLER_FAILED."""
        def register(handler):
            def handle(address, _):
                request = Request(address)
                try:
                    result = handler(request)
                    if result is not None and not request._is_deferred:
                        request.reply(result)
                    return 0
                except Error as problem:
                    return self._fail(address, problem.status or HandlerFailed.status, str(problem))
                except Exception as problem:
                    return self._fail(address, HandlerFailed.status, f"{type(problem).__name__}: {problem}")
                except BaseException as problem:
                    self._failure = self._failure or problem
                    _library.grove_service_stop(self._handle)
                    return HandlerFailed.status

            callback = _Handler(handle)
            self._keep.append(callback)
            _check(_library.grove_service_on(self._handle, endpoint.encode(), method, callback, None))
            return handler
        return register

    @staticmethod
    def _fail(address, status, text):
        return _library.grove_fail(address, status, b"%s", text.encode())

    def _timer(self, start, seconds, handler):
        number = c_uint32()
        callback = _TimerHandler(lambda _, __: self._guard(handler) and None)
        self._keep.append(callback)
        _check(start(self._handle, _nanoseconds(seconds), callback, None, byref(number)))
        return number.value

    def every(self, seconds, handler):
        """Call handler() every `seconds` from now. Returns a number for cancel()."""
        return self._timer(_library.grove_service_every, seconds, handler)

    def after(self, seconds, handler):
        return self._timer(_library.grove_service_after, seconds, handler)

    def cancel(self, timer):
        _library.grove_service_cancel(self._handle, timer)

    def watch(self, file, events, handler):
        """Call handler(events) when a descriptor is ready (select.POLLIN, ...); events 0 ends it."""
        descriptor = file if isinstance(file, int) else file.fileno()
        callback = _DescriptorHandler(lambda _, __, ready, ___: self._guard(handler, ready) and None)
        self._keep.append(callback)
        _check(_library.grove_service_watch(self._handle, descriptor, events, callback, None))

    def ready(self):
        _check(_library.grove_service_ready(self._handle))

    def stop(self):
        _library.grove_service_stop(self._handle)

    def run(self):
        """Serve until stopped by the kernel or stop()."""
        status = _library.grove_service_run(self._handle)
        self._raise_failure()
        _check(status)

    def _raise_failure(self):
        if self._failure is not None:
            problem, self._failure = self._failure, None
            raise problem

    def dispatch(self, timeout=0.0):
        """One turn. False when the service has stopped."""
        status = _library.grove_service_dispatch(self._handle, int(timeout * _SECOND))
        self._raise_failure()
        if status == Closed.status:
            return False
        if status != TimedOut.status:
            _check(status)
        return True

    def fileno(self):
        return _check(_library.grove_service_descriptor(self._handle))

    def attach(self, loop):
        """Let an asyncio event loop drive the service. Returns a future that ends when the service stops."""
        stopped, descriptor = loop.create_future(), self.fileno()

        def turn():
            try:
                if self.dispatch(0):
                    return
                loop.remove_reader(descriptor)
                if not stopped.done():
                    stopped.set_result(None)
            except BaseException as problem:
                loop.remove_reader(descriptor)
                if not stopped.done():
                    stopped.set_exception(problem)

        loop.add_reader(descriptor, turn)
        turn()
        return stopped

    def close(self):
        if self._handle:
            _library.grove_service_destroy(self._handle)
            self._handle = None


# ---- regions ---------------------------------------------------------------------------------------------------------


class Region:
    """Shared memory as a memoryview: .view, writable only for its owner."""

    def __init__(self, handle, is_fresh=True):
        size = c_uint64()
        self._handle, self.is_fresh = handle, is_fresh
        address = _library.grove_region_data(handle, byref(size))
        self.is_writable = bool(_library.grove_region_is_writable(handle))
        view = memoryview((c_char * size.value).from_address(address)).cast("B")
        self.view = view if self.is_writable else view.toreadonly()

    def grant(self, channel):
        """Let the service at the other end read it."""
        _check(_library.grove_region_grant(self._handle, channel._handle))

    def close(self):
        if self._handle:
            self.view.release()
            _library.grove_region_close(self._handle)
            self._handle = None


def region(size, *, session=None):
    """A new region of which this program is the one writer."""
    handle = c_void_p()
    _check(_library.grove_region_create(_session(session)._handle, size, byref(handle)))
    return Region(handle)


def state(size, *, session=None):
    """The region that outlives this instance. `.is_fresh` is False when it holds what an earlier instance left."""
    handle, is_fresh = c_void_p(), c_bool()
    _check(_library.grove_region_state(_session(session)._handle, size, byref(handle), byref(is_fresh)))
    return Region(handle, is_fresh.value)
