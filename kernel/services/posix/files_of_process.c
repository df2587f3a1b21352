/* What the system calls on files need of the process that makes them: see files/current.h. */
#include "kernel/services/posix/files/current.h"

#include "kernel/services/posix/process.h"
#include "kernel/services/posix/signal_mask.h"

#define SET_BYTES 8u

struct files files_of_current(void) {
    struct process *process = process_current();
    return (struct files){.vfs = processes.vfs,
                          .descriptors = &process->descriptors,
                          .caller = &process->caller,
                          .process = process->id,
                          .real_user = process->credentials.user,
                          .real_group = process->credentials.group,
                          .permitted = process->credentials.permitted};
}

int files_block_signals(uint64_t set_address, uint64_t size) {
    uint64_t blocked;
    if (set_address == 0)
        return 0;
    if (size != SET_BYTES)
        return -LINUX_EINVAL;
    if (!process_read(&blocked, set_address, sizeof(blocked)))
        return -LINUX_EFAULT;
    signal_mask_begin(blocked);
    return 0;
}

int64_t files_note_limit(const struct caller *caller, int64_t answer) {
    if (answer == -LINUX_EFBIG && caller->is_limited)
        (void)signal_send_thread(process_thread_current(), LINUX_SIGXFSZ, NULL);
    return answer;
}

void files_send_broken_pipe(void) {
    (void)signal_send_thread(process_thread_current(), LINUX_SIGPIPE, NULL);
}
