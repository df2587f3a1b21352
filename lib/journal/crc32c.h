/* CRC-32C (Castagnoli), as in RFC 3720: the check of the journal's formats. Any thread. */
#ifndef LIB_JOURNAL_CRC32C_H
#define LIB_JOURNAL_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Goes on from `value`, which is 0 at first: crc32c(crc32c(0, a), b) is the check of a followed by b. */
uint32_t crc32c(uint32_t value, const void *data, size_t length_bytes);

#endif
