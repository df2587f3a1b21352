/*
 * epoll(7): a set of files that are watched, and those of them in which something may have happened.
 *
 * An item is a file under a descriptor's number. Its entries wait in the file's queues and, when told, put it in the ready
 * list; whoever waits asks the files in that list and tells of those that have something. An item goes back into the list
 * after that, unless it is for edges or for once.
 *
 * An item holds no reference on its file: it goes when the file does (struct file_watch). Epolls may watch each other, five
 * deep; a circle is refused.
 *
 * Locks, outer first: epoll.scanning (may wait; that of an epoll before that of one that it watches)  >  nests  and the locks
 * of files and queues  >  epoll.lock  >  the scheduler's.
 */
#ifndef GROVE_POSIX_FILES_EPOLL_H
#define GROVE_POSIX_FILES_EPOLL_H

#include "kernel/machine/bare/tree/tree.h"
#include "kernel/services/posix/files/nameless.h"

#define EPOLL_ITEMS_MAX 65536u
#define EPOLL_NESTS_MAX 4u

#define LINUX_EPOLLEXCLUSIVE (1u << 28)
#define LINUX_EPOLLWAKEUP (1u << 29)
#define LINUX_EPOLLONESHOT (1u << 30)
#define LINUX_EPOLLET (1u << 31)
#define EPOLL_HOW (LINUX_EPOLLEXCLUSIVE | LINUX_EPOLLWAKEUP | LINUX_EPOLLONESHOT | LINUX_EPOLLET)

struct epoll {
    struct vfs *vfs;
    struct sleep_lock scanning; /* one changes the set or asks those that are ready */
    struct spinlock lock; /* all below */
    struct tree_node *items;
    uint32_t count;
    uint32_t holders; /* items, and 1 until it is closed: the last one gives the memory back */
    struct list ready;
    uint64_t scan; /* number of the latest */
    struct wait_queue changed; /* who waits for the ready list, and who watches this epoll */
    struct list watches_epolls, watched_by; /* items; guarded by nests */
};

enum epoll_reason { EPOLL_MAY_READ = 1, EPOLL_MAY_WRITE = 2, EPOLL_ANY = 3 };

struct epoll_item;
struct epoll_entry {
    struct wait_entry entry; /* first */
    struct epoll_item *item;
    uint32_t reason; /* enum epoll_reason */
};

struct epoll_item {
    struct file_watch watch;
    struct epoll_entry entries[FILE_QUEUES]; /* on the file's queues, from the item's beginning to its end */
    struct epoll *epoll; /* held */
    struct open_file *file;
    int32_t number;
    struct list as_watcher, as_watched; /* of an epoll that is watched; guarded by nests */

    /* Guarded by the epoll's lock. */
    struct tree_node node;
    struct list ready;
    bool is_member;
    uint32_t references; /* being a member, having a watch, being asked */
    uint32_t events; /* as wanted, EPOLL_HOW included */
    uint64_t data;
    uint32_t reasons; /* why it is in the ready list */
    uint64_t scanned; /* in which scan last */
};

extern const struct file_operations epoll_operations;

/* A new one; NULL without memory. */
struct epoll *epoll_create(struct vfs *vfs);
/* All items go. Somebody may be about to notice that an item's file ends; the memory goes after that. */
void epoll_close(struct epoll *epoll);

/*
 * With `scanning` held: add, change, remove. `file` is held by the caller. -LINUX_EEXIST, ENOENT, EINVAL, ELOOP, ENOSPC,
 * ENOMEM.
 */
int epoll_add(struct epoll *epoll, struct open_file *file, int32_t number, const struct linux_epoll_event *event);
int epoll_change(struct epoll *epoll, struct open_file *file, int32_t number, const struct linux_epoll_event *event);
int epoll_remove(struct epoll *epoll, struct open_file *file, int32_t number);

/* Ask those that may be ready, with `scanning` held; up to `most` events are written to the program. How many, or -LINUX_EFAULT. */
int64_t epoll_collect(struct epoll *epoll, uint64_t to, uint32_t most);

/* For the parts of it. One reference less; no lock is held. */
void epoll_item_drop(struct epoll_item *item);
/* LINUX_POLL bits of an item's file that are wanted; 0: it ends. No spin lock is held. */
uint32_t epoll_item_ask(struct epoll_item *item, uint32_t wanted);

/* An item of an epoll is to watch another one, or does so no more: see epoll_nests.c. -LINUX_ELOOP. */
int epoll_nests_add(struct epoll_item *item, struct epoll *watched);
void epoll_nests_remove(struct epoll_item *item);

#endif
