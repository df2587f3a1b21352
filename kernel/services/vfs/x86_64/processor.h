/* Numbers and layouts of Linux that are x86-64's own. */
#ifndef GROVE_VFS_PROCESSOR_H
#define GROVE_VFS_PROCESSOR_H

#include <stdint.h>

#define LINUX_O_DIRECT 040000u
#define LINUX_O_LARGEFILE 0100000u
#define LINUX_O_DIRECTORY 0200000u
#define LINUX_O_NOFOLLOW 0400000u

/* What stat writes into a program's memory. */
struct linux_stat {
    uint64_t device, number, links;
    uint32_t mode, user, group, reserved;
    uint64_t node_device;
    int64_t size_bytes, block_bytes, blocks;
    int64_t accessed_s, accessed_ns, modified_s, modified_ns, changed_s, changed_ns;
    int64_t unused[3];
};

/* struct epoll_event: packed on this processor only. */
struct linux_epoll_event {
    uint32_t events;
    uint64_t data;
} __attribute__((packed));

#endif
