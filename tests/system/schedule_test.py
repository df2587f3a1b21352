"""How services get the processor: the slice of native ones, and what a manifest's schedule changes."""
import ctypes
import os
import re
import struct
import unittest

import grove_system as gs

SYS_SCHED_GETATTR = {"x86_64": 315, "aarch64": 275}[os.uname().machine]
SERVICE_SLICE_NS = 300_000
# size, policy, flags, nice, priority, runtime, deadline, period (sched_setattr(2))
ATTRIBUTES = "=IIQiIQQQ"


def schedule_of(process):
    """(policy, nice, runtime) of a process, as Linux has them."""
    buffer = ctypes.create_string_buffer(struct.calcsize(ATTRIBUTES))
    if ctypes.CDLL(None, use_errno=True).syscall(SYS_SCHED_GETATTR, process, buffer, len(buffer), 0) != 0:
        raise OSError(ctypes.get_errno(), "sched_getattr")
    _, policy, _, nice, _, runtime, _, _ = struct.unpack(ATTRIBUTES, buffer.raw)
    return policy, nice, runtime


def has_slices():
    """Linux gives each fair process a slice of its own from 6.12 on."""
    return tuple(int(part) for part in re.match(r"(\d+)\.(\d+)", os.uname().release).groups()) >= (6, 12)


@unittest.skipIf("schedule" in os.environ.get("GROVE_OPTIONAL_LAYERS", "").split(","),
                 "the layer schedule is not to be had here, as for one without root who is nicer than usual")
@unittest.skipIf(os.geteuid() != 0 and os.getpriority(os.PRIO_PROCESS, 0) > 12,
                 "without root nobody gets before the one who runs the tests, who is nicer than a service of the project")
class Schedule(gs.SystemTest):
    def process(self, name):
        return next(row["process"] for row in self.system.json("ps") if row["name"] == name)

    @unittest.skipUnless(has_slices(), "this Linux has no slices of their own for fair processes")
    def test_native_services_have_a_short_slice_and_others_that_of_linux(self):
        self.system.up("turns")
        self.assertEqual(schedule_of(self.process("turns.native"))[2], SERVICE_SLICE_NS)
        self.assertEqual(schedule_of(self.process("turns.foreign"))[2], schedule_of(os.getpid())[2])

    def test_the_nice_value_is_the_manifests(self):
        self.system.up("turns")
        self.assertEqual(schedule_of(self.process("turns.nice"))[:2], (0, 12))
        self.assertEqual(schedule_of(self.process("turns.native"))[:2], (0, schedule_of(self.system.kernel)[1]))


if __name__ == "__main__":
    gs.main()
