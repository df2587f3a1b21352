/* Opening and closing, and what is asked of an open file but for its contents: see file.h. */
#include "kernel/services/vfs/file.h"

#include "kernel/services/vfs/change.h"
#include "kernel/services/vfs/device.h"
#include "kernel/services/vfs/errors.h"
#include "kernel/services/vfs/nameless.h"
#include "kernel/services/vfs/pipe.h"
#include "kernel/services/vfs/record_lock.h"
#include "kernel/services/vfs/seal.h"
#include "kernel/services/vfs/whole_lock.h"

#define CHANGEABLE (LINUX_O_APPEND | LINUX_O_NONBLOCK | LINUX_O_DIRECT | LINUX_O_NOATIME)
#define FORGOTTEN (LINUX_O_CREAT | LINUX_O_EXCL | LINUX_O_TRUNC | LINUX_O_CLOEXEC)

/* What is there besides files and folders gets operations. */
static int prepare(struct open_file *file) {
    if ((file->flags & LINUX_O_PATH) != 0)
        return 0;
    switch (inode_kind(file->inode)) {
    case LINUX_S_IFCHR:
        return device_open(file);
    case LINUX_S_IFIFO:
        return pipe_open_named(file);
    case LINUX_S_IFSOCK:
    case LINUX_S_IFBLK:
        return -LINUX_ENXIO;
    default:
        return file->inode->operations->open != NULL ? file->inode->operations->open(file) : 0;
    }
}

static void give_up_path(struct vfs *vfs, const struct path *path) {
    vfs_lock(vfs);
    path_unref(path);
    vfs_unlock(vfs);
}

static int begin_writing(struct open_file *file) {
    bool writes = (file->flags & LINUX_O_PATH) == 0 && (vfs_open_access(file->flags) & LINUX_W_OK) != 0;
    if (!writes || inode_kind(file->inode) != LINUX_S_IFREG)
        return 0;
    int status = inode_begin_writing(file->inode);
    file->is_writing = status == 0;
    return status;
}

static int open_found(struct vfs *vfs, const struct path *found, uint32_t flags, const struct open_intent *intent,
                      struct open_file **opened) {
    struct open_file *file = machine_take(vfs->machine, sizeof(*file));
    int status = -LINUX_ENOMEM;
    bool is_handed = false;
    if (file != NULL) {
        *file = (struct open_file){
            .vfs = vfs, .path = *found, .inode = found->dentry->inode, .references = 1, .flags = flags & ~FORGOTTEN};
        status = begin_writing(file);
        if (status == 0) {
            file->object = intent != NULL ? intent->handle : NULL;
            is_handed = true; /* `open` has taken it over, whatever it says */
            status = prepare(file);
        }
        if (status != 0 && file->is_writing)
            inode_end_writing(file->inode);
    }
    if (!is_handed && intent != NULL && intent->handle != NULL)
        intent->drop(intent->handle);
    if (status != 0) {
        if (file != NULL)
            machine_give_back(vfs->machine, file, sizeof(*file));
        give_up_path(vfs, found);
        return status;
    }
    *opened = file;
    return 0;
}

int file_open_path(struct vfs *vfs, const struct path *found, uint32_t flags, struct open_file **opened) {
    return open_found(vfs, found, flags, NULL, opened);
}

int file_open(const struct caller *caller, const struct walk_path *path, uint32_t flags, uint32_t mode,
              struct open_file **opened) {
    struct path found;
    struct open_intent intent = {.flags = flags};
    bool is_nameless = (flags & LINUX_O_TMPFILE_ONLY) != 0;
    int status = is_nameless ? vfs_open_nameless(caller, path, flags, mode, &found)
                             : vfs_open_intent(caller, path, mode, &intent, &found);
    return status != 0 ? status : open_found(caller->vfs, &found, flags, &intent, opened);
}

struct open_file *file_create(struct vfs *vfs, const struct file_operations *operations, void *object, uint32_t flags) {
    struct open_file *file = machine_take(vfs->machine, sizeof(*file));
    if (file != NULL)
        *file = (struct open_file){.vfs = vfs,
                                   .operations = operations,
                                   .object = object,
                                   .number = vfs_next_nameless(vfs),
                                   .references = 1,
                                   .flags = flags & ~FORGOTTEN};
    return file;
}

void file_ref(struct open_file *file) {
    __atomic_add_fetch(&file->references, 1, __ATOMIC_RELAXED);
}

/* ---- watches ---- */

void file_watch_add(struct file_watch *watch, struct open_file *file) {
    spinlock_lock(&file->vfs->watches_lock);
    if (!list_is_linked(&file->watches))
        list_init(&file->watches);
    watch->file = file;
    list_append(&file->watches, &watch->link);
    spinlock_unlock(&file->vfs->watches_lock);
}

/* One reference more, unless the last one is gone already. */
static bool ref_if_alive(struct open_file *file) {
    uint32_t references = __atomic_load_n(&file->references, __ATOMIC_RELAXED);
    while (references > 0)
        if (__atomic_compare_exchange_n(&file->references, &references, references + 1, true, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED))
            return true;
    return false;
}

bool file_watch_hold(struct vfs *vfs, struct file_watch *watch) {
    spinlock_lock(&vfs->watches_lock);
    bool is_held = list_is_linked(&watch->link) && ref_if_alive(watch->file);
    spinlock_unlock(&vfs->watches_lock);
    return is_held;
}

void file_watch_remove(struct vfs *vfs, struct file_watch *watch) {
    spinlock_lock(&vfs->watches_lock);
    list_remove(&watch->link);
    spinlock_unlock(&vfs->watches_lock);
}

/* Nobody adds a watch any more: that takes a reference. */
static void tell_watches(struct open_file *file) {
    while (list_is_linked(&file->watches)) {
        spinlock_lock(&file->vfs->watches_lock);
        struct file_watch *watch = list_first_item(&file->watches, struct file_watch, link);
        if (watch != NULL)
            list_remove(&watch->link);
        spinlock_unlock(&file->vfs->watches_lock);
        if (watch == NULL)
            return;
        watch->gone(watch);
    }
}

/* A file or folder of a file system, opened for more than its place. */
static bool is_kept(const struct open_file *file) {
    return file->operations == NULL && file->inode != NULL && (file_flags(file) & LINUX_O_PATH) == 0;
}

int file_flush_kept(struct open_file *file) {
    return is_kept(file) ? file->inode->operations->flush(file) : 0;
}

int file_sync(struct open_file *file, bool only_data) {
    return is_kept(file) && file->inode->operations->sync != NULL ? file->inode->operations->sync(file, only_data) : 0;
}

void file_unref(struct open_file *file) {
    /* Pairs with itself: whatever the others did with the file happened before the last one closes it. */
    if (__atomic_sub_fetch(&file->references, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    tell_watches(file);
    if (file->inode != NULL)
        record_locks_release(file->vfs, file->inode, file);
    if (file->whole_lock != WHOLE_NONE)
        whole_lock_release(file);
    if (file->is_writing)
        inode_end_writing(file->inode);
    if (file->operations != NULL && file->operations->close != NULL)
        file->operations->close(file);
    else if (file->inode != NULL && file->inode->operations->close != NULL && is_kept(file))
        file->inode->operations->close(file);
    if (file->path.mount != NULL)
        give_up_path(file->vfs, &file->path);
    machine_give_back(file->vfs->machine, file, sizeof(*file));
}

int file_resize(const struct caller *caller, struct open_file *file, int64_t size_bytes) {
    uint32_t flags = file_flags(file);
    if (size_bytes < 0)
        return -LINUX_EINVAL;
    if ((flags & LINUX_O_PATH) != 0)
        return -LINUX_EBADF;
    if (file->operations != NULL || inode_kind(file->inode) != LINUX_S_IFREG ||
        (vfs_open_access(flags) & LINUX_W_OK) == 0)
        return -LINUX_EINVAL;
    if (caller_check_size(caller, (uint64_t)size_bytes) != 0)
        return -LINUX_EFBIG;
    vfs_drop_privilege(caller, file->inode);
    return vfs_resize(file->inode, (uint64_t)size_bytes);
}

/* Ways of allocating that Linux knows, of which a file system here has two. */
static bool is_known_way(uint32_t mode) {
    switch (mode & ~LINUX_FALLOC_KEEP_SIZE) {
    case 0:
    case LINUX_FALLOC_ZERO_RANGE:
    case LINUX_FALLOC_UNSHARE_RANGE:
        return true;
    case LINUX_FALLOC_PUNCH_HOLE:
        return (mode & LINUX_FALLOC_KEEP_SIZE) != 0;
    case LINUX_FALLOC_COLLAPSE_RANGE:
    case LINUX_FALLOC_INSERT_RANGE:
        return (mode & LINUX_FALLOC_KEEP_SIZE) == 0;
    default:
        return false;
    }
}

static int check_allocation(const struct open_file *file, uint32_t mode, int64_t offset, int64_t size) {
    uint32_t flags = file_flags(file);
    if (offset < 0 || size <= 0)
        return -LINUX_EINVAL;
    if (!is_known_way(mode))
        return -LINUX_EOPNOTSUPP;
    if ((flags & LINUX_O_PATH) != 0 || (vfs_open_access(flags) & LINUX_W_OK) == 0)
        return -LINUX_EBADF;
    if (pipe_is(file))
        return -LINUX_ESPIPE;
    if (file->operations == NULL && inode_is_folder(file->inode))
        return -LINUX_EISDIR;
    if (file->operations != NULL || inode_kind(file->inode) != LINUX_S_IFREG)
        return -LINUX_ENODEV;
    if (size > INT64_MAX - offset)
        return -LINUX_EFBIG;
    return (mode & ~(LINUX_FALLOC_KEEP_SIZE | LINUX_FALLOC_PUNCH_HOLE)) != 0 ? -LINUX_EOPNOTSUPP : 0;
}

int file_allocate(const struct caller *caller, struct open_file *file, uint32_t mode, int64_t offset,
                  int64_t size_bytes) {
    struct inode *inode = file->inode;
    const struct vfs_machine *machine = file->vfs->machine;
    uint64_t end = (uint64_t)offset + (uint64_t)size_bytes;
    int status = check_allocation(file, mode, offset, size_bytes);
    if (status != 0)
        return status;
    if (inode->operations->allocate_file != NULL)
        return inode->operations->allocate_file(file, mode, (uint64_t)offset, (uint64_t)size_bytes);
    if (inode->operations->allocate == NULL)
        return -LINUX_EOPNOTSUPP;
    if ((mode & LINUX_FALLOC_KEEP_SIZE) == 0 && caller_check_size(caller, end) != 0)
        return -LINUX_EFBIG;
    vfs_drop_privilege(caller, inode);
    sleep_lock_take(&inode->writers, machine);
    bool is_hole = (mode & LINUX_FALLOC_PUNCH_HOLE) != 0;
    bool may_grow = (mode & LINUX_FALLOC_KEEP_SIZE) == 0 && end > inode->size_bytes;
    if ((is_hole && seal_check_write(inode, 0, 0) != 0) || (may_grow && seal_check_resize(inode, end) != 0)) {
        sleep_lock_give_up(&inode->writers, machine);
        return -LINUX_EPERM;
    }
    status = inode->operations->allocate(inode, (uint64_t)offset, (uint64_t)size_bytes, is_hole);
    if (status == 0 && may_grow)
        status = inode->operations->resize(inode, end);
    if (is_hole) /* whole pages of it are gone */
        inode_cut(inode, ((uint64_t)offset + VFS_PAGE_BYTES - 1) / VFS_PAGE_BYTES, end / VFS_PAGE_BYTES);
    sleep_lock_give_up(&inode->writers, machine);
    return status;
}

int file_change_flags(const struct caller *caller, struct open_file *file, uint32_t flags) {
    uint32_t old = file_flags(file);
    bool is_secret = (flags & ~old & LINUX_O_NOATIME) != 0;
    if ((old & LINUX_O_PATH) != 0)
        return -LINUX_EBADF;
    if (is_secret && file->inode != NULL && !identity_owns(&caller->identity, file->inode))
        return -LINUX_EPERM;
    __atomic_store_n(&file->flags, (old & ~CHANGEABLE) | (flags & CHANGEABLE), __ATOMIC_RELAXED);
    return 0;
}

uint32_t file_poll(struct open_file *file, struct wait_queue **queues) {
    for (uint32_t i = 0; i < FILE_QUEUES; i++)
        queues[i] = NULL;
    if (file->operations != NULL && file->operations->poll != NULL)
        return file->operations->poll(file, queues);
    return LINUX_POLLIN | LINUX_POLLOUT | LINUX_POLLRDNORM | LINUX_POLLWRNORM;
}

int64_t file_control(struct open_file *file, uint32_t request, uint64_t argument) {
    if ((file_flags(file) & LINUX_O_PATH) != 0)
        return -LINUX_EBADF;
    if (file->operations != NULL && file->operations->control != NULL)
        return file->operations->control(file, request, argument);
    return -LINUX_ENOTTY;
}
