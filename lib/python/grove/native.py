"""libgrove.so.1 as it is: its structures (grove.h and abi/) and the types of its functions. Adds no behaviour."""
import ctypes
import os
from ctypes import (CFUNCTYPE, POINTER, Structure, c_bool, c_char, c_char_p, c_int, c_int32, c_short, c_size_t,
                    c_uint, c_uint8, c_uint16, c_uint32, c_uint64, c_void_p, memmove)

SECOND = 1_000_000_000


def load():
    named = os.environ.get("GROVE_LIBRARY")
    package = os.path.dirname(os.path.abspath(__file__))
    beside = os.path.join(os.path.dirname(package), "libgrove.so.1")
    for path in (named, beside, "libgrove.so.1"):
        if not path or (path is beside and not os.path.exists(path)):
            continue
        try:
            return ctypes.CDLL(path)
        except OSError as problem:
            last = problem
    raise ImportError(f"libgrove.so.1 was not found ({last}): install Grove, or name the file in GROVE_LIBRARY")


library = load()


class Name(Structure):
    _fields_ = [("text", c_char * 64)]


class Address(Structure):
    _fields_ = [("family", c_uint8), ("prefix_bits", c_uint8), ("transport", c_uint8), ("reserved", c_uint8),
                ("port_first", c_uint16), ("port_last", c_uint16), ("bytes", c_uint8 * 16)]


class ArgumentValue(ctypes.Union):
    _fields_ = [("text", c_char * 496), ("address", Address), ("quantity", c_uint64)]


class Argument(Structure):
    _fields_ = [("kind", c_uint16), ("length_bytes", c_uint16), ("reserved", c_uint32), ("value", ArgumentValue)]


class Capability(Structure):
    _fields_ = [("kind", c_uint16), ("rights", c_uint16), ("reserved", c_uint32), ("argument", Argument)]


class Entry(Structure):
    _fields_ = [("cursor", c_uint32), ("depth", c_uint32), ("handle", c_uint64), ("object", c_uint64),
                ("capability", Capability)]


class Init(Structure):
    _fields_ = [("reason", c_uint32), ("ring", c_uint32), ("id", c_uint64), ("name", Name), ("project", Name),
                ("generation", c_uint32), ("exit_cause", c_uint32), ("exit_detail", c_int32),
                ("channels", c_uint32), ("random", c_uint8 * 32)]


class Message(Structure):
    _fields_ = [("version", c_uint16), ("operation", c_uint16), ("status", c_int32), ("sequence", c_uint64),
                ("objects", c_uint16), ("reserved", c_uint16 * 3), ("time_ns", c_uint64), ("body", c_uint8 * 608)]


class LogValue(ctypes.Union):
    _fields_ = [("text", c_char_p), ("number", ctypes.c_int64), ("real", ctypes.c_double)]


class LogField(Structure):
    _fields_ = [("key", c_char_p), ("kind", c_int), ("value", LogValue)]


class Loan(Structure):
    _fields_ = [("data", c_void_p), ("length_bytes", c_size_t), ("internal", c_void_p * 4)]


class Call(Structure):
    _fields_ = [("method", c_uint32), ("priority", c_int), ("data", c_char_p), ("length_bytes", c_size_t),
                ("timeout_ns", c_uint64), ("loan", POINTER(Loan))]


class Answer(Structure):
    _fields_ = [("data", c_void_p), ("length_bytes", c_size_t), ("slice", c_void_p), ("slice_bytes", c_size_t),
                ("internal", c_void_p * 6)]


class SessionOptions(Structure):
    _fields_ = [("path", c_char_p), ("descriptor", c_int)]


class ConnectOptions(Structure):
    _fields_ = [("session", c_void_p), ("tag", c_uint64), ("lane_bytes", c_uint64 * 3), ("arena_bytes", c_uint64)]


Handler = CFUNCTYPE(c_int, c_void_p, c_void_p)
NoticeHandler = CFUNCTYPE(None, POINTER(Message), POINTER(c_int), c_uint, c_void_p)
AnswerHandler = CFUNCTYPE(None, c_int, POINTER(Answer), c_void_p)
TimerHandler = CFUNCTYPE(None, c_void_p, c_void_p)
DescriptorHandler = CFUNCTYPE(None, c_void_p, c_int, c_short, c_void_p)
OnInit = CFUNCTYPE(c_int, c_void_p, c_int, c_void_p)
OnChange = CFUNCTYPE(c_int, c_void_p, c_void_p)
OnStop = CFUNCTYPE(None, c_void_p, c_void_p)


class ServiceOptions(Structure):
    _fields_ = [("session", c_void_p), ("on_init", OnInit), ("on_quiesce", OnChange), ("on_resume", OnChange),
                ("on_stop", OnStop), ("context", c_void_p), ("not_ready_yet", c_bool)]


class ConfigOptions(Structure):
    _fields_ = [("session", c_void_p), ("timeout_ns", c_uint64)]


class ConfigValue(Structure):
    _fields_ = [("kind", c_uint32), ("count", c_uint32), ("data", c_void_p), ("bytes", c_size_t)]


class ConfigChange(Structure):
    _fields_ = [("key", c_char_p), ("before", POINTER(ConfigValue)), ("after", POINTER(ConfigValue))]


class ConfigProposed(Structure):
    _fields_ = [("service", c_char_p), ("key", c_char_p), ("before", POINTER(ConfigValue)),
                ("after", POINTER(ConfigValue))]


class ConfigProposal(Structure):
    _fields_ = [("count", c_uint32), ("changes", POINTER(ConfigProposed)), ("deadline_ns", c_uint64)]


ConfigWatcher = CFUNCTYPE(None, c_void_p, POINTER(ConfigChange), c_void_p)
ConfigValidator = CFUNCTYPE(c_int, c_void_p, POINTER(ConfigProposal), c_void_p, c_size_t, c_void_p)


def declare():
    p, u32, u64, size = c_void_p, c_uint32, c_uint64, c_size_t
    table = {
        "last_error": (c_char_p,), "status_name": (c_char_p, c_int), "status_text": (c_char_p, c_int), "now_ns": (u64,),
        "session_open": (c_int, POINTER(SessionOptions), POINTER(p)), "session_close": (None, p),
        "session_default": (c_int, POINTER(p)), "session_identity": (POINTER(Init), p),
        "session_dispatch": (c_int, p, u64), "session_descriptor": (c_int, p),
        "session_on_notice": (None, p, NoticeHandler, p),
        "connect_with": (c_int, c_char_p, POINTER(ConnectOptions), POINTER(p)), "channel_close": (None, p),
        "call": (c_int, p, POINTER(Call), POINTER(Answer)), "answer_release": (None, POINTER(Answer)),
        "call_start": (c_int, p, POINTER(Call), AnswerHandler, p), "send": (c_int, p, POINTER(Call)),
        "channel_flush": (c_int, p, u64), "channel_pending": (c_int, p, c_int, POINTER(u64)),
        "channel_is_resumed": (c_bool, p),
        "loan": (c_int, p, size, u64, POINTER(Loan)), "loan_return": (None, POINTER(Loan)),
        "request_loan": (c_int, p, size, u64, POINTER(Loan)),
        "service_create": (c_int, POINTER(ServiceOptions), POINTER(p)), "service_destroy": (None, p),
        "service_on": (c_int, p, c_char_p, u32, Handler, p),
        "service_every": (c_int, p, u64, TimerHandler, p, POINTER(u32)),
        "service_after": (c_int, p, u64, TimerHandler, p, POINTER(u32)), "service_cancel": (None, p, u32),
        "service_watch": (c_int, p, c_int, c_short, DescriptorHandler, p), "service_ready": (c_int, p),
        "service_run": (c_int, p), "service_stop": (None, p), "service_descriptor": (c_int, p),
        "service_dispatch": (c_int, p, u64), "service_session": (p, p),
        "request_data": (p, p), "request_bytes": (size, p), "request_slice": (p, p, POINTER(size)),
        "request_method": (u32, p), "request_lane": (c_int, p), "request_deadline_ns": (u64, p),
        "request_number": (u64, p), "request_is_redelivered": (c_bool, p), "request_wants_reply": (c_bool, p),
        "request_client": (c_char_p, p), "request_client_id": (u64, p), "request_client_ring": (u32, p),
        "request_client_holds": (c_int, p, POINTER(Capability)),
        "reply": (c_int, p, c_char_p, size), "reply_loan": (c_int, p, c_char_p, size, POINTER(Loan)),
        "reply_slice": (c_int, p, c_char_p, size, size, size), "fail": (c_int, p, c_int, c_char_p, c_char_p),
        "request_defer": (c_int, p), "request_finish": (None, p),
        "region_create": (c_int, p, u64, POINTER(p)), "region_state": (c_int, p, u64, POINTER(p), POINTER(c_bool)),
        "region_accept": (c_int, p, POINTER(Message), c_int, POINTER(p)), "region_grant": (c_int, p, p),
        "region_grant_client": (c_int, p, p, POINTER(u64)),
        "region_data": (p, p, POINTER(u64)), "region_is_writable": (c_bool, p), "region_close": (None, p),
        "log": (c_int, c_int, c_char_p, p, size), "log_lost": (u64,),
        "config_open": (c_int, POINTER(ConfigOptions), POINTER(p)), "config_close": (None, p),
        "config_open_later": (c_int, POINTER(ConfigOptions), POINTER(p)),
        "config_get": (c_int, p, c_char_p, p, size, POINTER(ConfigValue)), "config_change_number": (u64, p),
        "config_watch": (c_int, p, c_char_p, ConfigWatcher, p),
        "config_validate": (c_int, p, c_char_p, ConfigValidator, p),
        "config_fetch": (c_int, p, c_char_p, c_char_p, p, size),
        "capability_parse": (c_int, c_char_p, POINTER(Capability)),
        "capability_format": (size, POINTER(Capability), c_char_p, size),
        "capability_list": (c_int, p, POINTER(u32), POINTER(Entry)),
        "capability_derive": (c_int, p, u64, POINTER(Capability), POINTER(u64)),
        "capability_grant": (c_int, p, u64, p, POINTER(Capability), POINTER(u64)),
        "capability_revoke": (c_int, p, u64, c_bool, POINTER(u64)),
    }
    for name, (result, *arguments) in table.items():
        function = getattr(library, "grove_" + name)
        function.restype, function.argtypes = result, arguments


declare()


def nanoseconds(seconds):
    return 0 if seconds is None else max(1, int(seconds * SECOND))


def view_of(address, size):
    """Memory of somebody else as a read-only memoryview."""
    return memoryview((c_char * size).from_address(address)).cast("B").toreadonly() if address and size else memoryview(b"")


def bytes_of(address, size):
    return ctypes.string_at(address, size) if address and size else b""


def text_of(value):
    return value.decode("utf-8", "replace") if value else ""
