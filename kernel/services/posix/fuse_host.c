/* What file systems of programs need of processes: see kernel/services/fuse/fuse.h. */
#include "kernel/services/posix/fuse_host.h"

#include "kernel/machine/bare/thread/thread.h"
#include "kernel/services/fuse/fuse.h"
#include "kernel/services/posix/inside.h"
#include "kernel/services/vfs/errors.h"

static void who(struct fuse_caller *caller) {
    const struct process *process = thread_current()->process;
    if (process == NULL)
        return;
    *caller = (struct fuse_caller){
        .user = process->caller.identity.user, .group = process->caller.identity.group, .process = process->id};
}

static int get_file(uint32_t number, struct open_file **file) {
    return descriptors_get(&process_current()->descriptors, number, file);
}

static bool must_end(void) {
    const struct process_thread *part = thread_current()->of_process;
    if (part == NULL)
        return false;
    processes_lock();
    bool is_ending = process_must_end(part);
    processes_unlock();
    return is_ending;
}

/* Is there anything to be done on the way back to user mode? */
static bool has_news(const struct process_thread *part) {
    processes_lock();
    bool is_so =
        process_must_end(part) || part->process->stop_signal != 0 || (signals_waiting(part) & ~part->blocked) != 0;
    processes_unlock();
    return is_so;
}

/*
 * Signals that wait for the way back to user mode are put aside: their mark goes before the sleep, and comes again after it. The
 * end of the process sets the mark too, after it is decided; so it is looked at after the mark went.
 */
static int sleep_unless_killed(struct wait_queue *queue, struct spinlock *held) {
    struct thread *self = thread_current();
    if (self->of_process == NULL) {
        thread_sleep_firmly(queue, held);
        return 0;
    }
    __atomic_store_n(&self->is_interrupted, false, __ATOMIC_SEQ_CST);
    bool is_ending = must_end();
    if (!is_ending)
        (void)thread_sleep(queue, held, WAIT_FOREVER);
    if (is_ending || has_news(self->of_process))
        __atomic_store_n(&self->is_interrupted, true, __ATOMIC_SEQ_CST);
    return is_ending ? -LINUX_EINTR : 0;
}

const struct fuse_host posix_fuse_host = {
    .who = who, .get_file = get_file, .sleep = sleep_unless_killed, .must_end = must_end};
