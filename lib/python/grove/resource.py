"""What the machine can give, what was promised, and limits that were reached: grove/resource.h.

    machine = grove.resource.machine()
    print(machine.memory_promised, "of", machine.memory_bytes)
"""
from ctypes import CFUNCTYPE, POINTER, Structure, byref, c_char_p, c_int, c_uint32, c_uint64, c_void_p
from typing import NamedTuple

from . import native
from .errors import Invalid, check
from .native import library, text_of

MEMORY, PROCESSES, SHARED, CHANNELS, PROCESSOR, DISK, NETWORK, NETWORK_TOTAL = 1, 2, 3, 4, 5, 10, 11, 12  # enum grove_resource
RESOURCES = {MEMORY: "memory", PROCESSES: "processes", SHARED: "shared", CHANNELS: "channels", PROCESSOR: "processor",
             DISK: "disk", NETWORK: "network", NETWORK_TOTAL: "network-total"}
POLICIES = ("tell", "throttle", "suspend", "terminate")
STAGES = {1: "watched", 2: "acted"}
SAMPLES = 60


class _Machine(Structure):
    _fields_ = [("version", c_uint32), ("processors", c_uint32), ("memory_bytes", c_uint64),
                ("memory_factor_ppm", c_uint64), ("processor_factor_ppm", c_uint64), ("memory_promised", c_uint64),
                ("processor_promised", c_uint64), ("services", c_uint32), ("cases", c_uint32), ("refusals", c_uint64)]


class _Sample(Structure):
    _fields_ = [("time_ns", c_uint64), ("processor_ppm", c_uint64), ("memory_bytes", c_uint64), ("processes", c_uint64)]


class _Case(Structure):
    _fields_ = [("service", native.Name), ("resource", c_uint32), ("policy", c_uint32), ("stage", c_uint32),
                ("actions", c_uint32), ("since_ns", c_uint64), ("until_ns", c_uint64), ("used", c_uint64),
                ("limit", c_uint64)]


_Handler = CFUNCTYPE(c_int, POINTER(_Case), c_void_p)
for _name, _arguments in (("machine", [c_void_p, POINTER(_Machine)]), ("overcommit", [c_void_p, c_int, c_uint64]),
                          ("history", [c_void_p, c_char_p, POINTER(_Sample), POINTER(c_uint32)]),
                          ("cases", [c_void_p, _Handler, c_void_p])):
    _function = getattr(library, "grove_resource_" + _name)
    _function.restype, _function.argtypes = c_int, _arguments


class Machine(NamedTuple):
    processors: int
    memory_bytes: int
    memory_factor: float
    processor_factor: float
    memory_promised: int
    processor_promised: float  # in processors
    services: int
    cases: int
    refusals: int


class Sample(NamedTuple):
    time: float  # seconds of the monotonic clock
    processor: float  # in processors
    memory_bytes: int
    processes: int


class Case(NamedTuple):
    service: str
    resource: str
    policy: str
    stage: str
    actions: int
    used: int
    limit: int


def _of(session):
    return session._handle if session else None


def machine(session=None):
    """What this machine has, what may be promised of it, and what is."""
    found = _Machine()
    check(library.grove_resource_machine(_of(session), byref(found)))
    return Machine(found.processors, found.memory_bytes, found.memory_factor_ppm / 1e6, found.processor_factor_ppm / 1e6,
                   found.memory_promised, found.processor_promised / 1e6, found.services, found.cases, found.refusals)


def overcommit(resource, factor, session=None):
    """Let MEMORY or PROCESSOR be promised up to `factor` times what the machine has. Durable."""
    if resource not in (MEMORY, PROCESSOR):
        raise Invalid("only memory and processor time are promised")
    check(library.grove_resource_overcommit(_of(session), resource, int(factor * 1e6)))


def history(service, session=None):
    """The last minute of a service, a Sample a second, oldest first; the first answer may be empty."""
    samples, count = (_Sample * SAMPLES)(), c_uint32()
    check(library.grove_resource_history(_of(session), service.encode(), samples, byref(count)))
    return [Sample(sample.time_ns / 1e9, sample.processor_ppm / 1e6, sample.memory_bytes, sample.processes)
            for sample in samples[:count.value]]


def cases(session=None):
    """The limits that are being watched or acted upon."""
    result = []

    def take(pointer, _):
        case = pointer.contents
        policy = POLICIES[case.policy] if case.policy < len(POLICIES) else str(case.policy)
        result.append(Case(text_of(case.service.text), RESOURCES.get(case.resource, str(case.resource)), policy,
                           STAGES.get(case.stage, str(case.stage)), case.actions, case.used, case.limit))
        return 0

    check(library.grove_resource_cases(_of(session), _Handler(take), None))
    return result
