/*
 * CRC-32C: by the processor's instruction, or where it has none, by tables. Which it is and the tables are made before main
 * and read only afterwards, so any thread may use them; where the instruction is, the tables take no memory.
 */
#include "lib/journal/crc32c.h"

#include "lib/journal/crc32c_ways.h"

static uint32_t (*way)(uint32_t value, const unsigned char *bytes, size_t length_bytes) = crc32c_fast;

static void __attribute__((constructor)) choose(void) {
    if (crc32c_fast_is_there())
        return;
    crc32c_tables_make();
    way = crc32c_by_tables;
}

uint32_t crc32c(uint32_t value, const void *data, size_t length_bytes) {
    return ~way(~value, data, length_bytes);
}
