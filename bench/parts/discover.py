"""Discover: finding one service by tag or endpoint among ten thousand registered ones, beside a plain call.

Everything is held to one processor: across two, what is measured is who was asleep where.
"""
import os

from .common import ECHO, Kernel, measured, program


def measure(folder):
    processors = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(processors)})
    try:
        with Kernel(folder) as kernel:
            return {"grove": measured([program("discover-bench"), ECHO, "10", "10000"], kernel.environment)}
    finally:
        os.sched_setaffinity(0, processors)
