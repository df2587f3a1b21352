"""Services: requests, handlers, the run loop and its life cycle."""
from ctypes import byref, c_size_t, c_uint32, c_void_p

from . import native
from .capabilities import parse
from .errors import Closed, Error, HandlerFailed, TimedOut, check
from .memory import Loan
from .native import SECOND, bytes_of, library, nanoseconds, text_of, view_of
from .sessions import session_or_default

METHOD_ANY = 0xFFFFFFFF
LANES = ("high", "medium", "low")


class Request:
    """A message being handled. Valid in its handler, or until finish() after defer()."""

    def __init__(self, handle):
        self._handle = handle

    data = property(lambda self: bytes_of(library.grove_request_data(self._handle),
                                          library.grove_request_bytes(self._handle)))
    method = property(lambda self: library.grove_request_method(self._handle))
    lane = property(lambda self: LANES[library.grove_request_lane(self._handle)])
    number = property(lambda self: library.grove_request_number(self._handle))
    is_redelivered = property(lambda self: bool(library.grove_request_is_redelivered(self._handle)))
    wants_reply = property(lambda self: bool(library.grove_request_wants_reply(self._handle)))
    client = property(lambda self: text_of(library.grove_request_client(self._handle)))
    client_id = property(lambda self: library.grove_request_client_id(self._handle))
    client_ring = property(lambda self: library.grove_request_client_ring(self._handle))

    @property
    def remaining(self):
        """Seconds until the caller gives up; None without a deadline."""
        deadline = library.grove_request_deadline_ns(self._handle)
        return max(0.0, (deadline - library.grove_now_ns()) / SECOND) if deadline else None

    @property
    def slice(self):
        """What the caller lent, read in place; None if nothing. Valid as long as the request."""
        size = c_size_t()
        address = library.grove_request_slice(self._handle, byref(size))
        return view_of(address, size.value) if address else None

    def client_may(self, text):
        """Raises Denied, with the sentence that says what is missing, unless whoever sent this holds the capability
        that `text` names ("STORE_READ:grid.*": full names, absolute paths)."""
        check(library.grove_request_client_holds(self._handle, byref(parse(text))))

    def reply(self, data=b"", loan=None):
        data = bytes(data)
        if loan is None:
            check(library.grove_reply(self._handle, data, len(data)))
        else:
            check(library.grove_reply_loan(self._handle, data, len(data), byref(loan._raw)))

    def reply_slice(self, offset, size, data=b""):
        """Hand part of the caller's own slice back to it without copying."""
        check(library.grove_reply_slice(self._handle, bytes(data), len(data), offset, size))

    def loan(self, size, timeout=1.0):
        raw = native.Loan()
        check(library.grove_request_loan(self._handle, size, nanoseconds(timeout), byref(raw)))
        return Loan(raw)

    def defer(self):
        """Answer later: the handler's result is ignored; reply() and finish() end the request."""
        check(library.grove_request_defer(self._handle))
        self._is_deferred = True

    _is_deferred = False

    def finish(self):
        library.grove_request_finish(self._handle)


class Service:
    """A service. Register handlers with on(), then run(), or attach() it to an asyncio loop."""

    def __init__(self, *, session=None, ready=True):
        self._session = session_or_default(session)
        self._keep, self._changes, self._failure, self._loop = [], {}, None, None
        options = native.ServiceOptions(session=self._session._handle, not_ready_yet=not ready)
        options.on_init = native.OnInit(lambda _, reason, __: self._change("init", reason))
        options.on_quiesce = native.OnChange(lambda _, __: self._change("quiesce"))
        options.on_resume = native.OnChange(lambda _, __: self._change("resume"))
        options.on_stop = native.OnStop(lambda _, __: self._change("stop") and None)
        self._options, self._handle = options, c_void_p()
        check(library.grove_service_create(byref(options), byref(self._handle)))

    def _guard(self, function, *arguments):
        """Handlers run inside C: what they raise is kept and raised again from run()."""
        try:
            return function(*arguments)
        except BaseException as problem:  # KeyboardInterrupt included: it must reach run()
            self._failure = self._failure or problem
            library.grove_service_stop(self._handle)
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
                    library.grove_service_stop(self._handle)
                    return HandlerFailed.status

            callback = native.Handler(handle)
            self._keep.append(callback)
            check(library.grove_service_on(self._handle, endpoint.encode(), method, callback, None))
            return handler
        return register

    @staticmethod
    def _fail(address, status, text):
        return library.grove_fail(address, status, b"%s", text.encode())

    def _timer(self, start, seconds, handler):
        number = c_uint32()
        callback = native.TimerHandler(lambda _, __: self._guard(handler) and None)
        self._keep.append(callback)
        check(start(self._handle, nanoseconds(seconds), callback, None, byref(number)))
        return number.value

    def every(self, seconds, handler):
        """Call handler() every `seconds` from now. Returns a number for cancel()."""
        return self._timer(library.grove_service_every, seconds, handler)

    def after(self, seconds, handler):
        return self._timer(library.grove_service_after, seconds, handler)

    def cancel(self, timer):
        library.grove_service_cancel(self._handle, timer)

    def watch(self, file, events, handler):
        """Call handler(events) when a descriptor is ready (select.POLLIN, ...); events 0 ends it."""
        descriptor = file if isinstance(file, int) else file.fileno()
        callback = native.DescriptorHandler(lambda _, __, ready, ___: self._guard(handler, ready) and None)
        self._keep.append(callback)
        check(library.grove_service_watch(self._handle, descriptor, events, callback, None))

    def ready(self):
        check(library.grove_service_ready(self._handle))

    def stop(self):
        library.grove_service_stop(self._handle)

    def run(self):
        """Serve until stopped by the kernel or stop()."""
        status = library.grove_service_run(self._handle)
        self._raise_failure()
        check(status)

    def _raise_failure(self):
        if self._failure is not None:
            problem, self._failure = self._failure, None
            raise problem

    def dispatch(self, timeout=0.0):
        """One turn. False when the service has stopped."""
        status = library.grove_service_dispatch(self._handle, int(timeout * SECOND))
        self._raise_failure()
        if status == Closed.status:
            return False
        if status != TimedOut.status:
            check(status)
        return True

    def fileno(self):
        return check(library.grove_service_descriptor(self._handle))

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
            library.grove_service_destroy(self._handle)
            self._handle = None
