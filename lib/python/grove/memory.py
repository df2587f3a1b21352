"""Memory that is shared without copying: regions, and loans of a channel's arena."""
from ctypes import byref, c_char, c_uint64

from .errors import check
from .native import library


class Loan:
    """Space in the own arena. Write to .view, then pass it to call, send or reply, which uses it up."""

    def __init__(self, raw):
        self._raw = raw
        self.view = memoryview((c_char * raw.length_bytes).from_address(raw.data)).cast("B")

    def give_back(self):
        self.view.release()
        library.grove_loan_return(byref(self._raw))


class Region:
    """Shared memory as a memoryview: .view, writable only for its owner."""

    def __init__(self, handle, is_fresh=True):
        size = c_uint64()
        self._handle, self.is_fresh = handle, is_fresh
        address = library.grove_region_data(handle, byref(size))
        self.is_writable = bool(library.grove_region_is_writable(handle))
        view = memoryview((c_char * size.value).from_address(address)).cast("B")
        self.view = view if self.is_writable else view.toreadonly()

    def grant(self, channel):
        """Let the service at the other end read it."""
        check(library.grove_region_grant(self._handle, channel._handle))

    def grant_client(self, request):
        """Let the client whose request this is read it. Returns the id of the region in the client's notice."""
        number = c_uint64()
        check(library.grove_region_grant_client(self._handle, request._handle, byref(number)))
        return number.value

    def close(self):
        if self._handle:
            self.view.release()
            library.grove_region_close(self._handle)
            self._handle = None
