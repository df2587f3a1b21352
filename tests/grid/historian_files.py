"""The historian's segments read from docs/formats.md alone, so that what the services say can be checked by somebody else."""
import glob
import os
import struct

HEADER_BYTES, RECORD_BYTES, FEEDERS = 8192, 72, 64
RECORD = struct.Struct("<IHHQ QQQQ 4f 4H")


def crc32c(data):
    value = 0xFFFFFFFF
    for byte in data:
        value = (value >> 8) ^ TABLE[(value ^ byte) & 0xFF]
    return value ^ 0xFFFFFFFF


def table_entry(byte):
    for _ in range(8):
        byte = (byte >> 1) ^ (0x82F63B78 if byte & 1 else 0)
    return byte


TABLE = [table_entry(byte) for byte in range(256)]


class Damaged(Exception):
    pass


def read_segment(path):
    """The readings of one segment: (feeder, epoch, sequence, wall_ns, quality) in the order in which they were stored."""
    with open(path, "rb") as file:
        data = file.read()
    magic, version, header_bytes, record_bytes, feeders, number = struct.unpack_from("<8sIIIIQ", data)
    if (magic, version, header_bytes, record_bytes, feeders) != (b"GRVHIST1", 1, HEADER_BYTES, RECORD_BYTES, FEEDERS):
        raise Damaged(f"{path}: another format: {magic} {version}")
    if number != int(os.path.basename(path).split("-")[1].split(".")[0]):
        raise Damaged(f"{path}: its header says number {number}")
    if struct.unpack_from("<I", data, HEADER_BYTES - 4)[0] != crc32c(data[:HEADER_BYTES - 4]):
        raise Damaged(f"{path}: the header's check")
    readings = []
    for offset in range(HEADER_BYTES, len(data) - RECORD_BYTES + 1, RECORD_BYTES):
        record = data[offset:offset + RECORD_BYTES]
        check, _, _, _, epoch, sequence, _, wall_ns, _, _, _, _, feeder, quality, _, _ = RECORD.unpack(record)
        if check != crc32c(record[4:]):
            raise Damaged(f"{path}: the check of the record at {offset}")
        readings.append((feeder, epoch, sequence, wall_ns, quality))
    return readings


def read_folder(folder):
    """All readings of a historian's folder."""
    return [reading for path in sorted(glob.glob(os.path.join(folder, "readings-*.segment")))
            for reading in read_segment(path)]


def gaps_and_repeats(readings):
    """How many numbers are missing between the first and the last of each feeder and epoch, and how many come twice."""
    numbers = {}
    for feeder, epoch, sequence, _, _ in readings:
        numbers.setdefault((feeder, epoch), []).append(sequence)
    missing = sum(max(found) - len(set(found)) for found in numbers.values())  # they begin with 1
    return missing, sum(len(found) - len(set(found)) for found in numbers.values())
