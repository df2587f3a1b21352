"""Clients: channels to other services, and what calls bring."""
from ctypes import byref, c_void_p, pointer

from . import native
from .errors import Closed, check, make_error
from .memory import Loan
from .native import bytes_of, library, nanoseconds
from .sessions import session_or_default


class Answer:
    """What a call brought. The data are copies, so an answer needs no release."""

    def __init__(self, raw):
        self.data = bytes_of(raw.data, raw.length_bytes)
        self.slice = bytes_of(raw.slice, raw.slice_bytes) if raw.slice else None


class Channel:
    """The client end of a channel."""

    def __init__(self, session, handle):
        self._session, self._handle, self._started = session, handle, {}

    def close(self):
        if self._handle:
            library.grove_channel_close(self._handle)
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
        return native.Call(method, priority, data, len(data), nanoseconds(timeout), pointer(loan._raw) if loan else None)

    def call(self, method, data=b"", *, priority=0, timeout=None, loan=None):
        """Call and wait for the Answer. No timeout: what is left of the request being handled, or 5 s."""
        raw = native.Answer()
        check(library.grove_call(self._pointer(), byref(self._message(method, data, priority, timeout, loan)), byref(raw)))
        try:
            return Answer(raw)
        finally:
            library.grove_answer_release(byref(raw))

    def send(self, method, data=b"", *, priority=0, timeout=None, loan=None):
        """One way. Once this returns the message is delivered, whatever crashes."""
        check(library.grove_send(self._pointer(), byref(self._message(method, data, priority, timeout, loan))))

    def start(self, method, data=b"", done=None, *, priority=0, timeout=None):
        """Call without waiting: done(answer, error) runs from dispatch or the run loop; one of the two is None."""
        key = object()

        def finish(status, raw, _):
            self._started.pop(key, None)
            if status < 0:
                done(None, make_error(status))
            else:
                done(Answer(raw.contents), None)

        callback = native.AnswerHandler(finish)
        self._started[key] = callback
        message = self._message(method, data, priority, timeout, None)
        status = library.grove_call_start(self._pointer(), byref(message), callback, None)
        if status < 0:
            self._started.pop(key, None)
            raise make_error(status)

    async def call_async(self, method, data=b"", *, priority=0, timeout=None):
        """Call from a coroutine; the session must be attached to the running loop (Session.attach)."""
        import asyncio  # here, because most clients never need it and it takes longer to load than all of this
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
        raw = native.Loan()
        check(library.grove_loan(self._pointer(), size, nanoseconds(timeout), byref(raw)))
        return Loan(raw)

    def flush(self, timeout=5.0):
        """Wait until the other end has handled all that was sent."""
        check(library.grove_channel_flush(self._pointer(), nanoseconds(timeout)))

    @property
    def is_resumed(self):
        return bool(library.grove_channel_is_resumed(self._pointer()))


def connect(endpoint, *, session=None, tag=0):
    """Connect to an endpoint. A name without a dot belongs to the own project."""
    session, handle = session_or_default(session), c_void_p()
    options = native.ConnectOptions(session=session._handle, tag=tag)
    check(library.grove_connect_with(endpoint.encode(), byref(options), byref(handle)))
    return Channel(session, handle)
