/*
 * A process for tests of the system calls on files: its memory, its descriptors, its threads and its clock.
 *
 * Its memory is one arena at a fixed address; all else is none of its. A page of it may be missing until it is brought in. The
 * clock stands still but for a microsecond each time that somebody looks, and jumps when the only thread sleeps; where
 * nothing would ever wake that thread, a signal does. With several threads they really sleep and wake, and no time passes.
 */
#ifndef GROVE_POSIX_FILES_TEST_HOST_H
#define GROVE_POSIX_FILES_TEST_HOST_H

#include "kernel/core/test/unit.h"
#include "kernel/services/posix/files/calls.h"
#include "kernel/services/posix/files/current.h"
#include "kernel/services/vfs/tmpfs.h"

#define ARENA_ADDRESS UINT64_C(0x7e9000000000)
#define ARENA_PAGES 16u
#define ARENA_BYTES ((size_t)ARENA_PAGES * VFS_PAGE_BYTES)
#define HOST_DESCRIPTORS 40u

struct host {
    struct vfs_machine machine;
    struct vfs vfs;
    struct file_system *system;
    struct view view;
    struct path root;
    struct caller caller;
    struct descriptors descriptors;
    uint64_t held; /* pieces of memory and pages that are not given back; atomic */
    uint64_t requests_left; /* requests for memory that succeed; UINT64_MAX: all */
    uint64_t now_ns;
    bool has_threads;
    uint32_t broken_pipes; /* SIGPIPEs */
};
extern struct host host;

/* The arena, mapped once; all zero. */
uint8_t *host_arena(void);
/* The next copy to or from any page of it finds the page missing. */
void host_evict(void);
/* A tmpfs with these limits as the root, no descriptors. */
void host_begin(const struct tmpfs_limits *limits);
/* Fails if anything is left. */
void host_end(void);

/* What the clock's interrupt would do by now. */
void host_fire_timers(void);

/* A call by its name, with its arguments. */
#define CALL(name, ...) system_call_##name((const uint64_t[6]){__VA_ARGS__})
/* A text in the arena, at this offset. Returns its address. */
uint64_t host_text(uint32_t offset, const char *text);
static inline uint64_t host_address(uint32_t offset) {
    return ARENA_ADDRESS + offset;
}

#endif
