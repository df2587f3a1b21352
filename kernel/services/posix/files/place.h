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

/* `folder` is a descriptor or LINUX_AT_FDCWD. An empty path with a folder's descriptor is for WALK_EMPTY. Also -LINUX_EBADF. */
int place_begin(const struct files *files, struct place *place, uint64_t folder, uint64_t address);
void place_end(const struct files *files, struct place *place);

/* What a call names by path, or by descriptor with an empty path, and works on then. */
struct target {
    struct open_file *file; /* counted, if it was named by descriptor; it may have no path */
    struct path path; /* counted, if it was named by path */
};

/* `flags` are LINUX_AT_SYMLINK_NOFOLLOW and LINUX_AT_EMPTY_PATH. Errors as above and of walk. */
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
