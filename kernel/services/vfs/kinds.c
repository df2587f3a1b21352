/* Kinds of file systems, and the options of tmpfs: see kinds.h and tmpfs(5). */
#include "kernel/services/vfs/kinds.h"

#include "kernel/services/vfs/device.h"
#include "kernel/services/vfs/errors.h"
#include "kernel/services/vfs/tmpfs.h"

#include <string.h>

#define MODE_OF_TMPFS 01777u

/* ---- tmpfs ---- */

/* A number at `text`, in this base, up to another character, where *end points after that. False: there is none. */
static bool read_number(const char *text, uint32_t base, uint64_t *number, const char **end) {
    uint64_t value = 0;
    const char *at = text;
    for (; *at >= '0' && *at < (char)('0' + base); at++)
        if (__builtin_mul_overflow(value, base, &value) || __builtin_add_overflow(value, (uint64_t)(*at - '0'), &value))
            return false;
    *number = value;
    *end = at;
    return at > text;
}

/* With k, m or g behind it. */
static bool read_size(const char *text, uint64_t *size, const char **end) {
    if (!read_number(text, 10, size, end))
        return false;
    uint32_t shift = 0;
    switch (**end | 0x20) {
    case 'k':
        shift = 10;
        break;
    case 'm':
        shift = 20;
        break;
    case 'g':
        shift = 30;
        break;
    default:
        return true;
    }
    (*end)++;
    if (*size > UINT64_MAX >> shift)
        return false;
    *size <<= shift;
    return true;
}

/* Is the word at `text` this one, with a value behind it? */
static const char *value_of(const char *text, const char *name) {
    size_t size = strlen(name);
    return strncmp(text, name, size) == 0 && text[size] == '=' ? text + size + 1 : NULL;
}

static bool read_id(const char *value, uint32_t base, uint64_t most, uint32_t *id, const char **end) {
    uint64_t number;
    if (!read_number(value, base, &number, end) || number > most)
        return false;
    *id = (uint32_t)number;
    return true;
}

/* One option; `*end` is behind it. */
static bool read_option(const char *text, struct tmpfs_limits *limits, const char **end) {
    const char *value;
    uint64_t size;
    if ((value = value_of(text, "size")) != NULL) {
        if (!read_size(value, &size, end))
            return false;
        limits->pages_max = size / VFS_PAGE_BYTES + (size % VFS_PAGE_BYTES != 0);
        return true;
    }
    if ((value = value_of(text, "nr_blocks")) != NULL)
        return read_size(value, &limits->pages_max, end);
    if ((value = value_of(text, "nr_inodes")) != NULL)
        return read_size(value, &limits->inodes_max, end);
    if ((value = value_of(text, "mode")) != NULL)
        return read_id(value, 8, LINUX_MODE_BITS, &limits->mode, end);
    if ((value = value_of(text, "uid")) != NULL)
        return read_id(value, 10, UINT32_MAX - 1, &limits->user, end);
    if ((value = value_of(text, "gid")) != NULL)
        return read_id(value, 10, UINT32_MAX - 1, &limits->group, end);
    return false;
}

static int make_tmpfs(struct vfs *vfs, const char *options, struct file_system **created) {
    struct tmpfs_limits limits = {.mode = MODE_OF_TMPFS};
    while (*options != 0) {
        if (*options == ',') {
            options++;
            continue;
        }
        if (!read_option(options, &limits, &options) || (*options != 0 && *options != ','))
            return -LINUX_EINVAL;
    }
    return tmpfs_create(vfs, &limits, created);
}

static int make_devices(struct vfs *vfs, const char *options, struct file_system **created) {
    (void)options;
    return devfs_create(vfs, created);
}

/* ---- by name ---- */

static const struct file_system_kind always[] = {{.name = "tmpfs", .create = make_tmpfs},
                                                 {.name = "ramfs", .create = make_tmpfs},
                                                 {.name = "devtmpfs", .create = make_devices}};

/* The tree's lock is held. Kinds stay, so they are used without it after that. */
static const struct file_system_kind *find(struct vfs *vfs, const char *name) {
    for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++)
        if (strcmp(always[i].name, name) == 0)
            return &always[i];
    for (struct list *link = vfs->kinds.next; link != &vfs->kinds; link = link->next) {
        const struct file_system_kind *kind = list_item(link, struct file_system_kind, link);
        if (strcmp(kind->name, name) == 0)
            return kind;
    }
    return NULL;
}

int file_system_kind_add(struct vfs *vfs, struct file_system_kind *kind) {
    vfs_lock(vfs);
    bool is_taken = find(vfs, kind->name) != NULL;
    if (!is_taken)
        list_append(&vfs->kinds, &kind->link);
    vfs_unlock(vfs);
    return is_taken ? -LINUX_EEXIST : 0;
}

int file_system_make(struct vfs *vfs, const char *name, const char *options, struct file_system **created) {
    vfs_lock(vfs);
    const struct file_system_kind *kind = find(vfs, name);
    vfs_unlock(vfs);
    return kind != NULL ? kind->create(vfs, options, created) : -LINUX_ENODEV;
}
