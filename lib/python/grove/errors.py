"""Each status of Grove as an exception."""
from ctypes import c_int

from .native import library, text_of


class Error(Exception):
    """A call into Grove failed. `status` is the negative number, `name` its name, the text says how to mend it."""

    __module__ = "grove"  # where it is seen, and what tracebacks say
    status = 0
    name = "ERROR"

    def __init__(self, text="", status=None):
        super().__init__(text)
        if status is not None:
            self.status = status


def define_errors():
    names = ("Invalid Denied NotFound StaleHandle Exists Exhausted TimedOut Again Closed WrongState Unsupported TooLarge "
             "Corrupt IoError NoMemory LayerMissing Version Cycle Cancelled HandlerFailed ReadOnly Full NoDescriptors")
    classes = {}
    for number, name in enumerate(names.split(), 1):
        status_name = library.grove_status_name(c_int(-number)).decode()
        bases = {"TimedOut": (Error, TimeoutError), "Denied": (Error, PermissionError)}.get(name, (Error,))
        classes[-number] = type(name, bases, {"status": -number, "name": status_name, "__module__": "grove"})
        globals()[name] = classes[-number]
    return classes


_errors = define_errors()
__all__ = ["Error", *(error.__name__ for error in _errors.values())]


def last_error():
    return text_of(library.grove_last_error())


def make_error(status, text=None):
    return _errors.get(status, Error)(text if text is not None else last_error(), status=status)


def check(status):
    if status < 0:
        raise make_error(status)
    return status
