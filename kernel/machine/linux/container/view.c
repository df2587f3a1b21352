/*
 * Granted paths: from the FS_* capabilities of a spec to detached mounts that the child only has to put in place.
 *
 * Opened here, in groved's own view, because the child's view has nothing to open them in. One path may be granted for
 * reading, writing and execution: it becomes one mount with the sum of the rights. FS_WRITE and FS_EXEC include reading.
 * A mount is never more than its grant: no set-id programs, no devices, read-only unless written, no execution unless
 * executed.
 *
 * The path of a grant is followed as groved sees it, but "magic" links of /proc are never followed, and a symbolic link
 * only if its owner is root or groved's user: a link that a container planted in a folder it may write would else turn
 * the next grant below that folder into one of something else.
 */
#include "kernel/machine/linux/container/calls.h"
#include "kernel/machine/linux/container/container.h"
#include "kernel/machine/linux/container/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOADER_CACHE "/etc/ld.so.cache"
#define NOTIFY_PLACE "/run/notify"
#define GRANTS_OF_OURS 8u /* system folders, or the cache of the loader; and the notification socket */

struct grant {
    const char *path;
    const char *source; /* where groved finds it; the same path but for what groved itself lends */
    bool can_write, can_execute, is_optional, is_created;
};

/* ---- what is granted ---- */

static bool grant_is_path(const struct grove_capability *capability) {
    return (capability->kind == GROVE_CAP_FS_READ || capability->kind == GROVE_CAP_FS_WRITE ||
            capability->kind == GROVE_CAP_FS_EXEC) &&
           (capability->rights & GROVE_RIGHT_USE) != 0;
}

static struct grant *grant_find(struct grant *grants, unsigned count, const char *path) {
    for (unsigned i = 0; i < count; i++)
        if (strcmp(grants[i].path, path) == 0)
            return &grants[i];
    return NULL;
}

static int grant_compare(const void *left, const void *right) {
    size_t a = strlen(((const struct grant *)left)->path), b = strlen(((const struct grant *)right)->path);
    return a < b ? -1 : a > b;
}

static unsigned grants_collect(const struct grove_spec *spec, struct grant *grants) {
    unsigned count = 0;
    for (uint32_t i = 0; i < spec->capabilities.count; i++) {
        const struct grove_spec_capability *entry =
            (const struct grove_spec_capability *)((const char *)spec + spec->capabilities.offset_bytes) + i;
        struct grove_capability capability = {.kind = entry->kind, .rights = entry->rights};
        if (!grant_is_path(&capability) || (entry->flags & GROVE_SPEC_CAPABILITY_HELD) != 0)
            continue;
        /* The text of a span is followed by a zero byte. Without an argument the whole tree is meant. */
        const char *path = entry->argument_kind == GROVE_ARGUMENT_PATH ? grove_spec_text(spec, entry->text) : "/";
        struct grant *grant = grant_find(grants, count, path);
        if (grant == NULL) {
            grant = &grants[count++];
            *grant = (struct grant){.path = path, .source = path, .is_optional = true};
        }
        grant->can_write |= entry->kind == GROVE_CAP_FS_WRITE;
        grant->can_execute |= entry->kind == GROVE_CAP_FS_EXEC;
        grant->is_optional &= (entry->flags & GROVE_SPEC_CAPABILITY_OPTIONAL) != 0;
        grant->is_created |= (entry->flags & GROVE_SPEC_CAPABILITY_CREATE) != 0;
    }
    qsort(grants, count, sizeof *grants, grant_compare);
    return count;
}

/* ---- opening ---- */

static int open_strictly(int folder, const char *path, uint64_t resolve) {
    struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_NO_MAGICLINKS | resolve};
    if ((resolve & RESOLVE_NO_SYMLINKS) == 0)
        how.flags |= O_NOFOLLOW;
    long result = syscall(SYS_openat2, folder, path, &how, sizeof how);
    return result < 0 ? -errno : (int)result;
}

/*
 * A link leads where its owner wants. Root's and the kernel's own user's are followed. Without root all other owners look
 * the same (there is one mapped id), so the folder decides: where nobody but its owner can make links, they are followed.
 */
static bool link_is_trusted(int folder, const struct stat *status) {
    struct stat place;
    if (status->st_uid == 0 || status->st_uid == linux_machine->user)
        return true;
    return linux_machine->rootless && fstat(folder, &place) == 0 && (place.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/* Put what a link says before what was left to follow. */
static int walk_link(int link, char *rest, size_t size) {
    char target[PATH_MAX], joined[PATH_MAX];
    ssize_t length = readlinkat(link, "", target, sizeof target - 1);
    if (length <= 0)
        return -EINVAL;
    target[length] = '\0';
    int joined_length = snprintf(joined, sizeof joined, "%s/%s", target, rest);
    if (joined_length < 0 || (size_t)joined_length >= size)
        return -ENAMETOOLONG;
    (void)memcpy(rest, joined, (size_t)joined_length + 1);
    return 0;
}

/* Follow a path with links in it, one name at a time. `at` is taken over. */
static int walk(const char *path) {
    char rest[PATH_MAX];
    int at = open("/", O_PATH | O_CLOEXEC), links = 0;
    (void)snprintf(rest, sizeof rest, "%s", path);
    while (at >= 0) {
        char name[NAME_MAX + 1];
        size_t skip = strspn(rest, "/"), length = strcspn(rest + skip, "/");
        struct stat status;
        if (length == 0)
            return at;
        if (length > NAME_MAX)
            return close(at), -ENAMETOOLONG;
        (void)memcpy(name, rest + skip, length);
        name[length] = '\0';
        (void)memmove(rest, rest + skip + length, strlen(rest + skip + length) + 1);
        int next = open_strictly(at, name, 0);
        int error = next < 0 ? next : fstatat(next, "", &status, AT_EMPTY_PATH) < 0 ? -errno : 0;
        if (error == 0 && S_ISLNK(status.st_mode)) {
            error = !link_is_trusted(at, &status) || ++links > 32 ? -ELOOP : walk_link(next, rest, sizeof rest);
            (void)close(next);
            next = -1;
        }
        if (error < 0)
            return close(at), error;
        if (next >= 0 || rest[0] == '/') {
            (void)close(at);
            at = next >= 0 ? next : open("/", O_PATH | O_CLOEXEC);
        }
    }
    return -errno;
}

static int open_source(const char *path) {
    int result = open_strictly(AT_FDCWD, path, RESOLVE_NO_SYMLINKS);
    return result == -ELOOP ? walk(path) : result;
}

/* Make a service's own folder. With root it belongs to groved and reaches the container id-mapped. */
static int create_folder(const char *path) {
    char prefix[PATH_MAX];
    if (snprintf(prefix, sizeof prefix, "%s", path) >= (int)sizeof prefix)
        return -ENAMETOOLONG;
    for (char *slash = strchr(prefix + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(prefix, 0755) < 0 && errno != EEXIST)
            return -errno;
        *slash = '/';
    }
    return mkdir(prefix, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

/* ---- one grant ---- */

/* What of a file's mode counts for this grant. */
static mode_t wanted_mode(const struct grant *grant, const struct stat *status) {
    return 4u | (grant->can_write ? 2u : 0) | (grant->can_execute || S_ISDIR(status->st_mode) ? 1u : 0);
}

/* Does the container, as the user it has, fail to use what it was granted? Then the owner must be mapped to it. */
static bool needs_mapping(const struct container *container, const struct grant *grant, const struct stat *status) {
    mode_t wanted = wanted_mode(grant, status);
    if (linux_machine->rootless || status->st_uid == container->user)
        return false;
    /* What is made in a folder would belong to an id that another container has tomorrow. */
    return grant->can_write ? S_ISDIR(status->st_mode) || S_ISREG(status->st_mode)
                            : (status->st_mode & wanted) != wanted;
}

static int set_attributes(int tree, struct mount_attr *attributes) {
    long result = syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH | AT_RECURSIVE, attributes, sizeof *attributes);
    return result < 0 ? -errno : 0;
}

/*
 * The file system cannot map ids (EINVAL; a tmpfs such as /run, before Linux 6.3). What everybody may use needs no mapping,
 * and what is only read is as safe without one: then the mode says what the container can read of it. A folder that only
 * its owner may write would be useless, so that fails the start; either way the log says which path, and the way out.
 */
static int set_unmapped(const struct container *container, const struct grant *grant, const struct stat *status,
                        int tree, struct mount_attr *attributes) {
    mode_t wanted = wanted_mode(grant, status);
    bool is_usable = (status->st_mode & wanted) == wanted;
    if (!is_usable)
        (void)fprintf(
            stderr,
            "%s: FS_%s:%s belongs to user %u, and the file system it is on cannot be mapped to the user of a "
            "container before Linux 6.3: %s, move it to another file system (ext4, xfs, btrfs), or let the service "
            "run with its caller's identity (identity: caller)\n",
            grove_spec_text(container->spec, container->spec->name), grant->can_write ? "WRITE" : "READ", grant->path,
            (unsigned)status->st_uid, grant->can_write ? "let everybody write it" : "let everybody read it");
    if (grant->can_write && !is_usable)
        return -EINVAL;
    attributes->attr_set &= ~(__u64)MOUNT_ATTR_IDMAP;
    attributes->userns_fd = 0;
    return set_attributes(tree, attributes);
}

static int restrict_tree(struct container *container, const struct grant *grant, const struct stat *status, int tree) {
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, .propagation = MS_PRIVATE};
    if (!grant->can_write)
        attributes.attr_set |= MOUNT_ATTR_RDONLY;
    if (!grant->can_execute)
        attributes.attr_set |= MOUNT_ATTR_NOEXEC;
    if (!needs_mapping(container, grant, status))
        return set_attributes(tree, &attributes);
    int user_namespace, error = identity_mapping(container, status->st_uid, status->st_gid, &user_namespace);
    if (error < 0)
        return error;
    attributes.attr_set |= MOUNT_ATTR_IDMAP;
    attributes.userns_fd = (__u64)user_namespace;
    error = set_attributes(tree, &attributes);
    return error == -EINVAL ? set_unmapped(container, grant, status, tree, &attributes) : error;
}

static uint64_t grant_access(const struct grant *grant, bool is_folder) {
    uint64_t access = LANDLOCK_READ;
    if (grant->can_write)
        access |= LANDLOCK_ALL_WRITE;
    if (grant->can_execute)
        access |= LANDLOCK_EXECUTE;
    if (!is_folder)
        access &= LANDLOCK_FOR_FILES;
    return access & container_shared.landlock_rights;
}

/* What takes room on a disk and may be written. */
static bool is_counted(const struct container *container, const struct grant *grant, const struct stat *status) {
    return container->quota != NULL && grant->can_write && (S_ISDIR(status->st_mode) || S_ISREG(status->st_mode));
}

/* The owner of what is counted is mapped by the process in between (quota/server.h). */
static int open_counted(const struct container *container, const struct grant *grant, int source,
                        const struct stat *status) {
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, .propagation = MS_PRIVATE};
    int tree = quota_mount(container->quota, source, status);
    if (!grant->can_execute)
        attributes.attr_set |= MOUNT_ATTR_NOEXEC;
    int error = tree < 0 ? tree : set_attributes(tree, &attributes);
    if (error < 0)
        (void)fprintf(stderr, "%s: the limit on disk cannot be held for FS_WRITE:%s: %s\n",
                      grove_spec_text(container->spec, container->spec->name), grant->path,
                      error == -EXDEV ? "it is the root of all files" : strerror(-error));
    if (error < 0 && tree >= 0)
        (void)close(tree);
    return error < 0 ? error : tree;
}

static int open_plain(struct container *container, const struct grant *grant, int source, const struct stat *status) {
    int tree =
        (int)syscall(SYS_open_tree, source, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE);
    int error = tree < 0 ? -errno : restrict_tree(container, grant, status, tree);
    if (error < 0 && tree >= 0)
        (void)close(tree);
    return error < 0 ? error : tree;
}

/* Returns 0 with the mount appended, 1 if the grant is left out, or a negative error number. */
static int grant_open(struct container *container, const struct grant *grant, struct plan *plan, bool *is_quota) {
    struct plan_mount *mount = &plan->mounts[plan->mount_count];
    struct stat status = {.st_mode = 0};
    *is_quota = false;
    int error = grant->is_created ? create_folder(grant->path) : 0;
    int source = error < 0 ? error : open_source(grant->source);
    if (source == -ENOENT && grant->is_optional)
        return 1;
    if (source < 0)
        return source;
    int tree = fstat(source, &status) < 0 ? -errno : 0;
    *is_quota = tree == 0 && is_counted(container, grant, &status);
    if (tree == 0)
        tree =
            *is_quota ? open_counted(container, grant, source, &status) : open_plain(container, grant, source, &status);
    (void)close(source);
    if (tree < 0)
        return tree;
    *mount = (struct plan_mount){.path = grant->path, .tree = tree, .is_folder = S_ISDIR(status.st_mode)};
    mount->access = grant_access(grant, mount->is_folder);
    return 0;
}

static bool is_below(const char *path, const char *folder) {
    size_t length = strlen(folder);
    return strncmp(path, folder, length) == 0 && (path[length] == '/' || length == 1);
}

/* The place to mount on is there already when a shorter grant, or the system files, hold it. */
static bool grant_is_inside(const struct plan *plan, const struct grant *grant, bool with_system) {
    if (plan->root_tree >= 0 || (with_system && namespaces_system_holds(grant->path)))
        return true;
    for (unsigned i = 0; i < plan->mount_count; i++)
        if (is_below(grant->path, plan->mounts[i].path))
            return true;
    return false;
}

/*
 * Who may read the whole host besides its system files has those from the host, to execute as ever: what "/" alone gives
 * would take that away. The shortest grant is the first.
 */
static unsigned grants_add_system(struct grant *grants, unsigned count) {
    for (const char *const *folder = namespaces_system_folders; *folder != NULL; folder++) {
        struct grant *grant = grant_find(grants, count, *folder);
        if (grant == NULL) {
            grant = &grants[count++];
            *grant = grants[0];
            grant->path = grant->source = *folder;
            grant->is_optional = true;
        }
        grant->can_execute = true;
    }
    qsort(grants, count, sizeof *grants, grant_compare);
    return count;
}

int view_open(struct container *container, struct plan *plan, enum grove_layer *layer, int *error) {
    struct grant grants[GROVE_SPEC_CAPABILITIES_MAX + GRANTS_OF_OURS];
    bool with_system = (container->spec->flags & GROVE_SPEC_SYSTEM_FILES) != 0;
    unsigned count = grants_collect(container->spec, grants);
    if (with_system && count > 0 && strcmp(grants[0].path, "/") == 0) {
        count = grants_add_system(grants, count);
        with_system = false;
    }
    if (with_system)
        grants[count++] = (struct grant){.path = LOADER_CACHE, .source = LOADER_CACHE, .is_optional = true};
    if (container->notify >= 0)
        grants[count++] = (struct grant){.path = NOTIFY_PLACE, .source = container->notify_path, .can_write = true};
    plan->root_tree = -1;
    for (unsigned i = 0; i < count; i++) {
        bool is_inside = grant_is_inside(plan, &grants[i], with_system);
        if (with_system && !grants[i].can_write && namespaces_system_holds(grants[i].path))
            continue; /* the system files hold it with these rights */
        bool is_quota;
        int result = grant_open(container, &grants[i], plan, &is_quota);
        if (result < 0) {
            *error = -result;
            *layer = is_quota ? GROVE_LAYER_DISK_QUOTA : GROVE_LAYER_FILE_VIEW;
            return GROVE_LAYER_MISSING;
        }
        if (result > 0)
            continue;
        struct plan_mount *mount = &plan->mounts[plan->mount_count++];
        mount->is_inside = is_inside;
        if (strcmp(mount->path, "/") == 0)
            plan->root_tree = mount->tree;
    }
    return GROVE_OK;
}

/* The child has descriptors of its own, and reads the plan at this moment: it stays as it is. */
void view_close(const struct plan *plan) {
    for (unsigned i = 0; i < plan->mount_count; i++)
        (void)close(plan->mounts[i].tree);
}
