/* `panic-after=RECORDS`: a panic while services run, once the audit log has so many records: what it knows of them is its last words. */
#include "kernel/core/machine.h"
#include "kernel/machine/bare/boot/options.h"
#include "kernel/machine/bare/thread/thread.h"
#include "kernel/machine/x86_64/panic/panic.h"
#include "kernel/machine/x86_64/test/tests.h"
#include "kernel/services/containers/containers.h"

#define LOOK_NS UINT64_C(5000000)

static uint64_t wanted;

static uint64_t last_sequence(void) {
    struct grove_audit_record record;
    return containers_last_audit(&record, 1) == 1 ? record.sequence : 0;
}

static void run(void *unused) {
    static const bool never;
    (void)unused;
    while (last_sequence() < wanted)
        (void)thread_sleep_unless(&never, clock_now_ns() + LOOK_NS);
    panic("a fault made on purpose, while services run");
}

void late_panic_start(const char *command_line) {
    struct thread *thread;
    if (!options_number(command_line, "panic-after", &wanted))
        return;
    if (thread_create_kernel(run, NULL, &thread) < 0)
        machine_panic("no memory for the thread that panics");
    thread_start(thread);
}
