/* Files without a name: see memory_file.h. */
#include "kernel/services/vfs/memory_file.h"

#include "kernel/services/vfs/dentry.h"
#include "kernel/services/vfs/errors.h"
#include "kernel/services/vfs/mount.h"
#include "kernel/services/vfs/tmpfs.h"

#include <string.h>

#define PREFIX "memfd:"
#define PREFIX_BYTES (sizeof(PREFIX) - 1)

struct memory_files {
    struct file_system *system; /* counted */
    struct view view;
    struct path root; /* counted */
};

/* ---- where they lie ---- */

static void give_back(struct vfs *vfs, struct memory_files *files) {
    if (files->root.mount != NULL)
        view_deinit(&files->view);
    vfs_lock(vfs);
    if (files->root.mount != NULL)
        path_unref(&files->root);
    if (files->system != NULL)
        file_system_unref(files->system);
    vfs_unlock(vfs);
    machine_give_back(vfs->machine, files, sizeof(*files));
}

static int make(struct vfs *vfs, struct memory_files **made) {
    static const struct tmpfs_limits no_limits = {.mode = 0700};
    struct memory_files *files = machine_take(vfs->machine, sizeof(*files));
    if (files == NULL)
        return -LINUX_ENOMEM;
    *files = (struct memory_files){.system = NULL};
    int status = tmpfs_create(vfs, &no_limits, &files->system);
    if (status == 0)
        status = view_init(&files->view, vfs, files->system->root, 0, &files->root);
    if (status != 0)
        give_back(vfs, files);
    else
        *made = files;
    return status;
}

static int begin(struct vfs *vfs) {
    struct memory_files *files = NULL;
    vfs_lock(vfs);
    bool is_there = vfs->memory_files != NULL;
    vfs_unlock(vfs);
    if (is_there)
        return 0;
    int status = make(vfs, &files);
    if (status != 0)
        return status;
    vfs_lock(vfs);
    is_there = vfs->memory_files != NULL;
    if (!is_there)
        vfs->memory_files = files;
    vfs_unlock(vfs);
    if (is_there) /* somebody was faster */
        give_back(vfs, files);
    return 0;
}

void memory_files_end(struct vfs *vfs) {
    if (vfs->memory_files != NULL)
        give_back(vfs, vfs->memory_files);
    vfs->memory_files = NULL;
}

/* ---- one of them ---- */

/* Make an entry and take it out again; *path, with references, is what is left. With the tree's lock held. */
static int make_inode(const struct memory_files *files, const struct name *name, const struct inode_plan *plan,
                      struct path *path) {
    struct inode *folder = files->root.dentry->inode, *inode;
    struct dentry *dentry;
    int status = dentry_find(files->root.dentry, name, false, &dentry);
    if (status != 0)
        return status;
    status = folder->operations->make(folder, name, plan, &inode);
    if (status != 0) {
        dentry_unref(dentry);
        return status;
    }
    dentry_fill(dentry, inode);
    *path = (struct path){.mount = files->root.mount, .dentry = dentry};
    path_ref(path); /* so that the name's end leaves the dentry to who has it */
    (void)folder->operations->remove(folder, name, inode); /* it is a file, and there */
    dentry_empty(dentry);
    dentry_unref(dentry); /* that of dentry_find */
    return 0;
}

int memory_file_create(const struct caller *caller, const char *name, uint32_t mode, bool is_sealable,
                       struct open_file **created) {
    struct vfs *vfs = caller->vfs;
    char text[PREFIX_BYTES + MEMORY_FILE_NAME_MAX] = PREFIX;
    size_t length = strlen(name);
    struct path path;
    if (length > MEMORY_FILE_NAME_MAX)
        return -LINUX_EINVAL;
    memcpy(text + PREFIX_BYTES, name, length);
    struct name full = {.text = text, .size_bytes = (uint32_t)(PREFIX_BYTES + length)};
    struct inode_plan plan = {
        .mode = LINUX_S_IFREG | mode, .user = caller->identity.user, .group = caller->identity.group};
    int status = begin(vfs);
    if (status != 0)
        return status;
    vfs_lock(vfs);
    status = make_inode(vfs->memory_files, &full, &plan, &path);
    vfs_unlock(vfs);
    if (status != 0)
        return status;
    path.dentry->inode->is_sealable = is_sealable; /* nobody else has it yet */
    return file_open_path(vfs, &path, LINUX_O_RDWR, created);
}
