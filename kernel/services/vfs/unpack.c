/* The initramfs: see unpack.h. One thread, at boot. */
#include "kernel/services/vfs/unpack.h"

#include "kernel/machine/bare/boot/newc.h"
#include "kernel/services/vfs/change.h"
#include "kernel/services/vfs/errors.h"
#include "kernel/services/vfs/open.h"

#include <string.h>

#define NANOSECONDS INT64_C(1000000000)

/* A file with more names to come. */
struct known_link {
    const char *name;
    uint32_t number, device_major, device_minor;
};

struct unpacking {
    const struct caller *caller;
    struct known_link *links;
    uint32_t link_count;
};

static struct walk_path path_to(const char *name) {
    while (name[0] == '/')
        name++;
    return (struct walk_path){.text = name[0] == 0 ? "." : name};
}

static int write_all(struct inode *inode, const struct newc_file *file) {
    /* The archive is only read: a transfer into a file does not change its segments. */
    struct transfer_segment segment = {.base = (uint8_t *)(uintptr_t)file->data, .size_bytes = file->size_bytes};
    struct transfer transfer;
    size_t done = 0;
    transfer_init(&transfer, &segment, 1);
    return file->size_bytes > 0 ? inode->operations->write(inode, 0, &transfer, &done) : 0;
}

/* Contents of a file, then owner, mode and time of anything: in this order, since each changes what follows. */
static int fill(const struct unpacking *unpacking, const struct newc_file *file, const struct path *found) {
    const struct caller *caller = unpacking->caller;
    struct inode *inode = found->dentry->inode;
    struct time_plan time = {.change = TIME_SET, .time_ns = file->time_s * NANOSECONDS};
    int status = inode_kind(inode) == LINUX_S_IFREG ? write_all(inode, file) : 0;
    if (status == 0)
        status = vfs_change_owner(caller, found, file->user, file->group);
    if (status == 0 && !inode_is_link(inode))
        status = vfs_change_mode(caller, found, file->mode & LINUX_MODE_BITS);
    return status == 0 ? vfs_set_times(caller, found, &time, &time) : status;
}

static int find_and_fill(const struct unpacking *unpacking, const struct newc_file *file) {
    struct walk_path path = path_to(file->name);
    struct vfs *vfs = unpacking->caller->vfs;
    struct path found;
    vfs_lock(vfs);
    int status = walk(unpacking->caller, &path, 0, &found);
    vfs_unlock(vfs);
    if (status != 0)
        return status;
    status = fill(unpacking, file, &found);
    vfs_lock(vfs);
    path_unref(&found);
    vfs_unlock(vfs);
    return status;
}

/* Another name of a file that is there, if it is one: 1; 0: it is not. */
static int make_known(struct unpacking *unpacking, const struct newc_file *file) {
    if (file->links < 2)
        return 0;
    for (uint32_t i = 0; i < unpacking->link_count; i++) {
        const struct known_link *known = &unpacking->links[i];
        if (known->number != file->number || known->device_major != file->device_major ||
            known->device_minor != file->device_minor)
            continue;
        struct walk_path from = path_to(known->name), to = path_to(file->name);
        int status = vfs_link(unpacking->caller, &from, &to, 0);
        return status != 0 ? status : 1;
    }
    if (unpacking->link_count == UNPACK_LINKS_MAX)
        return -LINUX_EMLINK;
    unpacking->links[unpacking->link_count++] = (struct known_link){.name = file->name,
                                                                    .number = file->number,
                                                                    .device_major = file->device_major,
                                                                    .device_minor = file->device_minor};
    return 0;
}

static int make_link(const struct unpacking *unpacking, const struct newc_file *file, const struct walk_path *path) {
    char text[VFS_PATH_MAX];
    if (file->size_bytes >= sizeof(text))
        return -LINUX_ENAMETOOLONG;
    memcpy(text, file->data, file->size_bytes);
    text[file->size_bytes] = 0;
    return vfs_make_link(unpacking->caller, text, path);
}

static int make(struct unpacking *unpacking, const struct newc_file *file) {
    struct walk_path path = path_to(file->name);
    const struct caller *caller = unpacking->caller;
    uint32_t kind = file->mode & LINUX_S_IFMT;
    int status;
    if (kind == LINUX_S_IFDIR) {
        status = vfs_make_folder(caller, &path, file->mode);
        return status == -LINUX_EEXIST ? 0 : status;
    }
    status = vfs_unlink(caller, &path);
    if (status != 0 && status != -LINUX_ENOENT)
        return status;
    if (kind == LINUX_S_IFLNK)
        return make_link(unpacking, file, &path);
    status = make_known(unpacking, file);
    if (status != 0)
        return status > 0 ? 0 : status;
    return vfs_make_node(caller, &path, file->mode, vfs_device(file->node_major, file->node_minor));
}

static int unpack(struct unpacking *unpacking, const uint8_t *bytes, size_t size) {
    struct newc_reader reader = {.bytes = bytes, .size_bytes = size};
    struct newc_file file;
    int status;
    while ((status = newc_next(&reader, &file)) > 0) {
        status = make(unpacking, &file);
        if (status == 0)
            status = find_and_fill(unpacking, &file);
        if (status != 0)
            return status;
    }
    return status == 0 ? 0 : -LINUX_EINVAL;
}

int vfs_unpack(const struct caller *caller, const uint8_t *bytes, size_t size_bytes) {
    const struct vfs_machine *machine = caller->vfs->machine;
    size_t links_bytes = UNPACK_LINKS_MAX * sizeof(struct known_link);
    struct caller at_root = *caller;
    at_root.folder = caller->root; /* the same references */
    at_root.mask = 0;
    struct unpacking unpacking = {.caller = &at_root, .links = machine_take(machine, links_bytes)};
    if (unpacking.links == NULL)
        return -LINUX_ENOMEM;
    int status = unpack(&unpacking, bytes, size_bytes);
    machine_give_back(machine, unpacking.links, links_bytes);
    return status;
}
