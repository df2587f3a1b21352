/*
 * The same operations on our file system and on Linux's own tmpfs. The operations are made up beforehand; a child process
 * does them all on Linux and writes down what came of each, then they are done here and compared.
 */
#ifndef GROVE_VFS_TEST_DIFFERENTIAL_H
#define GROVE_VFS_TEST_DIFFERENTIAL_H

#include <stdbool.h>
#include <stdint.h>

#define TEXT_BYTES 48
#define VALUES 6
#define DIFFERENTIAL_PAGES 24
#define DIFFERENTIAL_INODES 30

enum operation_kind {
    MAKE_FOLDER, /* a, mode x */
    MAKE_NODE, /* a, mode x with kind */
    MAKE_LINK, /* text a, at b */
    LINK, /* a, b, flags x */
    UNLINK, /* a */
    REMOVE_FOLDER, /* a */
    RENAME, /* a, b, flags x */
    CHANGE_MODE, /* a, mode x */
    CHANGE_OWNER, /* a, user x, group y */
    TRUNCATE, /* a, size x */
    READ_LINK, /* a */
    STATUS, /* a; x: follow */
    OPEN, /* a, flags x, mode y */
    WRITE, /* a, offset x, bytes y */
    READ, /* a, offset x, bytes y */
    SEEK, /* a, offset x, to a hole y */
    ACCESS, /* a, wanted x */
    LIST, /* a */
    OPERATION_KINDS
};

struct operation {
    enum operation_kind kind;
    uint32_t user; /* 0 is root with all capabilities; the group is the same number */
    char a[TEXT_BYTES], b[TEXT_BYTES];
    uint64_t x, y;
};

struct result {
    int64_t status; /* what the call returned, errors as negative numbers */
    uint64_t values[VALUES]; /* what else it told */
};

/* Sets up a tmpfs of these limits as the root; false: this computer does not let us. The process ends after it. */
bool linux_begin(void);
void linux_apply(const struct operation *operation, struct result *result);

void ours_begin(void);
void ours_apply(const struct operation *operation, struct result *result);
void ours_end(void);

/* A number for some bytes, so that results stay small. */
static inline uint64_t sum_of(const void *bytes, uint64_t size) {
    uint64_t sum = 14695981039346656037u;
    for (uint64_t i = 0; i < size; i++)
        sum = (sum ^ ((const uint8_t *)bytes)[i]) * 1099511628211u;
    return sum;
}

#endif
