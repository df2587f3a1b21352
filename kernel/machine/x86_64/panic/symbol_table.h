/* What panic/symbols.py writes: the functions in the order of their addresses. The first link has an empty one. */
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

#endif
