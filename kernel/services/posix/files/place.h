/* Paths and descriptors as calls give them, until they are places of the file system layer. */
#ifndef GROVE_POSIX_FILES_PLACE_H
#define GROVE_POSIX_FILES_PLACE_H

#include "kernel/services/posix/files/calls.h"
#include "kernel/services/posix/files/current.h"
#include "kernel/services/vfs/walk.h"

#define LINUX_AT_FDCWD (-100)
#define PLACE_TEXT_BYTES 128u

/* A text of the program's, at most VFS_PATH_MAX bytes with its end. Short ones need no memory. */
struct call_text {
    char *long_text; /* NULL: it is in short_text */
    char short_text[PLACE_TEXT_BYTES];
};

/* -LINUX_EFAULT, ENAMETOOLONG, ENOMEM; then nothing is to be given back. */
int call_text_begin(const struct files *files, struct call_text *text, uint64_t address);
void call_text_end(const struct files *files, struct call_text *text);
static inline const char *call_text(const struct call_text *text) {
    return text->long_text != NULL ? text->long_text : text->short_text;
}

/* A folder's descriptor and a path from there on. */
struct place {
    struct call_text text;
    struct open_file *folder; /* counted; NULL: the caller's folder, or the path does not need one */
    struct path start; /* the folder's */
    struct walk_path path;
};

/* `folder` is a descriptor or LINUX_AT_FDCWD. Also -LINUX_EBADF; -LINUX_ENOENT: the path is empty. */
int place_begin(const struct files *files, struct place *place, uint64_t folder, uint64_t address);
/* In two steps, for calls that look at two texts before they look at folders. An empty path is for WALK_EMPTY. */
int place_begin_text(const struct files *files, struct place *place, uint64_t address, bool may_be_empty);
int place_begin_folder(const struct files *files, struct place *place, uint64_t folder);
void place_end(const struct files *files, struct place *place);

/* What a call names by path, or by descriptor with an empty path, and works on then. */
struct target {
    struct open_file *file; /* counted, if it was named by descriptor; it may have no path */
    struct path path; /* counted, if it was named by path */
};

/* With LINUX_AT_EMPTY_PATH: an address of 0 is an empty path. */
#define TARGET_MAY_BE_NULL 0x80000000u

/* `flags` are LINUX_AT_SYMLINK_NOFOLLOW, LINUX_AT_EMPTY_PATH and TARGET_MAY_BE_NULL. Errors as above and of walk. */
int target_begin(const struct files *files, struct target *target, uint64_t folder, uint64_t address, uint32_t flags);
int target_begin_descriptor(const struct files *files, struct target *target, uint64_t descriptor);
void target_end(const struct files *files, struct target *target);
/* NULL: a file without an inode. */
struct inode *target_inode(const struct target *target);
/* Its place in the tree; NULL for files that have none. */
const struct path *target_path(const struct target *target);

static inline int get_file(const struct files *files, uint64_t descriptor, struct open_file **file) {
    return descriptors_get(files->descriptors, (uint32_t)descriptor, file);
}
/* As get_file, but for calls that O_PATH descriptors are not good for. */
int get_usable_file(const struct files *files, uint64_t descriptor, struct open_file **file);

#endif
