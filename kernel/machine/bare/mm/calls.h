/*
 * What the system calls about memory do, with Linux's checks in Linux's order (man 2 mmap and its neighbours), on a space
 * and an object instead of numbers of descriptors. Each returns what the program sees: a result, or the negative of an
 * enum linux_error. All may sleep.
 *
 * What differs from Linux on purpose: memory that is writable and executable at once is refused with EACCES; programs that
 * make code at run time write it first and then change its protection. MADV_FREE frees at once.
 */
#ifndef GROVE_BARE_MEMORY_CALLS_H
#define GROVE_BARE_MEMORY_CALLS_H

#include "kernel/machine/bare/mm/space.h"

/* mmap */
#define LINUX_MAP_SHARED 0x01u
#define LINUX_MAP_PRIVATE 0x02u
#define LINUX_MAP_SHARED_VALIDATE 0x03u
#define LINUX_MAP_TYPE 0x0fu
#define LINUX_MAP_FIXED 0x10u
#define LINUX_MAP_ANONYMOUS 0x20u
#define LINUX_MAP_GROWSDOWN 0x100u
#define LINUX_MAP_DENYWRITE 0x800u
#define LINUX_MAP_EXECUTABLE 0x1000u
#define LINUX_MAP_LOCKED 0x2000u
#define LINUX_MAP_NORESERVE 0x4000u
#define LINUX_MAP_POPULATE 0x8000u
#define LINUX_MAP_NONBLOCK 0x10000u
#define LINUX_MAP_STACK 0x20000u
#define LINUX_MAP_HUGETLB 0x40000u
#define LINUX_MAP_FIXED_NOREPLACE 0x100000u

/* mprotect, mremap, madvise, msync, mlock2, mlockall */
#define LINUX_PROT_GROWSDOWN 0x01000000u
#define LINUX_PROT_GROWSUP 0x02000000u
#define LINUX_MREMAP_MAYMOVE 1u
#define LINUX_MREMAP_FIXED 2u
#define LINUX_MREMAP_DONTUNMAP 4u
#define LINUX_MS_ASYNC 1u
#define LINUX_MS_INVALIDATE 2u
#define LINUX_MS_SYNC 4u
#define LINUX_MLOCK_ONFAULT 1u
#define LINUX_MCL_CURRENT 1u
#define LINUX_MCL_FUTURE 2u
#define LINUX_MCL_ONFAULT 4u

/*
 * The file that mmap is called with, as whoever knows descriptors found it. With `status` not 0 mmap returns that where
 * Linux would look at the descriptor.
 */
struct memory_call_file {
    int status; /* -LINUX_EBADF and its like */
    struct memory_object *object; /* the caller's reference; NULL: it cannot be mapped, -LINUX_ENODEV */
    bool can_read, can_write; /* how it is open */
    bool is_not_executable; /* its mount forbids it */
    bool is_sealed; /* against shared mappings that can be written to */
};

/* `file` is looked at without MAP_ANONYMOUS only. The six arguments are mmap's, the descriptor left out. */
int64_t memory_call_map(struct space *space, uint64_t start, uint64_t size_bytes, uint64_t protection, uint64_t flags,
                        const struct memory_call_file *file, uint64_t offset);
int64_t memory_call_unmap(struct space *space, uint64_t start, uint64_t size_bytes);
int64_t memory_call_protect(struct space *space, uint64_t start, uint64_t size_bytes, uint64_t protection);
int64_t memory_call_remap(struct space *space, uint64_t old_start, uint64_t old_bytes, uint64_t new_bytes,
                          uint64_t flags, uint64_t new_start);
int64_t memory_call_break(struct space *space, uint64_t end);
int64_t memory_call_advise(struct space *space, uint64_t start, uint64_t size_bytes, uint64_t advice);
int64_t memory_call_sync(struct space *space, uint64_t start, uint64_t size_bytes, uint64_t flags);
/* mincore in pieces: up to `count` bytes for the pages from `start` on, which are all mapped; -LINUX_ENOMEM if one is not. */
int64_t memory_call_in_core(struct space *space, uint64_t start, uint8_t *is_there, uint64_t count);
int64_t memory_call_lock(struct space *space, uint64_t start, uint64_t size_bytes, uint64_t flags);
int64_t memory_call_unlock(struct space *space, uint64_t start, uint64_t size_bytes);
int64_t memory_call_lock_all(struct space *space, uint64_t flags);
int64_t memory_call_unlock_all(struct space *space);

#endif
