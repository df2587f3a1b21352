/* Files for unit tests that can be executed. */
#ifndef GROVE_POSIX_TEST_PROGRAM_FILE_H
#define GROVE_POSIX_TEST_PROGRAM_FILE_H

#include <stddef.h>
#include <stdint.h>

#define PROGRAM_FILE_BYTES 0x400u

/* A fixed (2) or movable (3) program of one segment, with or without (NULL) an interpreter. Returns its size, PROGRAM_FILE_BYTES. */
size_t program_file_make(uint8_t *bytes, uint16_t kind, uint64_t address, const char *interpreter);
/* A file with these bytes, in the root folder. */
void program_file_put(const char *path, const void *bytes, size_t size_bytes, uint32_t mode);

#endif
