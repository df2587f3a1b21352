/* Another thread of a program, and what a thread says about itself: clone(2) as far as it makes threads. */
#include "kernel/machine/bare/thread/clone.h"
#include "kernel/machine/bare/process/calls.h"
#include "kernel/machine/bare/process/user_memory.h"
#include "kernel/machine/bare/thread/thread.h"
#include "kernel/services/vfs/errors.h"

#define NEEDED (CLONE_MEMORY | CLONE_FOLDERS | CLONE_FILES | CLONE_SIGNALS | CLONE_THREAD)
/* Undo lists of semaphores there are none; "detached" asks for nothing since long. */
#define ALLOWED \
    (NEEDED | CLONE_SEMAPHORES | CLONE_POINTER | CLONE_PARENT_NUMBER | CLONE_CHILD_CLEAR | CLONE_DETACHED | \
     CLONE_CHILD_NUMBER | CLONE_EXIT_SIGNAL)

static void prepare(struct thread *thread, uint64_t flags, uint64_t stack, uint64_t child_at, uint64_t pointer) {
    thread_set_result(thread, 0);
    if (stack != 0)
        thread_set_stack(thread, stack);
    if ((flags & CLONE_POINTER) != 0)
        thread_set_pointer(thread, pointer);
    if ((flags & CLONE_CHILD_CLEAR) != 0)
        thread->clear_at = child_at;
}

/* The number is told before the thread begins, so that it finds it. An address that is none is not told, as on Linux. */
static void tell_number(uint64_t flags, int32_t number, uint64_t parent_at, uint64_t child_at) {
    if ((flags & CLONE_PARENT_NUMBER) != 0)
        (void)process_write(parent_at, &number, sizeof(number));
    if ((flags & CLONE_CHILD_NUMBER) != 0)
        (void)process_write(child_at, &number, sizeof(number));
}

int64_t thread_clone(uint64_t flags, uint64_t stack, uint64_t parent_at, uint64_t child_at, uint64_t pointer) {
    struct thread *self = thread_current(), *thread;
    int32_t number = 0;
    if ((flags & NEEDED) != NEEDED || (flags & ~ALLOWED) != 0)
        return -LINUX_EINVAL;
    int status = thread_create(self->process, thread_user_registers(self), &thread);
    if (status < 0)
        return status;
    prepare(thread, flags, stack, child_at, pointer);
    status = process_add_thread(self->process, thread, &number);
    if (status < 0) {
        thread_discard(thread);
        return status;
    }
    tell_number(flags, number, parent_at, child_at);
    thread_start(thread);
    return number;
}

int64_t system_call_gettid(const uint64_t arguments[6]) {
    (void)arguments;
    return thread_current()->number;
}

int64_t system_call_set_tid_address(const uint64_t arguments[6]) {
    struct thread *self = thread_current();
    self->clear_at = arguments[0];
    return self->number;
}
