#!/usr/bin/python3
"""Write the table of a kernel image's functions as C.

    symbols.py IMAGE OUTPUT

The image is linked twice: once without the table, to learn where the functions lie, and once with it. It lies behind the
text, so it moves none of them.
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
        file.write('#define IN_SYMBOLS __attribute__((section(".symbols")))\n')
        file.write(f"IN_SYMBOLS const struct symbol symbol_table[{len(entries)}] = {{\n" + "\n".join(entries) + "\n};\n")
        file.write(f"IN_SYMBOLS const uint32_t symbol_count = {len(entries)};\n")
        file.write(f"IN_SYMBOLS const char symbol_names[{len(names)}] = {{{','.join(str(byte) for byte in names)}}};\n")


if __name__ == "__main__":
    main()
