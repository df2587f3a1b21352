#!/usr/bin/python3
"""Write tables about a kernel image as C: its functions, and where it holds addresses in itself.

    symbols.py IMAGE OUTPUT

The image is linked twice: once without the tables, with all relocations kept (--emit-relocs), to learn where everything lies,
and once with them. They lie behind all that they tell of, so they move none of it.
"""
import struct
import sys


def read_image(path):
    with open(path, "rb") as file:
        return file.read()


def sections(image):
    offset, = struct.unpack_from("<Q", image, 0x28)
    size, count, _ = struct.unpack_from("<HHH", image, 0x3a)
    for i in range(count):
        yield struct.unpack_from("<IIQQQQIIQQ", image, offset + i * size)


def text_at(image, offset):
    return image[offset:image.index(b"\0", offset)].decode()


def symbols(image):
    """Name and address of everything that the image's symbol table names."""
    every = list(sections(image))
    for _, kind, _, _, offset, size, link, _, _, entry in every:
        if kind != 2:  # SHT_SYMTAB
            continue
        names = every[link][4]
        for at in range(offset, offset + size, entry):
            name, info, _, _, value, _ = struct.unpack_from("<IBBHQQ", image, at)
            yield text_at(image, names + name), info & 15, value


# x86-64's kinds of relocations (its System V ABI, section 4.4).
NOTHING, ABSOLUTE_64, RELATIVE, RELATIVE_CALL, ABSOLUTE_32, ABSOLUTE_32_SIGNED = 0, 1, 2, 4, 10, 11
UPPER_HALF = 0xffffffff80000000


def value_at(image, every, address, form):
    """What the image holds at an address."""
    for _, kind, flags, start, offset, size, _, _, _, _ in every:
        if kind != 8 and flags & 2 and start <= address < start + size:  # in the file (not SHT_NOBITS), and loaded
            return struct.unpack_from(form, image, offset + address - start)[0]
    raise SystemExit(f"symbols.py: a relocation at {address:#x}, where there is nothing")


def moving_places(image):
    """Addresses of 32 and of 64 bits that change when the image moves. Physical ones, below the upper half, do not."""
    every, places = list(sections(image)), {ABSOLUTE_32_SIGNED: [], ABSOLUTE_64: []}
    for _, kind, _, _, offset, size, _, target, _, entry in every:
        if kind != 4 or every[target][2] & 2 == 0:  # SHT_RELA, of a section that is loaded
            continue
        for at in range(offset, offset + size, entry):
            address, info = struct.unpack_from("<QQ", image, at)
            form = info & 0xffffffff
            if form in (ABSOLUTE_64, ABSOLUTE_32_SIGNED):
                value = value_at(image, every, address, "<Q" if form == ABSOLUTE_64 else "<i") % (1 << 64)
                if value >= UPPER_HALF:
                    places[form].append(address)
            elif form not in (NOTHING, RELATIVE, RELATIVE_CALL) and \
                    not (form == ABSOLUTE_32 and value_at(image, every, address, "<I") < 1 << 31):
                raise SystemExit(f"symbols.py: a relocation of a kind that cannot be moved ({form}) at {address:#x}")
    return sorted(places[ABSOLUTE_32_SIGNED]), sorted(places[ABSOLUTE_64])


def write_places(file, bits, places, start):
    numbers = ",".join(str(place - start) for place in places)
    file.write(f"IN_TABLES const uint32_t move_places_{bits}[{max(len(places), 1)}] = {{{numbers or 0}}};\n"
               f"IN_TABLES const uint32_t move_count_{bits} = {len(places)};\n")


def main():
    image = read_image(sys.argv[1])
    found = list(symbols(image))
    ends = {name: value for name, _, value in found if name in ("image_start", "image_text_end")}
    start, end = ends["image_start"], ends["image_text_end"]
    # Functions, and labels of the assembler, which have no type.
    functions = {}
    for name, kind, value in sorted(found):
        if kind in (0, 2) and start <= value < end and name and not name.startswith((".", "$")) and name not in ends:
            functions.setdefault(value - start, name)
    names, entries = b"", []
    for distance in sorted(functions):
        entries.append(f"{{{distance}, {len(names)}}},")
        names += functions[distance].encode() + b"\0"
    with open(sys.argv[2], "w", encoding="ascii") as file:
        file.write('#include "kernel/machine/x86_64/panic/symbol_table.h"\n')
        file.write('#define IN_TABLES __attribute__((section(".tables")))\n')
        file.write(f"IN_TABLES const struct symbol symbol_table[{len(entries)}] = {{\n" + "\n".join(entries) + "\n};\n")
        file.write(f"IN_TABLES const uint32_t symbol_count = {len(entries)};\n")
        file.write(f"IN_TABLES const char symbol_names[{len(names)}] = {{{','.join(str(byte) for byte in names)}}};\n")
        for bits, places in zip((32, 64), moving_places(image)):
            write_places(file, bits, places, start)


if __name__ == "__main__":
    main()
