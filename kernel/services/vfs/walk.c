/* From a path to a place: see walk.h. */
#include "kernel/services/vfs/walk.h"

#include "kernel/services/vfs/errors.h"

#include <string.h>

#define STEPS_MAX 16u
#define SCOPED (LINUX_RESOLVE_BENEATH | LINUX_RESOLVE_IN_ROOT)

static bool is_same(const struct path *a, const struct path *b) {
    return a->mount == b->mount && a->dentry == b->dentry;
}

/* `to` comes with references. */
static void move(struct walker *walker, struct path to) {
    struct path from = walker->at;
    walker->at = to;
    path_unref(&from);
}

static void move_to(struct walker *walker, struct mount *mount, struct dentry *dentry) {
    struct path to = {.mount = mount, .dentry = dentry};
    path_ref(&to);
    move(walker, to);
}

static int change_mount(struct walker *walker, struct mount *mount, struct dentry *dentry) {
    if ((walker->resolve & LINUX_RESOLVE_NO_XDEV) != 0)
        return -LINUX_EXDEV;
    move_to(walker, mount, dentry);
    return 0;
}

/* Down into what is mounted here. */
static int enter_mounts(struct walker *walker) {
    struct mount *mount;
    int status = 0;
    while (status == 0 && (mount = mount_on(&walker->at)) != NULL)
        status = change_mount(walker, mount, mount->root);
    return status;
}

/* ---- up ---- */

static bool is_in_scope(const struct walker *walker) {
    struct path at = walker->at;
    while (at.mount != walker->scope.mount) {
        if (at.mount->parent == NULL)
            return false;
        at = (struct path){.mount = at.mount->parent, .dentry = at.mount->place};
    }
    return dentry_is_below(at.dentry, walker->scope.dentry);
}

/* A folder that was moved out of what its mount shows has no way up. */
static int go_up_in_mount(struct walker *walker) {
    const struct mount *mount = walker->at.mount;
    struct dentry *parent = walker->at.dentry->parent;
    if (parent == NULL || (mount->root->parent != NULL && !dentry_is_below(parent, mount->root)))
        return -LINUX_ENOENT;
    move_to(walker, walker->at.mount, parent);
    return 0;
}

static int go_up(struct walker *walker) {
    if ((walker->resolve & SCOPED) != 0 && !is_in_scope(walker)) /* somebody moved it out while we walk */
        return -LINUX_EXDEV;
    for (;;) {
        struct mount *mount = walker->at.mount;
        if (is_same(&walker->at, &walker->scope))
            return (walker->resolve & LINUX_RESOLVE_BENEATH) != 0 ? -LINUX_EXDEV : enter_mounts(walker);
        if (walker->at.dentry != mount->root) {
            int status = go_up_in_mount(walker);
            return status != 0 ? status : enter_mounts(walker);
        }
        if (mount->parent == NULL || mount->view == NULL)
            return 0;
        int status = change_mount(walker, mount->parent, mount->place);
        if (status != 0)
            return status;
    }
}

/* ---- names ---- */

static const char *skip_slashes(const char *text) {
    while (*text == '/')
        text++;
    return text;
}

static void pop(struct walker *walker) {
    struct walk_frame *frame = &walker->frames[--walker->depth];
    if (frame->link != NULL)
        inode_unref(frame->link);
}

static bool is_last(const struct walker *walker) {
    for (uint32_t i = 0; i < walker->depth; i++)
        if (*skip_slashes(walker->frames[i].rest) != 0)
            return false;
    return true;
}

/* The next name of the topmost text that has one, into walker->name and walker->last. False: there is none. */
static bool next_name(struct walker *walker) {
    struct walk_frame *frame = &walker->frames[walker->depth - 1];
    frame->rest = skip_slashes(frame->rest);
    while (*frame->rest == 0 && walker->depth > 1) {
        pop(walker);
        frame = &walker->frames[walker->depth - 1];
        frame->rest = skip_slashes(frame->rest);
    }
    const char *text = frame->rest;
    uint32_t size = 0;
    while (text[size] != 0 && text[size] != '/')
        size++;
    walker->name = (struct name){.text = text, .size_bytes = size};
    walker->last = WALK_LAST_NAME;
    if (size == 1 && text[0] == '.')
        walker->last = WALK_LAST_DOT;
    else if (size == 2 && text[0] == '.' && text[1] == '.')
        walker->last = WALK_LAST_DOTDOT;
    frame->rest = text + size;
    return size > 0;
}

/* The folder of a remote file system says anew who may search it. The walk holds it. */
static __attribute__((noinline)) int check_judged(const struct walker *walker, struct inode *inode) {
    vfs_unlock(walker->caller->vfs);
    int status = inode_refresh(inode, NULL);
    vfs_lock(walker->caller->vfs);
    return status != 0 ? status : identity_check(&walker->caller->identity, inode, LINUX_X_OK);
}

static int check_search(const struct walker *walker) {
    struct inode *inode = walker->at.dentry->inode;
    if (!inode_is_folder(inode))
        return -LINUX_ENOTDIR;
    if (inode->is_judged)
        return check_judged(walker, inode);
    return identity_check(&walker->caller->identity, inode, LINUX_X_OK);
}

/* Let others have the lock. What the walk needs is counted. */
static void breathe(struct walker *walker) {
    if (++walker->steps < STEPS_MAX)
        return;
    walker->steps = 0;
    vfs_unlock(walker->caller->vfs);
    vfs_lock(walker->caller->vfs);
}

static int go_to_root(struct walker *walker) {
    const struct path *root = &walker->scope;
    if ((walker->resolve & LINUX_RESOLVE_BENEATH) != 0)
        return -LINUX_EXDEV;
    if (root->mount != walker->at.mount)
        return change_mount(walker, root->mount, root->dentry);
    move_to(walker, root->mount, root->dentry);
    return 0;
}

/* Its text is what is walked next. */
static int push_link(struct walker *walker, struct inode *link) {
    struct path to;
    uint32_t size;
    if ((walker->resolve & LINUX_RESOLVE_NO_SYMLINKS) != 0 || walker->links++ >= VFS_LINKS_MAX)
        return -LINUX_ELOOP;
    if (link->operations->jump != NULL && link->operations->jump(link, &to)) {
        if ((walker->resolve & (LINUX_RESOLVE_NO_MAGICLINKS | SCOPED)) == 0) {
            move(walker, to);
            return 0;
        }
        path_unref(&to);
        return (walker->resolve & SCOPED) != 0 ? -LINUX_EXDEV : -LINUX_ELOOP;
    }
    int status = link->operations->read_link != NULL ? link->operations->read_link(link) : 0;
    if (status != 0)
        return status;
    const char *text = link->operations->link_text(link, &size);
    walker->frames[walker->depth++] = (struct walk_frame){.rest = text, .link = inode_ref(link)};
    return text[0] == '/' ? go_to_root(walker) : 0;
}

/* A name on the way: into that folder, or along that link. */
static int step(struct walker *walker) {
    struct dentry *dentry;
    if (walker->last == WALK_LAST_DOT)
        return 0;
    if (walker->last == WALK_LAST_DOTDOT)
        return go_up(walker);
    int status = walker_find(walker, &dentry);
    if (status != 0)
        return status;
    if (dentry->inode != NULL && !inode_is_link(dentry->inode))
        return walker_enter(walker, dentry);
    status = dentry->inode != NULL ? push_link(walker, dentry->inode) : -LINUX_ENOENT;
    dentry_unref(dentry);
    return status;
}

/* Steps until the last name is in walker->name. */
static int run(struct walker *walker) {
    for (;;) {
        if (!next_name(walker)) {
            walker->last = WALK_LAST_NONE;
            return 0;
        }
        int status = check_search(walker);
        if (status != 0)
            return status;
        if (is_last(walker)) {
            for (uint32_t i = 0; i < walker->depth; i++)
                walker->has_slash |= *walker->frames[i].rest == '/';
            return 0;
        }
        status = step(walker);
        if (status != 0)
            return status;
        breathe(walker);
    }
}

/* ---- for callers ---- */

int walker_find(struct walker *walker, struct dentry **found) {
    return dentry_find(walker->at.dentry, &walker->name, (walker->resolve & LINUX_RESOLVE_CACHED) != 0, found);
}

int walker_enter(struct walker *walker, struct dentry *dentry) {
    move(walker, (struct path){.mount = mount_ref(walker->at.mount), .dentry = dentry});
    return enter_mounts(walker);
}

int walker_enter_dots(struct walker *walker) {
    return walker->last == WALK_LAST_DOTDOT ? go_up(walker) : 0;
}

static int end_on_failure(struct walker *walker, int status) {
    if (status != 0)
        walker_end(walker);
    return status;
}

int walker_begin(struct walker *walker, const struct caller *caller, const struct walk_path *path) {
    const struct path *start = path->start != NULL ? path->start : &caller->folder;
    bool is_absolute = path->text[0] == '/';
    if ((path->resolve & ~LINUX_RESOLVE_ALL) != 0 || (path->resolve & SCOPED) == SCOPED)
        return -LINUX_EINVAL;
    if (path->text[0] == 0)
        return -LINUX_ENOENT;
    if (strlen(path->text) >= VFS_PATH_MAX)
        return -LINUX_ENAMETOOLONG;
    *walker = (struct walker){.caller = caller, .resolve = path->resolve, .depth = 1};
    walker->frames[0] = (struct walk_frame){.rest = path->text};
    walker->scope = (path->resolve & SCOPED) != 0 ? *start : caller->root;
    walker->at = is_absolute && (path->resolve & SCOPED) == 0 ? caller->root : *start;
    path_ref(&walker->at);
    path_ref(&walker->scope);
    if (is_absolute && (path->resolve & LINUX_RESOLVE_BENEATH) != 0)
        return end_on_failure(walker, -LINUX_EXDEV);
    return end_on_failure(walker, run(walker));
}

int walker_follow(struct walker *walker, struct inode *link) {
    int status = push_link(walker, link);
    if (status == 0)
        status = run(walker);
    return end_on_failure(walker, status);
}

void walker_end(struct walker *walker) {
    while (walker->depth > 0)
        pop(walker);
    path_unref(&walker->at);
    path_unref(&walker->scope);
}

/* The last name of a walk: where it leads, into walker->at. */
static int finish(struct walker *walker, uint32_t flags) {
    struct dentry *dentry;
    if (walker->last != WALK_LAST_NAME)
        return end_on_failure(walker, walker_enter_dots(walker));
    int status = walker_find(walker, &dentry);
    if (status != 0)
        return end_on_failure(walker, status);
    bool follow = (flags & WALK_FOLLOW) != 0 || walker->has_slash;
    if (dentry->inode != NULL && inode_is_link(dentry->inode) && follow) {
        status = walker_follow(walker, dentry->inode);
        dentry_unref(dentry);
        return status != 0 ? status : finish(walker, flags); /* at most VFS_LINKS_MAX deep */
    }
    if (dentry->inode != NULL)
        return end_on_failure(walker, walker_enter(walker, dentry));
    dentry_unref(dentry);
    return end_on_failure(walker, -LINUX_ENOENT);
}

int walk(const struct caller *caller, const struct walk_path *path, uint32_t flags, struct path *found) {
    struct walker walker;
    if ((flags & WALK_EMPTY) != 0 && path->text[0] == 0) {
        *found = path->start != NULL ? *path->start : caller->folder;
        path_ref(found);
        return 0;
    }
    int status = walker_begin(&walker, caller, path);
    if (status == 0)
        status = finish(&walker, flags);
    if (status != 0)
        return status;
    if (((flags & WALK_FOLDER) != 0 || walker.has_slash) && !inode_is_folder(walker.at.dentry->inode)) {
        walker_end(&walker);
        return -LINUX_ENOTDIR;
    }
    *found = walker.at;
    path_ref(found);
    walker_end(&walker);
    return 0;
}
