/*
 * The two ways to CRC-32C. The register goes in and out as it is: the caller inverts it. The build chooses the file that has
 * the processor's instruction.
 */
#ifndef LIB_JOURNAL_CRC32C_WAYS_H
#define LIB_JOURNAL_CRC32C_WAYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether this processor has the instruction; only then may crc32c_fast be called. */
bool crc32c_fast_is_there(void);
uint32_t crc32c_fast(uint32_t value, const unsigned char *bytes, size_t length_bytes);
/* Eight bytes at a time, after the tables were made. */
void crc32c_tables_make(void);
uint32_t crc32c_by_tables(uint32_t value, const unsigned char *bytes, size_t length_bytes);

#endif
