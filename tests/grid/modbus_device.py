"""A Modbus/TCP device made of python3-pymodbus: some bay controller that nobody here wrote.

    modbus_device.py PORT

Unit 7 has, for one feeder: holding registers 100 voltage (float, low word first), 102 current (unsigned, in 0.1 A),
103 power (signed 32 bit, high word first), input register 5 frequency (mHz), discrete input 9 breaker closed, coil 3 trip.
Commands come by lines on standard input, `current 95.5`, `frequency 48.5`; `coil` prints the trip coil. A trip opens the
breaker, which ends the current.
"""
import asyncio
import struct
import sys

import pymodbus_without_serial  # noqa: F401
from pymodbus.datastore import ModbusSequentialDataBlock, ModbusServerContext, ModbusSlaveContext
from pymodbus.server import StartAsyncTcpServer

COIL, DISCRETE, HOLDING, INPUT = 1, 2, 3, 4


class Device(ModbusSlaveContext):
    """Registers that follow the breaker."""

    def __init__(self):
        super().__init__(di=ModbusSequentialDataBlock(0, [0] * 32), co=ModbusSequentialDataBlock(0, [0] * 32),
                         hr=ModbusSequentialDataBlock(0, [0] * 128), ir=ModbusSequentialDataBlock(0, [0] * 32),
                         zero_mode=True)
        low, high = struct.unpack(">HH", struct.pack(">f", 10250.0))[::-1]
        self.setValues(HOLDING, 100, [low, high])
        self.setValues(HOLDING, 103, list(struct.unpack(">HH", struct.pack(">i", -125000))))
        self.setValues(DISCRETE, 9, [1])
        self.set_current(95.5)
        self.set_frequency(50.0)

    def set_current(self, ampere):
        self.setValues(HOLDING, 102, [round(ampere * 10)])

    def set_frequency(self, hertz):
        self.setValues(INPUT, 5, [round(hertz * 1000)])

    def setValues(self, fc_as_hex, address, values):
        super().setValues(fc_as_hex, address, values)
        if fc_as_hex in (5, 15) and address == 3:
            super().setValues(DISCRETE, 9, [0 if values[0] else 1])
            self.set_current(0 if values[0] else 95.5)


async def commands(device):
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        word, *rest = line.decode().split()
        if word == "current":
            device.set_current(float(rest[0]))
        elif word == "frequency":
            device.set_frequency(float(rest[0]))
        elif word == "coil":
            print(f"coil {int(device.getValues(COIL, 3, 1)[0])}", flush=True)


async def main():
    device = Device()
    context = ModbusServerContext(slaves={7: device}, single=False)
    asyncio.ensure_future(StartAsyncTcpServer(context, address=("127.0.0.1", int(sys.argv[1])),
                                              allow_reuse_address=True))
    await commands(device)


asyncio.run(main())
