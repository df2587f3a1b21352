/* Mounts and file views: see mount.h. */
#include "kernel/services/vfs/mount.h"

#include "kernel/services/vfs/errors.h"

#include <string.h>

#define HELD_BY_VIEW_AND_CALLER 2u /* references of a mount that nobody else uses */

void mount_unref(struct mount *mount) {
    while (mount != NULL && --mount->references == 0) {
        struct mount *parent = mount->parent;
        struct vfs *vfs = mount->system->vfs;
        if (mount->place != NULL)
            dentry_unref(mount->place);
        dentry_unref(mount->root);
        file_system_unref(mount->system);
        machine_give_back(vfs->machine, mount, sizeof(*mount));
        mount = parent;
    }
}

struct mount *mount_on(const struct path *path) {
    struct view *view = path->mount->view;
    if (path->dentry->mounts == 0 || view == NULL)
        return NULL;
    for (struct list *link = view->mounts.next; link != &view->mounts; link = link->next) {
        struct mount *mount = list_item(link, struct mount, link);
        if (mount->place == path->dentry && mount->parent == path->mount)
            return mount;
    }
    return NULL;
}

bool mount_is_place(const struct view *view, const struct dentry *dentry) {
    if (dentry->mounts == 0 || view == NULL)
        return false;
    for (struct list *link = view->mounts.next; link != &view->mounts; link = link->next)
        if (list_item(link, struct mount, link)->place == dentry)
            return true;
    return false;
}

static struct mount *make(struct view *view, struct dentry *root, uint32_t flags) {
    struct mount *mount = machine_take(view->vfs->machine, sizeof(*mount));
    if (mount == NULL)
        return NULL;
    *mount = (struct mount){.view = view, .root = root, .system = root->system, .flags = flags, .references = 1};
    (void)dentry_ref(root);
    file_system_ref(root->system);
    list_prepend(&view->mounts, &mount->link);
    view->mount_count++;
    return mount;
}

int view_init(struct view *view, struct vfs *vfs, struct dentry *root, uint32_t flags, struct path *path) {
    *view = (struct view){.vfs = vfs};
    list_init(&view->mounts);
    vfs_lock(vfs);
    struct mount *mount = make(view, root, flags);
    if (mount != NULL) {
        *path = (struct path){.mount = mount, .dentry = root};
        path_ref(path);
    }
    vfs_unlock(vfs);
    return mount != NULL ? 0 : -LINUX_ENOMEM;
}

static void take_out(struct mount *mount) {
    list_remove(&mount->link);
    mount->view->mount_count--;
    mount->view = NULL;
    if (mount->place != NULL)
        mount->place->mounts--;
    mount_unref(mount);
}

void view_deinit(struct view *view) {
    struct mount *mount;
    do {
        vfs_lock(view->vfs);
        mount = list_first_item(&view->mounts, struct mount, link);
        if (mount != NULL)
            take_out(mount);
        vfs_unlock(view->vfs);
    } while (mount != NULL);
}

static int check_place(const struct view *view, const struct path *place, const struct dentry *root) {
    if (place->mount->view != view)
        return -LINUX_EINVAL;
    if (place->dentry->inode->links == 0)
        return -LINUX_ENOENT;
    if (inode_is_folder(place->dentry->inode) != inode_is_folder(root->inode))
        return -LINUX_ENOTDIR;
    return view->mount_count >= VIEW_MOUNTS_MAX ? -LINUX_ENOSPC : 0;
}

int view_mount(struct view *view, const struct path *place, struct dentry *root, uint32_t flags) {
    vfs_lock(view->vfs);
    struct path top = *place;
    struct mount *above;
    while ((above = mount_on(&top)) != NULL) /* what is mounted later lies on top */
        top = (struct path){.mount = above, .dentry = above->root};
    int status = check_place(view, &top, root);
    if (status == 0) {
        struct mount *mount = make(view, root, flags);
        if (mount != NULL) {
            mount->parent = mount_ref(top.mount);
            mount->place = dentry_ref(top.dentry);
            mount->place->mounts++;
        } else {
            status = -LINUX_ENOMEM;
        }
    }
    vfs_unlock(view->vfs);
    return status;
}

/* ---- texts ---- */

/* Built from its end. */
struct path_builder {
    char *text;
    size_t left_bytes; /* in front of what is there */
};

static bool put_before(struct path_builder *builder, const char *text, size_t size) {
    if (size > builder->left_bytes)
        return false;
    builder->left_bytes -= size;
    memcpy(builder->text + builder->left_bytes, text, size);
    return true;
}

/* One name up, or through the mount that it is the root of. False: there is no up. */
static bool put_name(struct path_builder *builder, struct path *at, bool *has_room) {
    if (at->dentry == at->mount->root) {
        if (at->mount->parent == NULL || at->mount->view == NULL)
            return false;
        *at = (struct path){.mount = at->mount->parent, .dentry = at->mount->place};
        return true;
    }
    if (at->dentry->parent == NULL)
        return false;
    struct name name = dentry_name(at->dentry);
    *has_room = put_before(builder, name.text, name.size_bytes) && put_before(builder, "/", 1);
    at->dentry = at->dentry->parent;
    return true;
}

int path_text(const struct path *path, const struct path *root, char *text, size_t size_bytes) {
    struct path_builder builder = {.text = text, .left_bytes = size_bytes};
    struct path at = *path;
    bool has_room = put_before(&builder, "", 1), is_up = true;
    if (path->dentry->inode->links == 0)
        return -LINUX_ENOENT;
    while (has_room && is_up && (at.mount != root->mount || at.dentry != root->dentry))
        is_up = put_name(&builder, &at, &has_room);
    if (has_room && builder.left_bytes == size_bytes - 1)
        has_room = put_before(&builder, "/", 1);
    if (has_room && !is_up)
        has_room = put_before(&builder, "(unreachable)", 13);
    if (!has_room)
        return -LINUX_ENAMETOOLONG;
    memmove(text, text + builder.left_bytes, size_bytes - builder.left_bytes);
    return (int)(size_bytes - builder.left_bytes) - 1;
}

static bool has_mounts(const struct view *view, const struct mount *mount) {
    for (struct list *link = view->mounts.next; link != &view->mounts; link = link->next)
        if (list_item(link, struct mount, link)->parent == mount)
            return true;
    return false;
}

/* With the tree's lock held: the path is the root of a mount of this view, and not of the view itself. */
static bool is_mounted(const struct view *view, const struct path *path) {
    const struct mount *mount = path->mount;
    return mount->view == view && mount->parent != NULL && mount->root == path->dentry;
}

int view_unmount(struct view *view, const struct path *path) {
    int status = 0;
    vfs_lock(view->vfs);
    struct mount *mount = path->mount;
    if (!is_mounted(view, path))
        status = -LINUX_EINVAL;
    else if (has_mounts(view, mount) || mount->references > HELD_BY_VIEW_AND_CALLER)
        status = -LINUX_EBUSY;
    else
        take_out(mount);
    vfs_unlock(view->vfs);
    return status;
}

static bool lies_in(const struct mount *mount, const struct mount *above) {
    while (mount != NULL && mount != above)
        mount = mount->parent;
    return mount != NULL;
}

/* The youngest first, so that none is taken out before those in it. */
int view_detach(struct view *view, const struct path *path) {
    int status = 0;
    vfs_lock(view->vfs);
    struct mount *top = path->mount;
    if (!is_mounted(view, path))
        status = -LINUX_EINVAL;
    for (struct list *link = view->mounts.next, *next; status == 0 && link != &view->mounts; link = next) {
        struct mount *mount = list_item(link, struct mount, link);
        next = link->next;
        if (lies_in(mount, top))
            take_out(mount);
    }
    vfs_unlock(view->vfs);
    return status;
}

int view_change_flags(struct view *view, const struct path *path, uint32_t flags) {
    int status = -LINUX_EINVAL;
    vfs_lock(view->vfs);
    if (path->mount->view == view && path->mount->root == path->dentry) {
        path->mount->flags = flags;
        status = 0;
    }
    vfs_unlock(view->vfs);
    return status;
}
