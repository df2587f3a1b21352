/* Numbers and layouts of Linux that are AArch64's own. */
#ifndef GROVE_VFS_PROCESSOR_H
#define GROVE_VFS_PROCESSOR_H

#include <stdint.h>

#define LINUX_O_DIRECTORY 040000u
#define LINUX_O_NOFOLLOW 0100000u
#define LINUX_O_DIRECT 0200000u
#define LINUX_O_LARGEFILE 0400000u

/* What stat writes into a program's memory. */
struct linux_stat {
    uint64_t device, number;
    uint32_t mode, links, user, group;
    uint64_t node_device, reserved;
    int64_t size_bytes;
    int32_t block_bytes, reserved_too;
    int64_t blocks;
    int64_t accessed_s, accessed_ns, modified_s, modified_ns, changed_s, changed_ns;
    uint32_t unused[2];
};

/* struct epoll_event. */
struct linux_epoll_event {
    uint32_t events, padding;
    uint64_t data;
};

#endif
