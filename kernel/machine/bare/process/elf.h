/*
 * A program's file: 64-bit ELF, static or dynamic, little-endian (System V ABI, chapters 4 and 5). It is input: nothing outside of it
 * is read, and what is told of it is consistent.
 */
#ifndef GROVE_BARE_ELF_H
#define GROVE_BARE_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ELF_SEGMENTS_MAX 16u
#define ELF_MACHINE_X86_64 62u
#define ELF_MACHINE_AARCH64 183u
#define ELF_PAGE_BYTES UINT64_C(4096)
#define ELF_INTERPRETER_BYTES_MAX 4096u

/* A run of whole pages. They begin with file_bytes bytes of the file; the rest is zero. */
struct elf_segment {
    uint64_t start, end;
    uint64_t file_offset, file_bytes;
    uint32_t protection; /* enum area_protection */
};

struct elf_program {
    uint64_t entry;
    uint64_t headers; /* the address of its program headers, 0 if they are in no segment */
    uint32_t header_count;
    bool is_movable; /* position-independent: all addresses count from wherever it is put */
    uint64_t interpreter_offset, interpreter_bytes; /* where the file names it, the text's end included; 0 bytes: static */
    uint32_t count;
    struct elf_segment segments[ELF_SEGMENTS_MAX]; /* in the order of their addresses, without a page in common */
};

/*
 * Read the program `bytes` for a processor (ELF_MACHINE_...), whose addresses end below `limit`. GROVE_INVALID: it is no
 * program for it, or damaged; GROVE_UNSUPPORTED: it wants an interpreter (a dynamic program), or has too many segments;
 * GROVE_DENIED: a segment is writable and executable.
 */
int elf_read(const uint8_t *bytes, size_t size_bytes, uint16_t machine, uint64_t limit, struct elf_program *program);

/*
 * The same for a file of `file_bytes` whose first `head_bytes` are here, all headers among them; it may want an interpreter.
 * GROVE_UNSUPPORTED also: the headers lie further behind.
 */
int elf_read_head(const uint8_t *head, size_t head_bytes, uint64_t file_bytes, uint16_t machine, uint64_t limit,
                  struct elf_program *program);

#endif
