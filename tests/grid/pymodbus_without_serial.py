"""Lets python3-pymodbus be imported where pyserial is not installed: Debian's package only suggests it, and imports it
even for TCP. Import this before pymodbus."""
import sys
import types

for name, members in (("serial", ()), ("serial_asyncio", ("create_serial_connection",))):
    try:
        __import__(name)
    except ImportError:
        module = types.ModuleType(name)
        for member in members:
            setattr(module, member, None)
        sys.modules[name] = module
