/* The operations on our own file system: see differential.h. */
#include "kernel/services/vfs/test/differential.h"

#include "kernel/services/vfs/file.h"
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

static int64_t read_or_write(const struct operation *operation, struct open_file *file, struct result *result) {
    static uint8_t bytes[IO_BYTES_MAX];
    struct transfer transfer;
    struct transfer_segment segment = {.base = bytes, .size_bytes = operation->y};
    int64_t offset = (int64_t)operation->x;
    size_t done = 0;
    int status;
    transfer_init(&transfer, &segment, 1);
    if (operation->kind == WRITE) {
        memset(bytes, (int)(operation->x % 251), sizeof(bytes));
        status = file_write_at(&world.caller, file, offset, &transfer, &done);
    } else {
        status = file_read_at(file, offset, &transfer, &done);
        result->values[0] = done > 0 ? sum_of(bytes, done) : 0;
    }
    return status == 0 ? (int64_t)done : status;
}

static int64_t open_and(const struct operation *operation, struct result *result) {
    uint32_t flags = operation->kind == OPEN ? (uint32_t)operation->x : 0;
    struct walk_path path = world_at(operation->a);
    struct open_file *file;
    int64_t at;
    if (operation->kind == WRITE)
        flags = LINUX_O_WRONLY;
    int64_t status = file_open(&world.caller, &path, flags | LINUX_O_NONBLOCK, (uint32_t)operation->y & 07777, &file);
    if (status != 0)
        return status;
    if (operation->kind == OPEN) {
        put_status(file->inode, result);
    } else if (inode_kind(file->inode) != LINUX_S_IFREG) {
        status = -LINUX_EISDIR;
    } else if (operation->kind == SEEK) {
        status = file_seek(file, (int64_t)operation->x, operation->y != 0 ? LINUX_SEEK_HOLE : LINUX_SEEK_DATA, &at);
        status = status == 0 ? at : status;
    } else {
        status = read_or_write(operation, file, result);
    }
    file_unref(file);
    return status;
}

/* In pieces that hold few entries, as programs with small buffers read. */
static int64_t list(const struct operation *operation, struct result *result) {
    struct walk_path path = world_at(operation->a);
    struct open_file *file;
    uint8_t bytes[70];
    size_t done = 1;
    int status = file_open(&world.caller, &path, LINUX_O_DIRECTORY, 0, &file);
    if (status != 0)
        return status;
    while (done > 0) {
        struct transfer transfer;
        struct transfer_segment segment = {.base = bytes, .size_bytes = sizeof(bytes)};
        uint16_t size;
        transfer_init(&transfer, &segment, 1);
        done = 0;
        assert_int_equal(file_read_folder(file, &transfer, &done), 0);
        for (size_t i = 0; i < done; i += size) {
            const char *name = (const char *)bytes + i + 19;
            memcpy(&size, bytes + i + 16, sizeof(size));
            result->values[0]++;
            result->values[1] += sum_of(name, strlen(name)) * (bytes[i + 18] + 1u);
        }
    }
    file_unref(file);
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
