"""Structured lines on standard error, as grove_log writes them: `grove logs` filters and parses them."""
import ctypes

from . import native

LEVELS = {"debug": 0, "info": 1, "warning": 2, "error": 3}
TEXT, SIGNED, UNSIGNED, REAL = 1, 2, 3, 4


def _field(key, value):
    field = native.LogField(key=key.encode())
    if isinstance(value, bool):
        value = str(value).lower()
    if isinstance(value, int) and -(1 << 63) <= value < (1 << 64):
        field.kind = SIGNED if value < 0 else UNSIGNED
        field.value.number = value if value < (1 << 63) else value - (1 << 64)
    elif isinstance(value, float):
        field.kind, field.value.real = REAL, value
    else:
        field.kind, field.value.text = TEXT, str(value).replace("\0", " ").encode()
    return field


def log(level, message, **fields):
    """One line: grove.log("warning", "the disk is nearly full", used=93, path="/var"). It never waits; False: the line was
    lost because nobody empties the pipe, which is counted and said with the next line."""
    if level not in LEVELS:
        raise ValueError(f'"{level}" is no level: {", ".join(LEVELS)}')
    array = (native.LogField * len(fields))(*(_field(key, value) for key, value in fields.items()))
    text = str(message).replace("\0", " ").encode()
    return native.library.grove_log(LEVELS[level], text, ctypes.cast(array, ctypes.c_void_p), len(fields)) == 0


def lost_lines():
    """Lines lost and not told yet."""
    return native.library.grove_log_lost()
