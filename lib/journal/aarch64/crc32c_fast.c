/* The CRC extension of ARMv8: Arm Architecture Reference Manual, "CRC32C". */
#include "lib/journal/crc32c_ways.h"

#include <string.h>
#include <sys/auxv.h>

#define HAS_CRC32 (1ul << 7) /* of AT_HWCAP; Linux, Documentation/arch/arm64/elf_hwcaps.rst */

bool crc32c_fast_is_there(void) {
    return (getauxval(AT_HWCAP) & HAS_CRC32) != 0;
}

/* By name of the instruction, which every assembler knows, where compilers differ in what they call it. */
uint32_t crc32c_fast(uint32_t value, const unsigned char *bytes, size_t length_bytes) {
    for (; length_bytes >= 8; length_bytes -= 8, bytes += 8) {
        uint64_t word;
        memcpy(&word, bytes, sizeof word);
        __asm__(".arch_extension crc\n\tcrc32cx %w0, %w0, %x1" : "+r"(value) : "r"(word));
    }
    for (; length_bytes > 0; length_bytes--, bytes++)
        __asm__(".arch_extension crc\n\tcrc32cb %w0, %w0, %w1" : "+r"(value) : "r"((uint32_t)*bytes));
    return value;
}
