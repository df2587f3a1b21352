/* A program's buffers, as transfers of the file system layer, which copies to and from them without waiting. */
#ifndef GROVE_POSIX_FILES_MEMORY_H
#define GROVE_POSIX_FILES_MEMORY_H

#include "kernel/services/posix/files/current.h"

#define MEMORY_SEGMENTS_MAX 1024u
#define MEMORY_FEW_SEGMENTS 8u
#define MEMORY_BYTES_MAX 0x7ffff000u /* of one call: a longer one does less than it was asked for, as on Linux */

struct buffers {
    struct transfer transfer;
    struct transfer_segment *many; /* NULL: they are in `few` */
    uint32_t count;
    struct transfer_segment few[MEMORY_FEW_SEGMENTS];
};

/* One buffer; for bytes that come to the program or go from it. Never fails: what is no memory shows when it is used. */
void buffers_begin(struct buffers *buffers, uint64_t address, uint64_t size_bytes, bool to_program);
/* Those of readv and writev. -LINUX_EINVAL: too many, or a negative size; EFAULT; ENOMEM. */
int buffers_begin_vector(const struct files *files, struct buffers *buffers, uint64_t address, uint64_t count,
                         bool to_program);
void buffers_end(const struct files *files, struct buffers *buffers);

#endif
