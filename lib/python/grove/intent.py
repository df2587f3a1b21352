"""The intent log: operations of several steps that are completed or undone (grove/intent.h says what is promised).

    from grove import intent, store

    trip = intent.Kind("trip", [intent.Step("open", open_breaker, close_breaker), intent.Step("tell", tell)])
    trip.recover(store.Store())            # first of all, after a start
    trip.run(store.Store(), b"feeder 7")   # each function is called with the data; what it raises fails its step

The parts, for a program whose steps wait for events:

    opened = trip.begin(box, b"feeder 7")  # it is on the disk
    opened.mark(0)                         # step 0 is done
    opened.end()

    with box.transaction() as change:      # beginning, marking and ending as parts of one's own transactions
        opened = trip.begin_in(change, box, b"feeder 7")
        change.set("feeder/7", b"tripping")
"""
from collections import namedtuple
from ctypes import CFUNCTYPE, POINTER, Structure, byref, c_bool, c_char_p, c_int, c_size_t, c_uint, c_void_p

from . import store as _store  # noqa: F401  (declares what intents are made of)
from .errors import HandlerFailed, WrongState, check
from .native import bytes_of, library

COMPLETE, UNDO = 0, 1  # enum grove_intent_policy

Step = namedtuple("Step", "name perform undo", defaults=(None,))
Step.__doc__ = "perform(data), and undo(data) or None. Each may be called twice, and must then be as good as once."


class RawData(Structure):
    _fields_ = [("data", c_void_p), ("length_bytes", c_size_t)]


Function = CFUNCTYPE(c_int, POINTER(RawData), c_void_p)


class RawStep(Structure):
    _fields_ = [("name", c_char_p), ("perform", Function), ("undo", Function)]


class RawKind(Structure):
    _fields_ = [("name", c_char_p), ("policy", c_int), ("steps", POINTER(RawStep))]


library.grove_intent_run.restype = library.grove_intent_recover.restype = c_int
library.grove_intent_run.argtypes = (c_void_p, POINTER(RawKind), c_char_p, c_size_t, c_void_p)
library.grove_intent_recover.argtypes = (c_void_p, POINTER(RawKind), c_void_p, POINTER(c_uint))


library.grove_intent_begin.restype = library.grove_intent_begin_in.restype = library.grove_intent_next.restype = c_int
library.grove_intent_begin.argtypes = (c_void_p, POINTER(RawKind), c_char_p, c_size_t, POINTER(c_void_p))
library.grove_intent_begin_in.argtypes = (c_void_p, c_void_p, POINTER(RawKind), c_char_p, c_size_t, POINTER(c_void_p))
library.grove_intent_next.argtypes = (c_void_p, POINTER(RawKind), POINTER(c_void_p), POINTER(c_uint))
library.grove_intent_mark.restype = library.grove_intent_mark_in.restype = c_int
library.grove_intent_mark.argtypes = (c_void_p, c_uint, c_bool)
library.grove_intent_mark_in.argtypes = (c_void_p, c_void_p, c_uint, c_bool)
library.grove_intent_end.restype = library.grove_intent_end_in.restype = c_int
library.grove_intent_end.argtypes, library.grove_intent_end_in.argtypes = (c_void_p,), (c_void_p, c_void_p)
library.grove_intent_forget.restype, library.grove_intent_forget.argtypes = None, (c_void_p,)
library.grove_intent_data.restype, library.grove_intent_data.argtypes = RawData, (c_void_p,)


class Intent:
    """One that was begun. It stays open, for recover, if it is not ended."""

    def __init__(self, handle, store):
        self._handle, self._store = handle, store  # the store is to outlive it

    def __del__(self):
        self.forget()

    def _open(self):
        if not self._handle:
            raise WrongState("this intent was ended or forgotten")
        return self._handle

    @property
    def data(self):
        raw = library.grove_intent_data(self._open())
        return bytes_of(raw.data, raw.length_bytes)

    def mark(self, step, is_done=True):
        """Step number `step`, from 0, is done; or with False is undone again."""
        check(library.grove_intent_mark(self._open(), step, is_done))

    def mark_in(self, transaction, step, is_done=True):
        """The same as a part of a transaction of one's own."""
        check(library.grove_intent_mark_in(self._open(), transaction._handle, step, is_done))

    def end(self):
        """It is removed, also from this object when that fails."""
        handle, self._handle = self._open(), None
        check(library.grove_intent_end(handle))

    def end_in(self, transaction):
        """The transaction removes it. Forget it when that is committed."""
        check(library.grove_intent_end_in(self._open(), transaction._handle))

    def forget(self):
        """Nothing more is done with it here; on the disk it is as it is."""
        handle, self._handle = self._handle, None
        if handle:
            library.grove_intent_forget(handle)


class Kind:
    """A kind of operation: its name, its steps in order, and what recover does with one that was left open."""

    def __init__(self, name, steps, policy=COMPLETE):
        self._failure = None
        self._steps = (RawStep * (len(steps) + 1))()
        for raw, step in zip(self._steps, steps):
            raw.name, raw.perform = step.name.encode(), Function(self._guard(step.perform))
            if step.undo is not None:
                raw.undo = Function(self._guard(step.undo))
        self._raw = RawKind(name.encode(), policy, self._steps)

    def _guard(self, function):
        """Steps run inside C: what they raise is kept, and raised again from run or recover."""
        def call(data, _):
            try:
                function(bytes_of(data.contents.data, data.contents.length_bytes))
                return 0
            except BaseException as problem:
                self._failure = self._failure or problem
                return getattr(problem, "status", 0) or HandlerFailed.status
        return call

    def _end(self, status):
        failure, self._failure = self._failure, None
        if status < 0 and failure is not None:
            try:
                check(status)
            except BaseException as problem:
                raise problem from failure
        return check(status)

    def run(self, store, data=b""):
        """Do all steps. A step that fails raises, after those before it have been undone."""
        data = bytes(data)
        self._end(library.grove_intent_run(store._handle, byref(self._raw), data, len(data), None))

    def recover(self, store):
        """Complete or undo what an earlier instance left open. Returns how many."""
        count = c_uint()
        self._end(library.grove_intent_recover(store._handle, byref(self._raw), None, byref(count)))
        return count.value

    def begin(self, store, data=b""):
        """An Intent that is on the disk, and whose steps the program does and marks itself."""
        data, handle = bytes(data), c_void_p()
        check(library.grove_intent_begin(store._handle, byref(self._raw), data, len(data), byref(handle)))
        return Intent(handle, store)

    def begin_in(self, transaction, store, data=b""):
        """The same as a part of a transaction of one's own: it may be marked when that is committed; if it is not, forget it."""
        data, handle = bytes(data), c_void_p()
        check(library.grove_intent_begin_in(transaction._handle, store._handle, byref(self._raw), data, len(data),
                                            byref(handle)))
        return Intent(handle, store)

    def next(self, store):
        """The oldest one that is open, and how many of its steps are marked. Raises grove.NotFound when none is."""
        handle, done = c_void_p(), c_uint()
        check(library.grove_intent_next(store._handle, byref(self._raw), byref(handle), byref(done)))
        return Intent(handle, store), done.value
