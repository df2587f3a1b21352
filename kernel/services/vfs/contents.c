/* Reading, writing and positions of open files: see file.h. */
#include "kernel/services/vfs/change.h"
#include "kernel/services/vfs/errors.h"
#include "kernel/services/vfs/file.h"
#include "kernel/services/vfs/seal.h"

#define DAY_NS (INT64_C(86400) * 1000000000)

static int check(const struct open_file *file, uint32_t wanted) {
    uint32_t flags = file_flags(file);
    if ((flags & LINUX_O_PATH) != 0 || (vfs_open_access(flags) & wanted) == 0)
        return -LINUX_EBADF;
    return file->operations == NULL && inode_is_folder(file->inode) ? -LINUX_EISDIR : 0;
}

/* As with `relatime`: once after each change, and once a day. */
static void touch_accessed(const struct open_file *file) {
    const struct vfs_machine *machine = file->vfs->machine;
    struct inode *inode = file->inode;
    if ((file_flags(file) & LINUX_O_NOATIME) != 0 || (file->path.mount->flags & MOUNT_READ_ONLY) != 0)
        return;
    int64_t now = machine->now_ns(machine->context);
    spinlock_lock(&inode->lock);
    if (inode->accessed_ns <= inode->modified_ns || inode->accessed_ns <= inode->changed_ns ||
        now - inode->accessed_ns >= DAY_NS)
        inode->accessed_ns = now;
    spinlock_unlock(&inode->lock);
}

/* What was done before an error is an answer of its own. */
static int answer(int status, size_t done_bytes) {
    return done_bytes > 0 ? 0 : status;
}

/* A lock that a remote file system's answers may hold for long can be waited for no longer than until a signal. */
static int take_lock(const struct open_file *file, struct sleep_lock *lock) {
    if (file->inode != NULL && file->inode->system->is_remote)
        return sleep_lock_try(lock, file->vfs->machine);
    sleep_lock_take(lock, file->vfs->machine);
    return 0;
}

static int read_inode(struct open_file *file, uint64_t offset, struct transfer *transfer, size_t *done_bytes) {
    if (transfer->left_bytes == 0)
        return 0;
    if (file->inode->operations->read_file != NULL)
        return answer(file->inode->operations->read_file(file, offset, transfer, done_bytes), *done_bytes);
    int status = file->inode->operations->read(file->inode, offset, transfer, done_bytes);
    touch_accessed(file);
    return answer(status, *done_bytes);
}

/* What goes beyond the caller's limit is left out; if that is all of it, it fails. */
static int limit_write(const struct caller *caller, const struct inode *inode, uint64_t offset,
                       struct transfer *transfer) {
    if (!caller->is_limited || inode_kind(inode) != LINUX_S_IFREG)
        return 0;
    if (offset >= caller->file_bytes_max)
        return -LINUX_EFBIG;
    if (transfer->left_bytes > caller->file_bytes_max - offset)
        transfer->left_bytes = caller->file_bytes_max - offset;
    return 0;
}

/* The whole of a write is one step for other writers, and with O_APPEND so is finding the end. */
static int write_inode(const struct caller *caller, struct open_file *file, uint64_t *offset, struct transfer *transfer,
                       size_t *done_bytes) {
    struct inode *inode = file->inode;
    if (transfer->left_bytes == 0)
        return 0;
    int status = take_lock(file, &inode->writers);
    if (status != 0)
        return status;
    bool is_appended = (file_flags(file) & LINUX_O_APPEND) != 0;
    status = is_appended ? inode_refresh(inode, file) : 0;
    if (is_appended)
        *offset = inode->size_bytes; /* nobody else changes it now */
    if (status == 0)
        status = -LINUX_EFBIG;
    if (status == -LINUX_EFBIG && *offset < VFS_FILE_BYTES_MAX &&
        transfer->left_bytes <= VFS_FILE_BYTES_MAX - *offset) {
        status = limit_write(caller, inode, *offset, transfer);
        if (status == 0)
            status = seal_check_write(inode, *offset, transfer->left_bytes);
        if (status == 0)
            vfs_drop_privilege(caller, inode);
        if (status == 0)
            status = inode->operations->write_file != NULL
                         ? inode->operations->write_file(file, *offset, transfer, done_bytes)
                         : inode->operations->write(inode, *offset, transfer, done_bytes);
    }
    sleep_lock_give_up(&inode->writers, file->vfs->machine);
    return answer(status, *done_bytes);
}

static int read_object(struct open_file *file, struct transfer *transfer, size_t *done_bytes) {
    if (file->operations->read == NULL)
        return -LINUX_EINVAL;
    int status = file->operations->read(file, transfer, done_bytes);
    return answer(status, *done_bytes);
}

static int write_object(struct open_file *file, struct transfer *transfer, size_t *done_bytes) {
    if (file->operations->write == NULL)
        return -LINUX_EINVAL;
    int status = file->operations->write(file, transfer, done_bytes);
    return answer(status, *done_bytes);
}

static int read_from(struct open_file *file, uint64_t offset, struct transfer *transfer, size_t *done_bytes) {
    if (file->operations == NULL)
        return read_inode(file, offset, transfer, done_bytes);
    return answer(file->operations->read_at(file, offset, transfer, done_bytes), *done_bytes);
}

int file_read(struct open_file *file, struct transfer *transfer, size_t *done_bytes) {
    const struct vfs_machine *machine = file->vfs->machine;
    int status = check(file, LINUX_R_OK);
    if (status != 0)
        return status;
    if (file->operations != NULL && file->operations->read_at == NULL)
        return read_object(file, transfer, done_bytes);
    status = take_lock(file, &file->position_lock);
    if (status != 0)
        return status;
    status = read_from(file, file->position, transfer, done_bytes);
    file->position += *done_bytes;
    sleep_lock_give_up(&file->position_lock, machine);
    return status;
}

int file_write(const struct caller *caller, struct open_file *file, struct transfer *transfer, size_t *done_bytes) {
    const struct vfs_machine *machine = file->vfs->machine;
    int status = check(file, LINUX_W_OK);
    if (status != 0)
        return status;
    if (file->operations != NULL) {
        return write_object(file, transfer, done_bytes);
    }
    status = take_lock(file, &file->position_lock);
    if (status != 0)
        return status;
    uint64_t offset = file->position;
    status = write_inode(caller, file, &offset, transfer, done_bytes);
    if (*done_bytes > 0)
        file->position = offset + *done_bytes;
    sleep_lock_give_up(&file->position_lock, machine);
    return status;
}

static int check_at(const struct open_file *file, int64_t offset, uint32_t wanted) {
    if (offset < 0)
        return -LINUX_EINVAL;
    if ((file_flags(file) & LINUX_O_PATH) != 0)
        return -LINUX_EBADF;
    if (file->operations != NULL && !file->operations->has_positions)
        return -LINUX_ESPIPE;
    return check(file, wanted);
}

int file_read_at(struct open_file *file, int64_t offset, struct transfer *transfer, size_t *done_bytes) {
    int status = check_at(file, offset, LINUX_R_OK);
    if (status != 0)
        return status;
    if (file->operations != NULL && file->operations->read_at == NULL)
        return read_object(file, transfer, done_bytes);
    return read_from(file, (uint64_t)offset, transfer, done_bytes);
}

int file_write_at(const struct caller *caller, struct open_file *file, int64_t offset, struct transfer *transfer,
                  size_t *done_bytes) {
    int status = check_at(file, offset, LINUX_W_OK);
    uint64_t at = (uint64_t)offset;
    if (status != 0)
        return status;
    if (file->operations != NULL) {
        return write_object(file, transfer, done_bytes);
    }
    return write_inode(caller, file, &at, transfer, done_bytes);
}

/* ---- positions ---- */

static int find_position(struct open_file *file, int64_t offset, uint32_t whence, int64_t *found) {
    struct inode *inode = file->inode;
    uint64_t place;
    int64_t base = 0;
    if (whence == LINUX_SEEK_DATA || whence == LINUX_SEEK_HOLE) {
        bool to_hole = whence == LINUX_SEEK_HOLE;
        if (inode->operations->seek == NULL && inode->operations->seek_file == NULL)
            return -LINUX_EINVAL;
        if (offset < 0)
            return -LINUX_ENXIO;
        int status = inode->operations->seek_file != NULL
                         ? inode->operations->seek_file(file, (uint64_t)offset, to_hole, &place)
                         : inode->operations->seek(inode, (uint64_t)offset, to_hole, &place);
        *found = (int64_t)place;
        return status;
    }
    if (whence == LINUX_SEEK_CUR) {
        base = (int64_t)file->position;
    } else if (whence == LINUX_SEEK_END && !inode_is_folder(inode)) {
        int status = inode_refresh(inode, file);
        if (status != 0)
            return status;
        base = (int64_t)inode_size(inode);
    } else if (whence != LINUX_SEEK_SET) {
        return -LINUX_EINVAL;
    }
    return __builtin_add_overflow(base, offset, found) || *found < 0 ? -LINUX_EINVAL : 0;
}

int file_seek(struct open_file *file, int64_t offset, uint32_t whence, int64_t *position) {
    int64_t found = 0;
    if ((file_flags(file) & LINUX_O_PATH) != 0)
        return -LINUX_EBADF;
    if (whence > LINUX_SEEK_HOLE)
        return -LINUX_EINVAL;
    if (file->operations != NULL && file->operations->read_at == NULL) {
        if (!file->operations->has_positions && !file_is_anonymous(file))
            return -LINUX_ESPIPE;
        *position = 0;
        return 0;
    }
    int status = take_lock(file, &file->position_lock);
    if (status != 0)
        return status;
    status = find_position(file, offset, whence, &found);
    if (status == 0) {
        file->position = (uint64_t)found;
        *position = found;
    }
    sleep_lock_give_up(&file->position_lock, file->vfs->machine);
    return status;
}
