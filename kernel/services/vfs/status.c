/* What stat tells: see status.h. */
#include "kernel/services/vfs/status.h"

#define NANOSECONDS INT64_C(1000000000)
#define BLOCK_BYTES 512u

void status_read(struct inode *inode, struct file_status *status) {
    if (inode == NULL) {
        *status = (struct file_status){.mode = LINUX_S_IFIFO | 0600, .links = 1};
        return;
    }
    spinlock_lock(&inode->lock);
    *status = (struct file_status){.device = inode->system->device,
                                   .number = inode->number,
                                   .node_device = inode->device,
                                   .size_bytes = inode->size_bytes,
                                   .blocks = inode->pages * (VFS_PAGE_BYTES / BLOCK_BYTES),
                                   .mode = inode->mode,
                                   .links = inode->links,
                                   .user = inode->user,
                                   .group = inode->group,
                                   .accessed_ns = inode->accessed_ns,
                                   .modified_ns = inode->modified_ns,
                                   .changed_ns = inode->changed_ns,
                                   .created_ns = inode->created_ns};
    spinlock_unlock(&inode->lock);
}

void status_read_file(const struct open_file *file, struct file_status *status) {
    if (file->inode != NULL) {
        status_read(file->inode, status);
        return;
    }
    uint32_t mode = file->operations->mode;
    *status = (struct file_status){.mode = mode != 0 ? mode : 0600, .links = 1, .number = file->number};
}

/* Times before 1970 have whole seconds below zero and nanoseconds above. */
static int64_t seconds_of(int64_t time_ns) {
    int64_t whole = time_ns / NANOSECONDS;
    return time_ns % NANOSECONDS < 0 ? whole - 1 : whole;
}

static int64_t rest_of(int64_t time_ns) {
    int64_t rest = time_ns % NANOSECONDS;
    return rest < 0 ? rest + NANOSECONDS : rest;
}

void status_to_stat(const struct file_status *status, struct linux_stat *laid) {
    *laid = (struct linux_stat){.device = status->device,
                                .number = status->number,
                                .links = status->links,
                                .mode = status->mode,
                                .user = status->user,
                                .group = status->group,
                                .node_device = status->node_device,
                                .size_bytes = (int64_t)status->size_bytes,
                                .block_bytes = VFS_PAGE_BYTES,
                                .blocks = (int64_t)status->blocks,
                                .accessed_s = seconds_of(status->accessed_ns),
                                .accessed_ns = rest_of(status->accessed_ns),
                                .modified_s = seconds_of(status->modified_ns),
                                .modified_ns = rest_of(status->modified_ns),
                                .changed_s = seconds_of(status->changed_ns),
                                .changed_ns = rest_of(status->changed_ns)};
}

static struct linux_statx_time time_of(int64_t time_ns) {
    return (struct linux_statx_time){.s = seconds_of(time_ns), .ns = (uint32_t)rest_of(time_ns)};
}

static uint32_t major_of(uint64_t device) {
    return (uint32_t)((device >> 8 & 0xfff) | (device >> 32 & ~UINT64_C(0xfff)));
}

static uint32_t minor_of(uint64_t device) {
    return (uint32_t)((device & 0xff) | (device >> 12 & ~UINT64_C(0xff)));
}

void status_to_statx(const struct file_status *status, struct linux_statx *laid) {
    *laid = (struct linux_statx){.mask = LINUX_STATX_BASIC_STATS | LINUX_STATX_BTIME,
                                 .block_bytes = VFS_PAGE_BYTES,
                                 .links = status->links,
                                 .user = status->user,
                                 .group = status->group,
                                 .mode = (uint16_t)status->mode,
                                 .number = status->number,
                                 .size_bytes = status->size_bytes,
                                 .blocks = status->blocks,
                                 .accessed = time_of(status->accessed_ns),
                                 .created = time_of(status->created_ns),
                                 .changed = time_of(status->changed_ns),
                                 .modified = time_of(status->modified_ns),
                                 .node_major = major_of(status->node_device),
                                 .node_minor = minor_of(status->node_device),
                                 .device_major = major_of(status->device),
                                 .device_minor = minor_of(status->device)};
}
