"""The intent log: operations of several steps that are completed or undone (grove/intent.h says what is promised).

    from grove import intent, store

    trip = intent.Kind("trip", [intent.Step("open", open_breaker, close_breaker), intent.Step("tell", tell)])
    trip.recover(store.Store())            # first of all, after a start
    trip.run(store.Store(), b"feeder 7")   # each function is called with the data; what it raises fails its step
"""
from collections import namedtuple
from ctypes import CFUNCTYPE, POINTER, Structure, byref, c_char_p, c_int, c_size_t, c_uint, c_void_p

from . import store as _store  # noqa: F401  (declares what intents are made of)
from .errors import HandlerFailed, check
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
