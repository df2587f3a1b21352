/* Where a granted path lies: see source.h. */
#include "kernel/services/containers/source.h"

#include "kernel/services/vfs/change.h"
#include "kernel/services/vfs/errors.h"

#include <string.h>

#define LINKS_MAX 32u

/* A walk by names: where it is, and the text that is left. */
struct way {
    const struct caller *caller;
    struct path at; /* counted */
    uint32_t links;
    char rest[VFS_PATH_MAX], joined[VFS_PATH_MAX], name[VFS_NAME_MAX + 1];
};

static void go_to(struct way *way, const struct path *path) {
    path_unref(&way->at);
    way->at = *path;
}

static size_t length_of(const char *text) {
    size_t length = 0;
    while (text[length] != '\0')
        length++;
    return length;
}

/* The first name of what is left, taken off it. 0: there is none; -LINUX_ENAMETOOLONG. */
static int next_name(struct way *way) {
    size_t skip = 0, length = 0;
    while (way->rest[skip] == '/')
        skip++;
    while (way->rest[skip + length] != '/' && way->rest[skip + length] != '\0')
        length++;
    if (length > VFS_NAME_MAX)
        return -LINUX_ENAMETOOLONG;
    memcpy(way->name, way->rest + skip, length);
    way->name[length] = '\0';
    memmove(way->rest, way->rest + skip + length, length_of(way->rest + skip + length) + 1);
    return (int)length;
}

/* Put what a link says before what is left. The tree's lock is held, as in the next. */
static int follow(struct way *way, struct inode *link) {
    uint32_t size;
    const char *text = link->operations->link_text(link, &size);
    size_t rest = length_of(way->rest);
    if (link->user != 0 || ++way->links > LINKS_MAX)
        return -LINUX_ELOOP;
    if (size + rest + 2 > sizeof(way->joined))
        return -LINUX_ENAMETOOLONG;
    memcpy(way->joined, text, size);
    way->joined[size] = '/';
    memcpy(way->joined + size + 1, way->rest, rest + 1);
    memcpy(way->rest, way->joined, size + rest + 2);
    if (way->rest[0] == '/') {
        path_ref(&way->caller->root);
        go_to(way, &way->caller->root);
    }
    return 0;
}

static int step(struct way *way) {
    struct walk_path path = {.start = &way->at, .text = way->name};
    struct path next;
    int status = walk(way->caller, &path, 0, &next);
    if (status != 0)
        return status;
    if (!inode_is_link(next.dentry->inode)) {
        go_to(way, &next);
        return 0;
    }
    status = follow(way, next.dentry->inode);
    path_unref(&next);
    return status;
}

static int walk_by_names(struct way *way, struct path *found) {
    int status;
    while ((status = next_name(way)) > 0 && (status = step(way)) == 0)
        continue;
    if (status == 0)
        *found = way->at;
    else
        path_unref(&way->at);
    return status;
}

int source_find(const struct caller *caller, const char *path, struct path *found) {
    struct vfs *vfs = caller->vfs;
    size_t length = length_of(path);
    if (length >= VFS_PATH_MAX)
        return -LINUX_ENAMETOOLONG;
    struct way *way = machine_take(vfs->machine, sizeof(*way));
    if (way == NULL)
        return -LINUX_ENOMEM;
    way->caller = caller;
    way->at = caller->root;
    way->links = 0;
    memcpy(way->rest, path, length + 1);
    vfs_lock(vfs);
    path_ref(&way->at);
    int status = walk_by_names(way, found);
    vfs_unlock(vfs);
    machine_give_back(vfs->machine, way, sizeof(*way));
    return status;
}

int source_make_folder(const struct caller *caller, const char *path) {
    char prefix[GROVE_ARGUMENT_TEXT_MAX + 1];
    struct walk_path made = {.text = prefix};
    size_t length = length_of(path);
    int status = 0;
    if (length >= sizeof(prefix))
        return -LINUX_ENAMETOOLONG;
    for (size_t i = 1; i <= length && (status == 0 || status == -LINUX_EEXIST); i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        memcpy(prefix, path, i);
        prefix[i] = '\0';
        status = vfs_make_folder(caller, &made, i == length ? 0700 : 0755);
    }
    return status == -LINUX_EEXIST ? 0 : status;
}
