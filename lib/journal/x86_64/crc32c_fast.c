/* SSE 4.2: Intel's manual, volume 2, "CRC32". */
#include "lib/journal/crc32c_ways.h"

#include <string.h>

bool crc32c_fast_is_there(void) {
    __builtin_cpu_init(); /* constructors may come before the C library's own */
    return __builtin_cpu_supports("sse4.2");
}

__attribute__((target("sse4.2"))) uint32_t crc32c_fast(uint32_t value, const unsigned char *bytes,
                                                       size_t length_bytes) {
    uint64_t wide = value;
    for (; length_bytes >= 8; length_bytes -= 8, bytes += 8) {
        uint64_t word;
        memcpy(&word, bytes, sizeof word);
        wide = __builtin_ia32_crc32di(wide, word);
    }
    value = (uint32_t)wide;
    for (; length_bytes > 0; length_bytes--, bytes++)
        value = __builtin_ia32_crc32qi(value, *bytes);
    return value;
}
