/* Names of functions by binary search in the table that the build made: see symbols.h. */
#include "kernel/machine/x86_64/panic/symbols.h"

#include "kernel/machine/x86_64/panic/symbol_table.h"

#include <stddef.h>

extern const char image_start[], image_text_end[];

const char *symbols_find(uint64_t address, uint64_t *offset) {
    uint64_t from = (uint64_t)image_start;
    if (address < from || address >= (uint64_t)image_text_end)
        return NULL;
    uint32_t distance = (uint32_t)(address - from), low = 0, high = symbol_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (symbol_table[middle].distance <= distance)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return NULL;
    *offset = distance - symbol_table[low - 1].distance;
    return symbol_names + symbol_table[low - 1].name;
}
