"""Scale: thousands of confined idle services, and look-ups among ten thousand registered ones."""
from .common import ECHO, Kernel, measured, program


def measure(folder):
    with Kernel(folder) as kernel:
        return {"grove": measured([program("scale-bench"), ECHO, "2000", "10000"], kernel.environment)}
