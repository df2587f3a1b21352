/* Where a process is, and what folders hold: chdir(2), chroot(2), getcwd(3), getdents(2). */
#include "kernel/services/posix/files/memory.h"
#include "kernel/services/posix/files/place.h"

#include <string.h>

/* ---- the folder of a process ---- */

/* `*place` becomes this path, whose references it takes over. */
static void put(const struct files *files, struct path *place, const struct path *path) {
    vfs_lock(files->vfs);
    struct path old = *place;
    *place = *path;
    path_unref(&old);
    vfs_unlock(files->vfs);
}

static int check_folder(const struct files *files, const struct path *path) {
    if (!inode_is_folder(path->dentry->inode))
        return -LINUX_ENOTDIR;
    return identity_check(&files->caller->identity, path->dentry->inode, LINUX_X_OK);
}

/* A folder that the caller may search, with references. */
static int find_folder(const struct files *files, uint64_t address, struct path *found) {
    struct place place;
    int status = place_begin(files, &place, (uint64_t)LINUX_AT_FDCWD, address);
    if (status != 0)
        return status;
    vfs_lock(files->vfs);
    status = walk(files->caller, &place.path, WALK_FOLLOW | WALK_FOLDER, found);
    if (status == 0) {
        status = check_folder(files, found);
        if (status != 0)
            path_unref(found);
    }
    vfs_unlock(files->vfs);
    place_end(files, &place);
    return status;
}

int64_t system_call_chdir(const uint64_t arguments[6]) {
    struct files files = files_of_current();
    struct path found;
    int status = find_folder(&files, arguments[0], &found);
    if (status == 0)
        put(&files, &files.caller->folder, &found);
    return status;
}

int64_t system_call_fchdir(const uint64_t arguments[6]) {
    struct files files = files_of_current();
    struct open_file *file;
    int status = get_file(&files, arguments[0], &file);
    if (status != 0)
        return status;
    struct path path = file->path;
    status = -LINUX_ENOTDIR;
    if (path.mount != NULL) {
        vfs_lock(files.vfs);
        status = check_folder(&files, &path);
        if (status == 0)
            path_ref(&path);
        vfs_unlock(files.vfs);
    }
    if (status == 0)
        put(&files, &files.caller->folder, &path);
    file_unref(file);
    return status;
}

int64_t system_call_chroot(const uint64_t arguments[6]) {
    struct files files = files_of_current();
    struct path found;
    int status = find_folder(&files, arguments[0], &found);
    if (status != 0)
        return status;
    if (identity_has(&files.caller->identity, LINUX_CAP_SYS_CHROOT)) {
        put(&files, &files.caller->root, &found);
        return 0;
    }
    vfs_lock(files.vfs);
    path_unref(&found);
    vfs_unlock(files.vfs);
    return -LINUX_EPERM;
}

int64_t system_call_getcwd(const uint64_t arguments[6]) {
    struct files files = files_of_current();
    const struct vfs_machine *machine = files.vfs->machine;
    char *text = machine_take(machine, VFS_PATH_MAX);
    if (text == NULL)
        return -LINUX_ENOMEM;
    vfs_lock(files.vfs);
    struct path folder = files.caller->folder, root = files.caller->root;
    int length = path_text(&folder, &root, text, VFS_PATH_MAX);
    vfs_unlock(files.vfs);
    int64_t answer = length;
    if (length >= 0 && (uint64_t)length + 1 > arguments[1])
        answer = -LINUX_ERANGE;
    else if (length >= 0)
        answer = process_write(arguments[0], text, (size_t)length + 1) ? length + 1 : -LINUX_EFAULT;
    machine_give_back(machine, text, VFS_PATH_MAX);
    return answer;
}

/* ---- what is in a folder ---- */

static int64_t read_folder(uint64_t descriptor, struct transfer *transfer) {
    struct files files = files_of_current();
    struct open_file *file;
    size_t done = 0;
    int status = get_usable_file(&files, descriptor, &file);
    if (status != 0)
        return status;
    status = file_read_folder(file, transfer, &done);
    file_unref(file);
    return status != 0 ? status : (int64_t)done;
}

int64_t system_call_getdents64(const uint64_t arguments[6]) {
    struct buffers buffers;
    buffers_begin(&buffers, arguments[1], (uint32_t)arguments[2], true);
    return read_folder(arguments[0], &buffers.transfer);
}

#define NEW_NAME_AT 19u
#define OLD_NAME_AT 18u

/*
 * The old form has the kind in its last byte, so that a name begins one byte earlier. In place: an entry has the same size
 * in both, as a name and its end move down by one and the kind needs one.
 */
static void to_old(uint8_t *entry, uint16_t size) {
    uint8_t kind = entry[OLD_NAME_AT];
    memmove(entry + OLD_NAME_AT, entry + NEW_NAME_AT, size - NEW_NAME_AT);
    entry[size - 1] = kind;
}

static void all_to_old(uint8_t *bytes, size_t size) {
    for (size_t at = 0; at < size;) {
        uint16_t entry_bytes;
        memcpy(&entry_bytes, bytes + at + 16, sizeof(entry_bytes));
        to_old(bytes + at, entry_bytes);
        at += entry_bytes;
    }
}

int64_t system_call_getdents(const uint64_t arguments[6]) {
    struct files files = files_of_current();
    const struct vfs_machine *machine = files.vfs->machine;
    uint32_t room = (uint32_t)arguments[2] < VFS_PAGE_BYTES ? (uint32_t)arguments[2] : VFS_PAGE_BYTES;
    uint8_t *bytes = machine_take(machine, VFS_PAGE_BYTES);
    if (bytes == NULL)
        return -LINUX_ENOMEM;
    struct transfer_segment segment = {.base = bytes, .size_bytes = room};
    struct transfer transfer;
    transfer_init(&transfer, &segment, 1);
    int64_t done = read_folder(arguments[0], &transfer);
    if (done > 0) {
        all_to_old(bytes, (size_t)done);
        if (!process_write(arguments[1], bytes, (size_t)done))
            done = -LINUX_EFAULT;
    }
    machine_give_back(machine, bytes, VFS_PAGE_BYTES);
    return done;
}
