/* What panic/symbols.py writes: the functions in the order of their addresses, and what moves with the image. The first link
 * has empty tables. */
#ifndef GROVE_X86_64_SYMBOL_TABLE_H
#define GROVE_X86_64_SYMBOL_TABLE_H

#include <stdint.h>

struct symbol {
    uint32_t distance; /* from image_start, in bytes */
    uint32_t name; /* where it begins in symbol_names */
};

extern const struct symbol symbol_table[];
extern const uint32_t symbol_count;
extern const char symbol_names[];

/* Where the image holds addresses in itself, of 32 and of 64 bits; in bytes from image_start. See boot/move.h. */
extern const uint32_t move_places_32[], move_count_32, move_places_64[], move_count_64;

#endif
