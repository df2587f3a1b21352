/* What stat and statx tell of a file, in the layouts in which programs read it. */
#ifndef GROVE_VFS_STATUS_H
#define GROVE_VFS_STATUS_H

#include "kernel/services/vfs/file.h"

struct linux_statx_time {
    int64_t s;
    uint32_t ns;
    int32_t reserved;
};

struct linux_statx {
    uint32_t mask, block_bytes;
    uint64_t attributes;
    uint32_t links, user, group;
    uint16_t mode, reserved;
    uint64_t number, size_bytes, blocks, attributes_mask;
    struct linux_statx_time accessed, created, changed, modified;
    uint32_t node_major, node_minor, device_major, device_minor;
    uint64_t mount_number;
    uint64_t spare[13];
};

#define LINUX_STATX_BASIC_STATS 0x7ffu
#define LINUX_STATX_BTIME 0x800u

/* Of one moment. */
struct file_status {
    uint64_t device, number, node_device, size_bytes, blocks; /* blocks of 512 bytes, as Linux counts */
    uint32_t mode, links, user, group;
    int64_t accessed_ns, modified_ns, changed_ns, created_ns;
};

/* Without locks. An inode that is held, or NULL for a pipe without a name. */
void status_read(struct inode *inode, struct file_status *status);
/* The same of an open file, which may have no inode. */
void status_read_file(const struct open_file *file, struct file_status *status);
void status_to_stat(const struct file_status *status, struct linux_stat *laid);
/* All that we know, whatever was asked for: statx allows more than that. */
void status_to_statx(const struct file_status *status, struct linux_statx *laid);

#endif
