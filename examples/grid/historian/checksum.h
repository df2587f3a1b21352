/* CRC-32C (Castagnoli, RFC 3720 appendix B.4). checksum("123456789") is 0xe3069283. */
#ifndef GRID_HISTORIAN_CHECKSUM_H
#define GRID_HISTORIAN_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

uint32_t checksum(const void *data, size_t length_bytes);

#endif
