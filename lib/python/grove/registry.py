"""Finding services by what they are: grove/registry.h.

    for found in grove.registry.find(tags=["meter"], states=grove.registry.SERVING):
        print(found.name, found.state)
"""
from ctypes import CFUNCTYPE, POINTER, Structure, byref, c_char, c_int, c_uint16, c_uint32, c_uint64, c_void_p
from typing import List, NamedTuple

from . import native
from .capabilities import parse
from .errors import Invalid, check
from .native import library, text_of

STATES = ("registered", "waiting", "starting", "ready", "stopping", "stopped", "failed", "given-up", "degraded", "quiescing")
SERVING = ("ready", "degraded")
TAGS_MAX, TAG_BYTES = 4, 48


class _Version(Structure):
    _fields_ = [("major", c_uint16), ("minor", c_uint16), ("patch", c_uint16), ("reserved", c_uint16)]


class _Find(Structure):
    _fields_ = [("version", c_uint32), ("limit", c_uint32), ("cursor", c_uint64), ("name", native.Name),
                ("project", native.Name), ("provides", native.Name), ("owner", native.Name), ("from_", _Version),
                ("below", _Version), ("tags", c_char * TAG_BYTES * TAGS_MAX), ("may", native.Capability),
                ("states", c_uint32), ("reserved", c_uint32)]


class _Found(Structure):
    _fields_ = [("name", native.Name), ("project", native.Name), ("owner", native.Name), ("service_version", _Version),
                ("state", c_uint32), ("generation", c_uint32), ("restarts", c_uint32), ("ring", c_uint32),
                ("since_ns", c_uint64), ("sequence", c_uint64), ("tags", c_char * 768), ("reason", c_char * 192)]


_Handler = CFUNCTYPE(c_int, POINTER(_Found), c_void_p)
library.grove_registry_find.restype = c_int
library.grove_registry_find.argtypes = [c_void_p, POINTER(_Find), _Handler, c_void_p]


class Found(NamedTuple):
    name: str
    project: str
    owner: str
    version: str
    state: str
    generation: int
    restarts: int
    ring: int
    sequence: int
    tags: List[str]
    reason: str


def _version(text):
    parts = [int(part) for part in text.split(".")] if text else []
    if len(parts) > 3:
        raise Invalid(f"{text!r} is no version; write up to three numbers like 1.2.0")
    return _Version(*parts)


def _name(text):
    if len(text.encode()) > 63:
        raise Invalid(f"{text!r} is longer than a name can be")
    return native.Name(text.encode())


def _states(states):
    unknown = [state for state in states if state not in STATES]
    if unknown:
        raise Invalid(f"{unknown[0]!r} is no state of a service; there are {', '.join(STATES)}")
    return sum(1 << STATES.index(state) for state in set(states))


def _tags(tags):
    if len(tags) > TAGS_MAX or any(len(tag.encode()) >= TAG_BYTES for tag in tags):
        raise Invalid(f"at most {TAGS_MAX} tags of at most {TAG_BYTES - 1} bytes can be looked for at once")
    array = (c_char * TAG_BYTES * TAGS_MAX)()
    for index, tag in enumerate(tags):
        array[index].value = tag.encode()
    return array


def find(name="", *, project="", provides="", owner="", version_from="", version_below="", tags=(), may=None, states=(),
         session=None):
    """The services for which all that is given holds, as a list of Found, in the order of registration.

    `name` is a shell pattern over full names; `may` a capability, as text or Capability; `states` names of STATES.
    """
    wanted = _Find(name=_name(name), project=_name(project), provides=_name(provides), owner=_name(owner),
                   from_=_version(version_from), below=_version(version_below), tags=_tags(tags), states=_states(states))
    if may is not None:
        wanted.may = parse(str(may))
    result = []

    def take(pointer, _):
        found = pointer.contents
        version = found.service_version
        state = STATES[found.state] if found.state < len(STATES) else str(found.state)
        result.append(Found(text_of(found.name.text), text_of(found.project.text), text_of(found.owner.text),
                            f"{version.major}.{version.minor}.{version.patch}", state, found.generation, found.restarts,
                            found.ring, found.sequence, text_of(found.tags).split(), text_of(found.reason)))
        return 0

    check(library.grove_registry_find(session._handle if session else None, byref(wanted), _Handler(take), None))
    return result
