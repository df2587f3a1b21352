/* CRC-32C without help from the processor, by eight tables ("slicing by 8"); see crc32c_ways.h. */
#include "lib/journal/crc32c_ways.h"

#define POLYNOMIAL_REFLECTED 0x82f63b78u

static uint32_t table[8][256];

void crc32c_tables_make(void) {
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t value = byte;
        for (unsigned bit = 0; bit < 8; bit++)
            value = value >> 1 ^ ((value & 1) != 0 ? POLYNOMIAL_REFLECTED : 0);
        table[0][byte] = value;
    }
    for (unsigned slice = 1; slice < 8; slice++)
        for (unsigned byte = 0; byte < 256; byte++)
            table[slice][byte] = table[slice - 1][byte] >> 8 ^ table[0][table[slice - 1][byte] & 0xff];
}

static uint32_t eight_bytes(uint32_t value, const unsigned char *bytes) {
    uint32_t low =
        value ^ ((uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24);
    return table[7][low & 0xff] ^ table[6][low >> 8 & 0xff] ^ table[5][low >> 16 & 0xff] ^ table[4][low >> 24] ^
           table[3][bytes[4]] ^ table[2][bytes[5]] ^ table[1][bytes[6]] ^ table[0][bytes[7]];
}

uint32_t crc32c_by_tables(uint32_t value, const unsigned char *bytes, size_t length_bytes) {
    for (; length_bytes >= 8; length_bytes -= 8, bytes += 8)
        value = eight_bytes(value, bytes);
    for (; length_bytes > 0; length_bytes--, bytes++)
        value = value >> 8 ^ table[0][(value ^ *bytes) & 0xff];
    return value;
}
