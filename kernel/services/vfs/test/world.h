/* A machine for the unit tests of the file system layer, whose memory can run out at any request, and one view to work in. */
#ifndef GROVE_VFS_TEST_WORLD_H
#define GROVE_VFS_TEST_WORLD_H

#include "kernel/core/test/unit.h"
#include "kernel/services/vfs/change.h"
#include "kernel/services/vfs/errors.h"
#include "kernel/services/vfs/open.h"
#include "kernel/services/vfs/tmpfs.h"

#define WORLD_USER 1000u

struct world {
    struct vfs_machine machine;
    struct vfs vfs;
    struct file_system *system;
    struct view view;
    struct path root;
    struct caller caller; /* has all capabilities; see world_become */
    uint64_t taken, pages; /* blocks and pages that are not given back */
    uint64_t requests_left; /* requests for memory that succeed; UINT64_MAX: all */
    int64_t now_ns; /* one more each time somebody looks */
    void (*on_sleep)(
        struct world *world); /* what others do while the caller waits; NULL: nobody will come, a signal does */
    uint32_t wakes;
};

/* A tmpfs with these limits as the root of a view. */
void world_begin(struct world *world, const struct tmpfs_limits *limits);
/* Fails the test if any memory is left over. */
void world_end(struct world *world);
/* The caller becomes an ordinary user without capabilities. */
void world_become(struct world *world, uint32_t user, uint32_t group);
void world_become_root(struct world *world);

/* A path that begins in the caller's folder. */
struct walk_path world_at(const char *text);
/* The last one that a test walked to; 0 or an error. References are given up, so it is only for looking at. */
int world_look(struct world *world, const char *text, uint32_t flags, struct path *found);
int world_make_file(struct world *world, const char *text);
int world_make_folder(struct world *world, const char *text);
int world_make_link(struct world *world, const char *target, const char *text);
/* Write and read as one call each, by inode; bytes done or an error. */
int64_t world_write(struct world *world, const char *text, uint64_t offset, const void *bytes, size_t size);
/* The same for an open file, from its position on. */
struct open_file;
int64_t world_write_file(struct world *world, struct open_file *file, const void *bytes, size_t size);
int64_t world_read_file(struct open_file *file, void *bytes, size_t size);
struct open_file *world_open(struct world *world, const char *text, uint32_t flags);
int64_t world_read(struct world *world, const char *text, uint64_t offset, void *bytes, size_t size);

#endif
