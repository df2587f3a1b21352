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

static int64_t make_node_at(uint64_t folder, uint64_t address, uint64_t mode, uint64_t device) {
    struct files files = files_of_current();
    struct place place;
    int status = place_begin(&files, &place, folder, address);
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

/* Both texts and folders, or an error with nothing held. In memory of its own: two texts are too much for a stack. */
static int two_places_begin(const struct files *files, struct two_places **places, const uint64_t arguments[4]) {
    struct two_places *both = machine_take(files->vfs->machine, sizeof(*both));
    if (both == NULL)
        return -LINUX_ENOMEM;
    int status = place_begin(files, &both->from, arguments[0], arguments[1]);
    if (status == 0) {
        status = place_begin(files, &both->to, arguments[2], arguments[3]);
        if (status != 0)
            place_end(files, &both->from);
    }
    if (status != 0)
        machine_give_back(files->vfs->machine, both, sizeof(*both));
    else
        *places = both;
    return status;
}

static void two_places_end(const struct files *files, struct two_places *places) {
    place_end(files, &places->to);
    place_end(files, &places->from);
    machine_give_back(files->vfs->machine, places, sizeof(*places));
}

static int64_t rename_at(const uint64_t arguments[4], uint64_t flags) {
    struct files files = files_of_current();
    struct two_places *places;
    uint32_t known = LINUX_RENAME_NOREPLACE | LINUX_RENAME_EXCHANGE;
    if (((uint32_t)flags & ~known) != 0 || ((uint32_t)flags & known) == known)
        return -LINUX_EINVAL;
    int status = two_places_begin(&files, &places, arguments);
    if (status != 0)
        return status;
    status = vfs_rename(files.caller, &places->from.path, &places->to.path, (uint32_t)flags);
    two_places_end(&files, places);
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

static int64_t link_at(const uint64_t arguments[4], uint64_t flags) {
    struct files files = files_of_current();
    struct two_places *places;
    if (((uint32_t)flags & ~(LINUX_AT_SYMLINK_FOLLOW | LINUX_AT_EMPTY_PATH)) != 0)
        return -LINUX_EINVAL;
    if (((uint32_t)flags & LINUX_AT_EMPTY_PATH) != 0 &&
        !identity_has(&files.caller->identity, LINUX_CAP_DAC_READ_SEARCH))
        return -LINUX_ENOENT;
    int status = two_places_begin(&files, &places, arguments);
    if (status != 0)
        return status;
    status = vfs_link(files.caller, &places->from.path, &places->to.path, (uint32_t)flags);
    two_places_end(&files, places);
    return status;
}

int64_t system_call_link(const uint64_t arguments[6]) {
    const uint64_t both[4] = {HERE, arguments[0], HERE, arguments[1]};
    return link_at(both, 0);
}

int64_t system_call_linkat(const uint64_t arguments[6]) {
    return link_at(arguments, arguments[4]);
}
