"""The historian's journal read from docs/formats.md alone, so that what the services say can be checked by somebody else."""
import glob
import os
import struct

HEADER_BYTES, FIRST_RECORD, READING = 4096, 8192, 1
HEADER = struct.Struct("<8sIIQQQQQQQQ8s")
RECORD = struct.Struct("<IIIHHQQQII")
BODY = struct.Struct("<QQQQ4f4H")
LAST, MARK = 1, 2


def crc32c(data, value=0):
    value ^= 0xFFFFFFFF
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


def read_header(path, data):
    """(salt, number of the segment before, how much of that one counts)"""
    fields = HEADER.unpack_from(data)
    magic, version, header_bytes, number, salt = fields[:5]
    if (magic, version, header_bytes, fields[11]) != (b"GRVJRNL1", 1, HEADER_BYTES, b"GRIDHIST"):
        raise Damaged(f"{path}: another format: {magic} {version} {fields[11]}")
    if number != int(os.path.basename(path).split(".")[0]):
        raise Damaged(f"{path}: its header says number {number}")
    if struct.unpack_from("<I", data, HEADER_BYTES - 4)[0] != crc32c(data[:HEADER_BYTES - 4]):
        raise Damaged(f"{path}: the header's check")
    return struct.pack("<Q", salt), fields[9], fields[10]


def read_segment(path, end=None):
    """The readings of one segment: (feeder, epoch, sequence, wall_ns, quality) in the order in which they were stored."""
    with open(path, "rb") as file:
        data = file.read(end)
    salt, _, _ = read_header(path, data)
    readings, offset = [], FIRST_RECORD
    while offset + RECORD.size <= len(data) and any(data[offset:offset + RECORD.size]):
        record = data[offset:offset + RECORD.size]
        check, data_check, length, _, flags, _, _, _, kind, _ = RECORD.unpack(record)
        if check != crc32c(salt + record[4:]):
            raise Damaged(f"{path}: the check of the record at {offset}")
        body = data[offset + RECORD.size:offset + RECORD.size + length]
        if data_check != crc32c(salt + body):
            raise Damaged(f"{path}: the data of the record at {offset}")
        if kind == READING and not flags & MARK:
            epoch, sequence, _, wall_ns, _, _, _, _, feeder, quality, _, _ = BODY.unpack(body)
            readings.append((feeder, epoch, sequence, wall_ns, quality))
        offset += RECORD.size + (length + 7) // 8 * 8
    return readings


def read_folder(folder):
    """All readings of a historian's folder."""
    paths = sorted(glob.glob(os.path.join(folder, "*.journal")))
    ends = {}
    for path in paths:
        with open(path, "rb") as file:
            _, previous, end = read_header(path, file.read(HEADER_BYTES))
        ends[previous] = end
    return [reading for path in paths
            for reading in read_segment(path, ends.get(int(os.path.basename(path).split(".")[0])))]


def records_end(path):
    """Where the records of a segment end and nothing but zeros follows."""
    with open(path, "rb") as file:
        return len(file.read().rstrip(b"\0"))


def gaps_and_repeats(readings):
    """How many numbers are missing between the first and the last of each feeder and epoch, and how many come twice."""
    numbers = {}
    for feeder, epoch, sequence, _, _ in readings:
        numbers.setdefault((feeder, epoch), []).append(sequence)
    missing = sum(max(found) - len(set(found)) for found in numbers.values())  # they begin with 1
    return missing, sum(len(found) - len(set(found)) for found in numbers.values())
