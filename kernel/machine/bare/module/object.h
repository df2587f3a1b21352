/*
 * A module's file as the compiler leaves it: a relocatable object (ELF-64, ET_REL; System V ABI and its supplement for x86-64).
 * All of it is hostile until its signature is checked, and read as such after that too. Nothing here allocates or waits.
 */
#ifndef GROVE_BARE_OBJECT_H
#define GROVE_BARE_OBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OBJECT_SECTIONS_MAX 128u
#define OBJECT_PAGE_BYTES 4096u
#define OBJECT_PART_BYTES_MAX (1u << 22)
#define OBJECT_TEXT_MAX 160u

/* What a module's memory is made of: each begins on a page of its own and has rights of its own. */
enum object_part { OBJECT_TEXT, OBJECT_CONSTANTS, OBJECT_DATA, OBJECT_PARTS };

struct object {
    const uint8_t *bytes;
    size_t size_bytes;
    uint64_t sections_at;
    uint32_t section_count;
    uint64_t part_bytes[OBJECT_PARTS]; /* as much memory as each needs */
    int8_t part_of[OBJECT_SECTIONS_MAX]; /* by section; -1: it is not loaded */
    uint64_t place_of[OBJECT_SECTIONS_MAX]; /* in its part */
    uint64_t symbols_at, symbol_count, names_at, names_bytes;
    uint32_t header_section; /* the one named `.module`, 0: there is none */
    uint64_t header_bytes;
    char error[OBJECT_TEXT_MAX]; /* what is wrong, as a sentence, after an error */
};

/* Where the parts are. */
struct object_memory {
    uint8_t *bytes[OBJECT_PARTS]; /* written here */
    uint64_t addresses[OBJECT_PARTS]; /* run there */
};

/* The address of a symbol that the object does not define. False: nobody has it. */
typedef bool object_resolver(void *context, const char *name, uint64_t *address);

/* Look through it. `bytes` stay the caller's and are read by all below. -LINUX_ENOEXEC, and object->error. */
int object_open(struct object *object, const uint8_t *bytes, size_t size_bytes);
/*
 * Copy it into memory that is all zero, as large as part_bytes say, and make it run there. -LINUX_ENOEXEC: a relocation is none or
 * does not reach; -LINUX_ENOENT: a symbol is not there, which object->error names.
 */
int object_place(struct object *object, const struct object_memory *memory, object_resolver *resolve, void *context);
/* The header's place in memory, where it is loaded. Only if header_section is not 0. */
const void *object_header(const struct object *object, const struct object_memory *memory);
/*
 * The function that holds an address, by its name in the object's bytes; NULL: none. *offset is how far into it that is.
 */
const char *object_find_function(const struct object *object, const struct object_memory *memory, uint64_t address,
                                 uint64_t *offset);

#endif
