/*
 * Stopping and going on: job control's half of signals.
 *
 * A stop is asked for by setting stop_signal and interrupting every thread; each one sleeps here on its way back to user
 * mode until the signal is gone. The process is stopped once all of its threads are. One that is frozen too stays stopped
 * meanwhile, and its parent hears of nothing.
 */
#include "kernel/machine/bare/thread/thread.h"
#include "kernel/services/posix/deliver.h"
#include "kernel/services/posix/freeze.h"
#include "kernel/services/posix/inside.h"

void process_stop(struct process *process, int signal) {
    process->stop_signal = signal;
    process->is_stop_reported = false;
    process->is_continued = false;
    for (struct list *link = process->threads.next; link != &process->threads; link = link->next)
        thread_interrupt(list_item(link, struct process_thread, link)->thread);
}

void process_check_stop(struct process *process) {
    if (process->stop_signal != 0 && process->thread_count > 0 && process->stopped_threads == process->thread_count)
        process_tell_parent(process, LINUX_CLD_STOPPED, process->stop_signal);
}

void thread_stop_here(struct process_thread *part) {
    struct process *process = part->process;
    part->is_stopped = true;
    process->stopped_threads++;
    process_check_stop(process);
    while (process->stop_signal != 0 && !process_must_end(part)) {
        if (freezer_wants(part)) {
            freezer_stand_here(part);
            continue;
        }
        /* Signals come and wait; only what is looked at here ends the stop. */
        __atomic_store_n(&part->thread->is_interrupted, false, __ATOMIC_RELAXED);
        (void)thread_sleep(&process->continued, &processes.lock, WAIT_FOREVER);
    }
    part->is_stopped = false;
    process->stopped_threads--;
}
