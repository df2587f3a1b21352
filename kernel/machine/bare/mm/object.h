/*
 * Memory objects: what can be mapped into programs. A program's own private memory needs none; shared memory, a file, a
 * piece of memory that is there anyway (an image of a program in the initramfs, a device) is an object.
 *
 * An object is counted: each area that maps it holds a reference, and whoever made or found it. It has pages by number,
 * from 0 on. Its identity is its address: two programs that wait on a word of the same object meet (futex.h).
 *
 * Locks, outer first: a space's lock, an object's `mappings_lock`, a space's `tables_lock`. `get_page` is called with a
 * space's lock held in common, and may sleep; it must not touch a program's memory.
 */
#ifndef GROVE_BARE_OBJECT_H
#define GROVE_BARE_OBJECT_H

#include "kernel/core/list.h"
#include "kernel/machine/bare/mm/pages.h"
#include "kernel/machine/bare/mm/share_lock.h"

#include <stdbool.h>

struct memory_object;

struct memory_object_operations {
    /*
     * The page with this number, with a reference for the caller; made if it is a hole. For an object whose pages are kept
     * (is_kept) without. is_write: it will be written to through a shared mapping. -LINUX_EFAULT: it lies behind the
     * end; -LINUX_ENOMEM; -LINUX_ENOSPC: the file system is full. The program gets SIGBUS for the first and the last.
     */
    int (*get_page)(struct memory_object *object, uint64_t index, bool is_write, uint64_t *physical);
    /* The same for a page that is there already, without waiting. False: it is not, or it is behind the end. NULL: never. */
    bool (*find_page)(struct memory_object *object, uint64_t index, uint64_t *physical);
    /*
     * One more shared mapping that may be written to, now or after mprotect, is to be made; it is in `writers` already.
     * -LINUX_EPERM. NULL: allowed.
     */
    int (*check_writer)(struct memory_object *object);
    /* The last reference is gone. */
    void (*release)(struct memory_object *object);
};

struct memory_object {
    const struct memory_object_operations *operations;
    uint32_t references; /* atomic */
    uint32_t flags; /* enum page_flags that each mapping of it has: PAGE_UNCACHED, PAGE_KEPT */
    uint32_t cuts; /* how often pages were taken away; atomic */
    uint32_t writers; /* areas that may write to it, now or after mprotect; atomic */
    struct share_lock mappings_lock;
    struct list mappings; /* struct area, by `mapping` */
};

/* One reference. */
void memory_object_init(struct memory_object *object, const struct memory_object_operations *operations,
                        uint32_t flags);
struct memory_object *memory_object_ref(struct memory_object *object);
/* May sleep. Does nothing for NULL. */
void memory_object_unref(struct memory_object *object);
/* For who finds objects without a reference, under a lock that `release` takes too. False: its end has begun. */
bool memory_object_try_ref(struct memory_object *object);

/*
 * The object's pages from number `first` on below `end` are gone, or others now: take them out of all programs, copies in
 * private mappings too, as truncation does. To be called after the change; may sleep.
 */
void memory_object_cut(struct memory_object *object, uint64_t first, uint64_t end);

/* ---- kinds that need nothing but memory; all have one reference. -LINUX_ENOMEM ---- */

/* Pages of zeros, shared by who maps it, behind the end SIGBUS. They are charged to the account. */
int memory_shared_create(struct memory_account *account, uint64_t pages, struct memory_object **object);
/* A copy, page by page, of bytes that stay where they are, and zeros behind them. For private mappings only. */
int memory_image_create(const void *image, uint64_t size_bytes, struct memory_account *account,
                        struct memory_object **object);
/* Physical memory that is there anyway: a device (with PAGE_UNCACHED), or pages of the kernel that programs may read. */
int memory_fixed_create(uint64_t physical, uint64_t pages, uint32_t flags, struct memory_object **object);

#endif
