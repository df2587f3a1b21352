/*
 * What the file system layer needs of the machine under it, handed in when it is set up. Nothing else of the machine is
 * called, so the same code runs in unit tests on any computer.
 *
 * All but `sleep` are called with spin locks held: they do not wait, and take no lock of this layer.
 */
#ifndef GROVE_VFS_MACHINE_H
#define GROVE_VFS_MACHINE_H

#include "kernel/machine/bare/wait/wait.h"

#include <stddef.h>
#include <stdint.h>

struct vfs_machine {
    /* Memory with undefined contents, aligned for any type; NULL when there is none. */
    void *(*take)(void *context, size_t size_bytes);
    /* size_bytes is what was asked for. */
    void (*give_back)(void *context, void *memory, size_t size_bytes);
    /*
     * A page of VFS_PAGE_BYTES zeros; NULL when there is none. Where files can be mapped it is a counted page
     * (kernel/machine/bare/mm/pages.h), and the next is page_unref.
     */
    void *(*take_page)(void *context);
    /* The file's hold on the page ends; a program that has it mapped may keep it. */
    void (*give_page_back)(void *context, void *page);
    /* Nanoseconds since 1970. */
    int64_t (*now_ns)(void *context);
    /* Unpredictable bytes. */
    void (*fill_random)(void *context, void *bytes, size_t size_bytes);
    /*
     * Wait until the queue is woken. `held` is given up while waiting and is held again after that. Returns 0, and also
     * without a reason, so callers look again; -LINUX_EINTR when a signal came.
     */
    int (*sleep)(void *context, struct wait_queue *queue, struct spinlock *held);
    /* The same without an end by a signal: for what others give up soon. NULL: `sleep` never ends by one. */
    void (*sleep_firmly)(void *context, struct wait_queue *queue, struct spinlock *held);
    /* Wake all that wait there. The lock that they gave up is held. */
    void (*wake)(void *context, struct wait_queue *queue);
    /*
     * As sleep, but no longer than until a moment of clock_ns: -LINUX_ETIMEDOUT. Both are needed by terminals and sockets
     * only, so who has none may leave them out.
     */
    int (*sleep_until)(void *context, struct wait_queue *queue, struct spinlock *held, uint64_t until_ns);
    /* Nanoseconds since some moment; it never goes back. */
    uint64_t (*clock_ns)(void *context);
    /* The moment from which a time-out of the current call counts, if it is another: a call that is made again goes on. May be NULL. */
    uint64_t (*call_began_ns)(void *context);
    void *context;
};

static inline void machine_sleep_firmly(const struct vfs_machine *machine, struct wait_queue *queue,
                                        struct spinlock *held) {
    if (machine->sleep_firmly != NULL)
        machine->sleep_firmly(machine->context, queue, held);
    else
        (void)machine->sleep(machine->context, queue, held);
}

#define MACHINE_FOREVER UINT64_MAX

/* Sleep until woken, or a moment that may be MACHINE_FOREVER. */
static inline int machine_sleep_until(const struct vfs_machine *machine, struct wait_queue *queue,
                                      struct spinlock *held, uint64_t until_ns) {
    if (until_ns == MACHINE_FOREVER)
        return machine->sleep(machine->context, queue, held);
    return machine->sleep_until(machine->context, queue, held, until_ns);
}

static inline void *machine_take(const struct vfs_machine *machine, size_t size_bytes) {
    return machine->take(machine->context, size_bytes);
}

static inline void machine_give_back(const struct vfs_machine *machine, void *memory, size_t size_bytes) {
    machine->give_back(machine->context, memory, size_bytes);
}

#endif
