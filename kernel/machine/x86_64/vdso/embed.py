#!/usr/bin/python3
"""Write an ELF file of at most one page as a constant for the kernel: embed.py INPUT OUTPUT."""
import sys

PAGE_BYTES = 4096


def main():
    with open(sys.argv[1], "rb") as file:
        data = file.read()
    if len(data) > PAGE_BYTES:
        sys.exit(f"{sys.argv[1]}: {len(data)} bytes, more than a page")
    with open(sys.argv[2], "w", encoding="ascii") as output:
        output.write('/* Made by embed.py. */\n#include "kernel/machine/x86_64/vdso/vdso.h"\n\n')
        output.write(f"const unsigned char vdso_image[{len(data)}] = {{{', '.join(map(str, data))}}};\n")
        output.write(f"const size_t vdso_image_bytes = {len(data)};\n")


if __name__ == "__main__":
    main()
