/* exit(2), exit_group(2), and a fault that nobody mended. */
#include "kernel/machine/bare/process/calls.h"
#include "kernel/machine/bare/thread/thread.h"
#include "kernel/services/posix/inside.h"

static int32_t status_of(uint64_t code) {
    return (int32_t)(code & 0xff) << 8;
}

/* Only this thread; the status counts if it is the last one. */
int64_t system_call_exit(const uint64_t arguments[6]) {
    struct process *process = process_current();
    processes_lock();
    if (process->state == PROCESS_LIVES)
        process->exit_status = status_of(arguments[0]);
    processes_unlock();
    thread_exit();
}

int64_t system_call_exit_group(const uint64_t arguments[6]) {
    processes_lock();
    process_end_all(process_current(), status_of(arguments[0]));
    processes_unlock();
    thread_exit();
}

int process_fault(struct thread *thread, int signal, int code, uint64_t address) {
    struct signal_info info = {.signal = signal, .code = code};
    (void)thread;
    info.fault.address = address;
    signal_force(signal, &info);
    return 0;
}
