/* What the memory of programs asks of threads, while there is one program at a time and no thread to wait for. */
#include "kernel/machine/bare/thread/thread.h"

#include "kernel/core/machine.h"

static struct thread only;

struct thread *thread_current(void) {
    return &only;
}

void thread_sleep_firmly(struct wait_queue *queue, struct spinlock *held) {
    (void)queue;
    (void)held;
    machine_panic("the only thread waits for another");
}

struct thread *process_thread_of(struct process *process, int32_t number) {
    (void)process;
    (void)number;
    return NULL;
}
