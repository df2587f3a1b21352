/* The operations on our own file system: see differential.h. */
#include "kernel/services/vfs/test/differential.h"

#include "kernel/services/vfs/test/world.h"

#include <string.h>

#define IO_BYTES_MAX 20000

static struct world world;

void ours_begin(void) {
    world_begin(&world, &(struct tmpfs_limits){
                            .mode = 0777, .pages_max = DIFFERENTIAL_PAGES, .inodes_max = DIFFERENTIAL_INODES});
}

void ours_end(void) {
    world_end(&world);
}

static void drop(const struct path *path) {
    vfs_lock(&world.vfs);
    path_unref(path);
    vfs_unlock(&world.vfs);
}

static void put_status(const struct inode *inode, struct result *result) {
    uint32_t kind = inode_kind(inode);
    result->values[0] = inode->mode;
    result->values[1] = inode->links;
    result->values[2] = kind == LINUX_S_IFREG || kind == LINUX_S_IFDIR || kind == LINUX_S_IFLNK ? inode->size_bytes : 0;
    result->values[3] = inode->user;
    result->values[4] = inode->group;
    result->values[5] = kind == LINUX_S_IFREG ? inode->pages * (VFS_PAGE_BYTES / 512) : 0;
}

static int64_t read_or_write(const struct operation *operation, struct inode *inode, struct result *result) {
    static uint8_t bytes[IO_BYTES_MAX];
    struct transfer transfer;
    struct transfer_segment segment = {.base = bytes, .size_bytes = operation->y};
    size_t done = 0;
    int status;
    transfer_init(&transfer, &segment, 1);
    if (operation->kind == WRITE) {
        memset(bytes, (int)(operation->x % 251), sizeof(bytes));
        if (operation->y > 0)
            vfs_drop_privilege(&world.caller, inode);
        status = operation->y > 0 ? inode->operations->write(inode, operation->x, &transfer, &done) : 0;
    } else {
        status = inode->operations->read(inode, operation->x, &transfer, &done);
        result->values[0] = done > 0 ? sum_of(bytes, done) : 0;
    }
    return done > 0 ? (int64_t)done : status;
}

static int64_t open_and(const struct operation *operation, struct result *result) {
    uint32_t flags = operation->kind == OPEN ? (uint32_t)operation->x : 0;
    struct walk_path path = world_at(operation->a);
    struct path found;
    uint64_t at;
    if (operation->kind == WRITE)
        flags = LINUX_O_WRONLY;
    int64_t status = vfs_open_path(&world.caller, &path, flags, (uint32_t)operation->y & 07777, &found);
    if (status != 0)
        return status;
    struct inode *inode = found.dentry->inode;
    uint32_t kind = inode_kind(inode), access = flags & LINUX_O_ACCMODE;
    if ((flags & LINUX_O_PATH) == 0 &&
        (kind == LINUX_S_IFSOCK || (kind == LINUX_S_IFIFO && access == LINUX_O_WRONLY))) {
        status = -LINUX_ENXIO; /* nobody is at the other end */
    } else if (operation->kind == OPEN) {
        put_status(inode, result);
    } else if (inode_kind(inode) != LINUX_S_IFREG) {
        status = -LINUX_EISDIR;
    } else if (operation->kind == SEEK) {
        status = inode->operations->seek(inode, operation->x, operation->y != 0, &at);
        status = status == 0 ? (int64_t)at : status;
    } else {
        status = read_or_write(operation, inode, result);
    }
    drop(&found);
    return status;
}

static int64_t list(const struct operation *operation, struct result *result) {
    struct walk_path path = world_at(operation->a);
    struct path found;
    struct folder_entry entry;
    int status = vfs_open_path(&world.caller, &path, LINUX_O_DIRECTORY, 0, &found);
    if (status != 0)
        return status;
    struct inode *folder = found.dentry->inode;
    result->values[0] = 2;
    result->values[1] = (sum_of(".", 1) + sum_of("..", 2)) * ((LINUX_S_IFDIR >> 12) + 1);
    for (uint64_t at = 0; folder->operations->entry_at(folder, at, &entry); at = entry.next) {
        result->values[0]++;
        result->values[1] += sum_of(entry.name.text, entry.name.size_bytes) * ((entry.mode >> 12) + 1u);
    }
    drop(&found);
    return 0;
}

/* What is done with a place. */
static int64_t apply_at(const struct operation *operation, struct result *result) {
    bool is_link_itself = operation->kind == CHANGE_OWNER || operation->kind == READ_LINK ||
                          (operation->kind == STATUS && operation->x == 0);
    struct walk_path path = world_at(operation->a);
    struct path found;
    uint32_t size = 0;
    vfs_lock(&world.vfs);
    int64_t status = walk(&world.caller, &path, is_link_itself ? 0 : WALK_FOLLOW, &found);
    vfs_unlock(&world.vfs);
    if (status != 0)
        return status;
    struct inode *inode = found.dentry->inode;
    if (operation->kind == CHANGE_MODE) {
        status = vfs_change_mode(&world.caller, &found, (uint32_t)operation->x);
    } else if (operation->kind == CHANGE_OWNER) {
        status = vfs_change_owner(&world.caller, &found, (uint32_t)operation->x, (uint32_t)operation->y);
    } else if (operation->kind == ACCESS) {
        status = vfs_access(&world.caller, &found, (uint32_t)operation->x);
    } else if (operation->kind == STATUS) {
        put_status(inode, result);
    } else if (inode_is_link(inode)) {
        const char *text = inode->operations->link_text(inode, &size);
        result->values[0] = sum_of(text, size);
        status = size;
    } else {
        status = -LINUX_EINVAL;
    }
    drop(&found);
    return status;
}

static int64_t apply(const struct operation *operation, struct result *result) {
    const struct caller *caller = &world.caller;
    struct walk_path a = world_at(operation->a), b = world_at(operation->b);
    uint32_t x = (uint32_t)operation->x;
    switch (operation->kind) {
    case MAKE_FOLDER:
        return vfs_make_folder(caller, &a, x);
    case MAKE_NODE:
        return vfs_make_node(caller, &a, x, 0);
    case MAKE_LINK:
        return vfs_make_link(caller, operation->a, &b);
    case LINK:
        return vfs_link(caller, &a, &b, x);
    case UNLINK:
        return vfs_unlink(caller, &a);
    case REMOVE_FOLDER:
        return vfs_remove_folder(caller, &a);
    case RENAME:
        return vfs_rename(caller, &a, &b, x);
    case TRUNCATE:
        return vfs_truncate(caller, &a, (int64_t)operation->x);
    case OPEN:
    case WRITE:
    case READ:
    case SEEK:
        return open_and(operation, result);
    case LIST:
        return list(operation, result);
    default:
        return apply_at(operation, result);
    }
}

void ours_apply(const struct operation *operation, struct result *result) {
    world_become_root(&world);
    if (operation->user != 0)
        world_become(&world, operation->user, operation->user);
    result->status = apply(operation, result);
}
