/* Paths and descriptors of calls: see place.h. */
#include "kernel/services/posix/files/place.h"

int call_text_begin(const struct files *files, struct call_text *text, uint64_t address) {
    text->long_text = NULL;
    int length = process_read_text(text->short_text, address, sizeof(text->short_text));
    if (length != -LINUX_ENAMETOOLONG)
        return length < 0 ? length : 0;
    text->long_text = machine_take(files->vfs->machine, VFS_PATH_MAX);
    if (text->long_text == NULL)
        return -LINUX_ENOMEM;
    length = process_read_text(text->long_text, address, VFS_PATH_MAX);
    if (length < 0)
        call_text_end(files, text);
    return length < 0 ? length : 0;
}

void call_text_end(const struct files *files, struct call_text *text) {
    if (text->long_text != NULL)
        machine_give_back(files->vfs->machine, text->long_text, VFS_PATH_MAX);
    text->long_text = NULL;
}

int get_usable_file(const struct files *files, uint64_t descriptor, struct open_file **file) {
    int status = get_file(files, descriptor, file);
    if (status == 0 && (file_flags(*file) & LINUX_O_PATH) != 0) {
        file_unref(*file);
        status = -LINUX_EBADF;
    }
    return status;
}

int place_begin_text(const struct files *files, struct place *place, uint64_t address, bool may_be_empty) {
    place->folder = NULL;
    int status = call_text_begin(files, &place->text, address);
    if (status == 0 && call_text(&place->text)[0] == 0 && !may_be_empty) {
        call_text_end(files, &place->text);
        status = -LINUX_ENOENT;
    }
    place->path = (struct walk_path){.text = call_text(&place->text)};
    return status;
}

int place_begin_folder(const struct files *files, struct place *place, uint64_t folder) {
    const char *text = place->path.text;
    bool is_absolute = text[0] == '/' && (place->path.resolve & LINUX_RESOLVE_IN_ROOT) == 0;
    if (is_absolute || (int32_t)folder == LINUX_AT_FDCWD)
        return 0;
    int status = get_file(files, folder, &place->folder);
    if (status != 0)
        return status;
    if (place->folder->path.mount == NULL) /* a pipe has no path from it */
        return text[0] != 0 ? -LINUX_ENOTDIR : 0;
    place->start = place->folder->path;
    place->path.start = &place->start;
    return 0;
}

static int begin(const struct files *files, struct place *place, uint64_t folder, uint64_t address, uint32_t flags) {
    bool may_be_empty = (flags & LINUX_AT_EMPTY_PATH) != 0;
    int status = 0;
    if (address == 0 && may_be_empty && (flags & TARGET_MAY_BE_NULL) != 0)
        *place = (struct place){.path = {.text = ""}};
    else
        status = place_begin_text(files, place, address, may_be_empty);
    if (status != 0)
        return status;
    status = place_begin_folder(files, place, folder);
    if (status != 0)
        place_end(files, place);
    return status;
}

int place_begin(const struct files *files, struct place *place, uint64_t folder, uint64_t address) {
    return begin(files, place, folder, address, 0);
}

void place_end(const struct files *files, struct place *place) {
    if (place->folder != NULL)
        file_unref(place->folder);
    call_text_end(files, &place->text);
}

/* ---- targets ---- */

int target_begin_descriptor(const struct files *files, struct target *target, uint64_t descriptor) {
    target->path = (struct path){.mount = NULL};
    return get_file(files, descriptor, &target->file);
}

static int walk_to(const struct files *files, struct target *target, const struct place *place, uint32_t flags) {
    uint32_t how = (flags & LINUX_AT_SYMLINK_NOFOLLOW) != 0 ? 0 : WALK_FOLLOW;
    how |= (flags & LINUX_AT_EMPTY_PATH) != 0 ? WALK_EMPTY : 0;
    target->file = NULL;
    vfs_lock(files->vfs);
    int status = walk(files->caller, &place->path, how, &target->path);
    vfs_unlock(files->vfs);
    return status;
}

int target_begin(const struct files *files, struct target *target, uint64_t folder, uint64_t address, uint32_t flags) {
    struct place place;
    int status = begin(files, &place, folder, address, flags);
    if (status != 0)
        return status;
    if (place.path.text[0] == 0 && (flags & LINUX_AT_EMPTY_PATH) != 0 && place.folder != NULL) {
        *target = (struct target){.file = place.folder};
        place.folder = NULL; /* the reference is the target's now */
    } else {
        status = walk_to(files, target, &place, flags);
    }
    place_end(files, &place);
    return status;
}

void target_end(const struct files *files, struct target *target) {
    if (target->file != NULL) {
        file_unref(target->file);
        return;
    }
    vfs_lock(files->vfs);
    path_unref(&target->path);
    vfs_unlock(files->vfs);
}

struct inode *target_inode(const struct target *target) {
    return target->file != NULL ? target->file->inode : target->path.dentry->inode;
}

const struct path *target_path(const struct target *target) {
    if (target->file == NULL)
        return &target->path;
    return target->file->path.mount != NULL ? &target->file->path : NULL;
}
