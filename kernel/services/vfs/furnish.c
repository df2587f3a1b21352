/* What a root has: see furnish.h. */
#include "kernel/services/vfs/furnish.h"

#include "kernel/services/vfs/change.h"
#include "kernel/services/vfs/errors.h"
#include "kernel/services/vfs/kinds.h"

static int make_folder(const struct caller *caller, const char *text, uint32_t mode) {
    struct caller without_mask = *caller;
    struct walk_path path = {.text = text};
    struct path found;
    without_mask.mask = 0;
    int status = vfs_make_folder(&without_mask, &path, mode);
    if (status != 0)
        return status == -LINUX_EEXIST ? 0 : status;
    vfs_lock(caller->vfs);
    status = walk(caller, &path, 0, &found);
    vfs_unlock(caller->vfs);
    if (status != 0)
        return status;
    status = vfs_change_mode(caller, &found, mode);
    vfs_lock(caller->vfs);
    path_unref(&found);
    vfs_unlock(caller->vfs);
    return status;
}

static int mount_at(const struct caller *caller, struct view *view, struct dentry *root, const char *text) {
    struct walk_path path = {.text = text};
    struct path place;
    vfs_lock(caller->vfs);
    int status = walk(caller, &path, WALK_FOLLOW, &place);
    vfs_unlock(caller->vfs);
    if (status != 0)
        return status;
    status = view_mount(view, &place, root, 0);
    vfs_lock(caller->vfs);
    path_unref(&place);
    vfs_unlock(caller->vfs);
    return status;
}

int vfs_mount_kind(const struct caller *caller, struct view *view, const char *kind, const char *path) {
    struct file_system *system;
    int status = file_system_make(caller->vfs, kind, "", &system);
    if (status != 0)
        return status;
    status = mount_at(caller, view, system->root, path);
    vfs_lock(caller->vfs);
    file_system_unref(system); /* the mount has one */
    vfs_unlock(caller->vfs);
    return status;
}

int vfs_furnish(const struct caller *caller, struct view *view, const char *kind) {
    static const struct {
        const char *path;
        uint32_t mode;
    } folders[] = {{"/dev", 0755}, {"/tmp", 01777}, {"/proc", 0555}, {"/sys", 0555}};
    int status = 0;
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]) && status == 0; i++)
        status = make_folder(caller, folders[i].path, folders[i].mode);
    return status == 0 ? vfs_mount_kind(caller, view, kind, "/dev") : status;
}
