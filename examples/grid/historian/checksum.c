/* CRC-32C by a table made on first use; see checksum.h. One thread. */
#include "examples/grid/historian/checksum.h"

#define POLYNOMIAL_REFLECTED 0x82f63b78u

static uint32_t table[256];

static void table_make(void) {
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t value = byte;
        for (unsigned bit = 0; bit < 8; bit++)
            value = value >> 1 ^ (value & 1 ? POLYNOMIAL_REFLECTED : 0);
        table[byte] = value;
    }
}

uint32_t checksum(const void *data, size_t length_bytes) {
    const unsigned char *byte = data;
    uint32_t value = UINT32_MAX;
    if (table[1] == 0)
        table_make();
    for (size_t i = 0; i < length_bytes; i++)
        value = value >> 8 ^ table[(value ^ byte[i]) & 0xff];
    return ~value;
}
