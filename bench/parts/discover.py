"""Discover: finding one service by tag or endpoint among ten thousand registered ones, beside a plain call."""
from .common import ECHO, Kernel, measured, one_processor, program


def measure(folder):
    with one_processor(), Kernel(folder) as kernel:
        return {"grove": measured([program("discover-bench"), ECHO, "10", "10000"], kernel.environment)}
