/* Making, linking, moving and removing names: mkdir(2), mknod(2), link(2), symlink(2), rename(2), unlink(2), rmdir(2). */
#include "kernel/services/posix/files/place.h"
#include "kernel/services/vfs/change.h"

#define HERE ((uint64_t)LINUX_AT_FDCWD)

/* ---- with one path ---- */

static int64_t make_folder_at(uint64_t folder, uint64_t address, uint64_t mode) {
    struct files files = files_of_current();
    struct place place;
    int status = place_begin(&files, &place, folder, address);
    if (status != 0)
        return status;
    status = vfs_make_folder(files.caller, &place.path, (uint32_t)mode);
    place_end(&files, &place);
    return status;
}

int64_t system_call_mkdir(const uint64_t arguments[6]) {
    return make_folder_at(HERE, arguments[0], arguments[1]);
}

int64_t system_call_mkdirat(const uint64_t arguments[6]) {
    return make_folder_at(arguments[0], arguments[1], arguments[2]);
}

/* A device's number has 32 bits here, the upper ones of the minor number above those of the major one. */
static uint64_t device_of(uint32_t packed) {
    return vfs_device(packed >> 8 & 0xfff, (packed & 0xff) | (packed >> 12 & 0xfff00));
}

/* What is not made this way is said before anything else is looked at. */
static int check_kind(uint32_t mode) {
    switch (mode & LINUX_S_IFMT) {
    case 0:
    case LINUX_S_IFREG:
    case LINUX_S_IFIFO:
    case LINUX_S_IFSOCK:
    case LINUX_S_IFCHR:
    case LINUX_S_IFBLK:
        return 0;
    case LINUX_S_IFDIR:
        return -LINUX_EPERM;
    default:
        return -LINUX_EINVAL;
    }
}

static int64_t make_node_at(uint64_t folder, uint64_t address, uint64_t mode, uint64_t device) {
    struct files files = files_of_current();
    struct place place;
    int status = check_kind((uint32_t)mode);
    if (status == 0)
        status = place_begin(&files, &place, folder, address);
    if (status != 0)
        return status;
    status = vfs_make_node(files.caller, &place.path, (uint32_t)mode & 0xffff, device_of((uint32_t)device));
    place_end(&files, &place);
    return status;
}

int64_t system_call_mknod(const uint64_t arguments[6]) {
    return make_node_at(HERE, arguments[0], arguments[1], arguments[2]);
}

int64_t system_call_mknodat(const uint64_t arguments[6]) {
    return make_node_at(arguments[0], arguments[1], arguments[2], arguments[3]);
}

static int64_t remove_at(uint64_t folder, uint64_t address, bool is_folder) {
    struct files files = files_of_current();
    struct place place;
    int status = place_begin(&files, &place, folder, address);
    if (status != 0)
        return status;
    status = is_folder ? vfs_remove_folder(files.caller, &place.path) : vfs_unlink(files.caller, &place.path);
    place_end(&files, &place);
    return status;
}

int64_t system_call_unlink(const uint64_t arguments[6]) {
    return remove_at(HERE, arguments[0], false);
}

int64_t system_call_rmdir(const uint64_t arguments[6]) {
    return remove_at(HERE, arguments[0], true);
}

int64_t system_call_unlinkat(const uint64_t arguments[6]) {
    uint32_t flags = (uint32_t)arguments[2];
    if ((flags & ~LINUX_AT_REMOVEDIR) != 0)
        return -LINUX_EINVAL;
    return remove_at(arguments[0], arguments[1], flags != 0);
}

static int64_t make_link_at(uint64_t text_address, uint64_t folder, uint64_t address) {
    struct files files = files_of_current();
    struct call_text text;
    struct place place;
    int status = call_text_begin(&files, &text, text_address);
    if (status != 0)
        return status;
    status = call_text(&text)[0] == 0 ? -LINUX_ENOENT : place_begin(&files, &place, folder, address);
    if (status == 0) {
        status = vfs_make_link(files.caller, call_text(&text), &place.path);
        place_end(&files, &place);
    }
    call_text_end(&files, &text);
    return status;
}

int64_t system_call_symlink(const uint64_t arguments[6]) {
    return make_link_at(arguments[0], HERE, arguments[1]);
}

int64_t system_call_symlinkat(const uint64_t arguments[6]) {
    return make_link_at(arguments[0], arguments[1], arguments[2]);
}

/* ---- with two paths ---- */

struct two_places {
    struct place from, to;
};

/* In memory of their own: two texts are too much for a stack. NULL without memory. */
static struct two_places *two_places_make(const struct files *files) {
    return machine_take(files->vfs->machine, sizeof(struct two_places));
}

static void two_places_give_back(const struct files *files, struct two_places *places) {
    machine_give_back(files->vfs->machine, places, sizeof(*places));
}

/* What is wrong with the first path comes before a bad text or folder of the second. */
static int check_first(const struct files *files, const struct place *from, int status_of_second) {
    struct walker walker;
    vfs_lock(files->vfs);
    int status = walker_begin(&walker, files->caller, &from->path);
    if (status == 0)
        walker_end(&walker);
    vfs_unlock(files->vfs);
    return status != 0 ? status : status_of_second;
}

static int check_whole_first(const struct files *files, const struct place *from, uint32_t flags,
                             int status_of_second) {
    struct path found;
    uint32_t how = (flags & LINUX_AT_SYMLINK_FOLLOW) != 0 ? WALK_FOLLOW : 0;
    how |= (flags & LINUX_AT_EMPTY_PATH) != 0 ? WALK_EMPTY : 0;
    vfs_lock(files->vfs);
    int status = walk(files->caller, &from->path, how, &found);
    if (status == 0)
        path_unref(&found);
    vfs_unlock(files->vfs);
    return status != 0 ? status : status_of_second;
}

static int rename_places(const struct files *files, struct two_places *places, const uint64_t arguments[4],
                         uint32_t flags) {
    int status = place_begin(files, &places->from, arguments[0], arguments[1]);
    if (status != 0)
        return status;
    status = place_begin(files, &places->to, arguments[2], arguments[3]);
    if (status != 0) {
        status = check_first(files, &places->from, status);
    } else {
        status = vfs_rename(files->caller, &places->from.path, &places->to.path, flags);
        place_end(files, &places->to);
    }
    place_end(files, &places->from);
    return status;
}

static int64_t rename_at(const uint64_t arguments[4], uint64_t flags) {
    struct files files = files_of_current();
    uint32_t known = LINUX_RENAME_NOREPLACE | LINUX_RENAME_EXCHANGE;
    if (((uint32_t)flags & ~known) != 0 || ((uint32_t)flags & known) == known)
        return -LINUX_EINVAL;
    struct two_places *places = two_places_make(&files);
    if (places == NULL)
        return -LINUX_ENOMEM;
    int status = rename_places(&files, places, arguments, (uint32_t)flags);
    two_places_give_back(&files, places);
    return status;
}

int64_t system_call_rename(const uint64_t arguments[6]) {
    const uint64_t both[4] = {HERE, arguments[0], HERE, arguments[1]};
    return rename_at(both, 0);
}

int64_t system_call_renameat(const uint64_t arguments[6]) {
    return rename_at(arguments, 0);
}

int64_t system_call_renameat2(const uint64_t arguments[6]) {
    return rename_at(arguments, arguments[4]);
}

static int link_first(const struct files *files, struct two_places *places, const uint64_t arguments[4],
                      uint32_t flags) {
    /* Of a file without a place there is no other name. */
    if (places->from.folder != NULL && places->from.path.start == NULL)
        return -LINUX_EXDEV;
    int status = place_begin(files, &places->to, arguments[2], arguments[3]);
    if (status != 0)
        return check_whole_first(files, &places->from, flags, status);
    status = vfs_link(files->caller, &places->from.path, &places->to.path, flags);
    place_end(files, &places->to);
    return status;
}

static int link_places(const struct files *files, struct two_places *places, const uint64_t arguments[4],
                       uint32_t flags) {
    int status = place_begin_text(files, &places->from, arguments[1], (flags & LINUX_AT_EMPTY_PATH) != 0);
    if (status != 0)
        return status;
    status = place_begin_folder(files, &places->from, arguments[0]);
    if (status == 0)
        status = link_first(files, places, arguments, flags);
    place_end(files, &places->from);
    return status;
}

static int64_t link_at(const uint64_t arguments[4], uint64_t flags) {
    struct files files = files_of_current();
    if (((uint32_t)flags & ~(LINUX_AT_SYMLINK_FOLLOW | LINUX_AT_EMPTY_PATH)) != 0)
        return -LINUX_EINVAL;
    if (((uint32_t)flags & LINUX_AT_EMPTY_PATH) != 0 &&
        !identity_has(&files.caller->identity, LINUX_CAP_DAC_READ_SEARCH))
        return -LINUX_ENOENT;
    struct two_places *places = two_places_make(&files);
    if (places == NULL)
        return -LINUX_ENOMEM;
    int status = link_places(&files, places, arguments, (uint32_t)flags);
    two_places_give_back(&files, places);
    return status;
}

int64_t system_call_link(const uint64_t arguments[6]) {
    const uint64_t both[4] = {HERE, arguments[0], HERE, arguments[1]};
    return link_at(both, 0);
}

int64_t system_call_linkat(const uint64_t arguments[6]) {
    return link_at(arguments, arguments[4]);
}
