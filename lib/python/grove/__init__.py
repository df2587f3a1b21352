"""Grove for Python: services and clients over libgrove.so.1, by ctypes, with nothing to compile.

    import grove

    service = grove.Service()

    @service.on("greeter", 1)
    def greet(request):
        return b"hello " + request.data

    service.run()

and the other end:

    channel = grove.connect("greeter")
    print(channel.call(1, b"world", timeout=1.0).data)

Times are in seconds. Every failure raises grove.Error or a subclass named after its status (grove.Denied,
grove.TimedOut, ...), whose text says what failed and how to mend it. One thread uses a session, as in C.
"""

from . import errors, extensions, health, hooks, metrics, registry, resource
from .capabilities import Capability
from .channels import Answer, Channel, connect
from .config import Config, config_of
from .errors import *  # noqa: F401,F403  (a class for each status)
from .logs import log, lost_lines
from .memory import Loan, Region
from .services import LANES, METHOD_ANY, Request, Service
from .sessions import Session, region, state

HIGH, MEDIUM, LOW = 1, 2, 3  # enum grove_priority; 0 inherits

__all__ = ["Answer", "Capability", "Channel", "Config", "HIGH", "LANES", "LOW", "Loan", "MEDIUM", "METHOD_ANY", "Region",
           "Request", "Service", "Session", "config_of", "connect", "extensions", "health", "hooks", "log", "lost_lines",
           "metrics", "region", "registry", "resource", "state", *errors.__all__]
