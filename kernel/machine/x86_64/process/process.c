/* The first program, and the services beside it: see process.h. */
#include "kernel/machine/x86_64/process/process.h"

#include "kernel/core/machine.h"
#include "kernel/machine/x86_64/mm/memory.h"
#include "kernel/machine/x86_64/module/modules.h"
#include "kernel/machine/x86_64/process/root.h"
#include "kernel/machine/x86_64/process/services.h"
#include "kernel/machine/x86_64/process/terminal.h"
#include "kernel/machine/x86_64/thread/machine.h"
#include "kernel/services/posix/alarm.h"
#include "kernel/services/posix/execute.h"
#include "kernel/services/posix/inside.h"
#include "kernel/services/posix/machine.h"
#include "kernel/services/vfs/errors.h"

#include <string.h>

#define ARGUMENTS_MAX 32u
#define LINE_BYTES 512u
#define SIGNAL_STATUS 128
#define SIGNAL_MASK 0x7f
#define PROCESSES_MAX 16384u
#define FRAMES_FOR_PROCESS 8u /* as much memory as one needs at least, and more */

static struct {
    const char *path;
    const char *arguments[ARGUMENTS_MAX + 1];
    char line[LINE_BYTES];
    struct process *process;
    int status;
    struct spinlock lock; /* of the rest */
    struct wait_queue ended;
    bool has_ended;
    int32_t exit_status;
} first;

void machine_end(int32_t status) {
    spinlock_lock(&first.lock);
    first.has_ended = true;
    first.exit_status = status;
    wait_wake(&first.ended);
    spinlock_unlock(&first.lock);
}

void process_prepare(void) {
    struct thread *thread;
    processes_prepare();
    if (thread_create_kernel(alarms_run, NULL, &thread) < 0)
        machine_panic("no memory for alarms");
    thread_start(thread);
    if (root_prepare() < 0)
        machine_panic("no memory for the console's terminal");
}

/* The words of the line, behind the path. */
static int split(const char *line) {
    uint32_t count = 1;
    char *at = first.line;
    if (strlen(line) >= LINE_BYTES)
        return -LINUX_E2BIG;
    memcpy(first.line, line, strlen(line) + 1);
    first.arguments[0] = first.path;
    for (;;) {
        while (*at == ' ')
            *at++ = 0;
        if (*at == 0)
            break;
        if (count == ARGUMENTS_MAX)
            return -LINUX_E2BIG;
        first.arguments[count++] = at;
        while (*at != 0 && *at != ' ')
            at++;
    }
    first.arguments[count] = NULL;
    return 0;
}

static void begin(void *unused) {
    static const char *const environment[] = {"HOME=/", "TERM=linux", NULL};
    struct thread *self = thread_current();
    (void)unused;
    self->process = first.process;
    thread_use_space();
    first.status = process_execute(first.path, first.arguments, environment);
    if (first.status == 0)
        thread_go_to_user();
}

static void wait_for_end(void) {
    spinlock_lock(&first.lock);
    while (!first.has_ended)
        thread_sleep_firmly(&first.ended, &first.lock);
    spinlock_unlock(&first.lock);
}

static int start(const struct caller *caller) {
    struct thread *thread = NULL;
    int status = process_create_first(caller, &first.process);
    if (status < 0)
        return status;
    status = console_terminals_open(caller, &first.process->descriptors);
    if (status == 0)
        status = thread_create_kernel(begin, NULL, &thread);
    if (status < 0) {
        process_destroy_unborn(first.process);
        return status;
    }
    status = process_begin(first.process, NULL, thread);
    if (status < 0) {
        thread_discard(thread);
        process_destroy_unborn(first.process);
        return status;
    }
    thread_start(thread);
    return 0;
}

static uint32_t processes_max(void) {
    struct memory_usage usage;
    memory_usage(&usage);
    uint64_t count = usage.free_frames / FRAMES_FOR_PROCESS;
    return count < PROCESSES_MAX ? (uint32_t)count : PROCESSES_MAX;
}

static int run_first(const struct caller *caller) {
    int status = start(caller);
    if (status < 0)
        return status;
    wait_for_end();
    return first.status;
}

/* Services begin behind process 1, which so has that number, and end after it; without one they end when somebody says so. */
static int run_with_services(const struct caller *caller, const char *spec) {
    int status = services_begin(caller);
    if (status < 0)
        return status;
    if (first.path != NULL)
        status = start(caller);
    bool is_up = status == 0 && services_boot(spec);
    if (status == 0 && first.path != NULL) {
        wait_for_end();
        status = first.status;
    } else if (is_up) {
        services_wait();
    } else if (status == 0) {
        status = -LINUX_ENOENT;
    }
    services_end();
    return status;
}

int process_run(const struct process_plan *plan, int *exit_status) {
    struct caller caller = {0};
    first.path = plan->path;
    int status = split(plan->line);
    if (status == 0)
        status = root_begin(plan->archive, plan->archive_bytes, &caller);
    if (status < 0)
        return status;
    processes_init(caller.vfs, processes_max());
    modules_load_asked_for(&caller);
    status = plan->services != NULL ? run_with_services(&caller, plan->services) : run_first(&caller);
    modules_end();
    threads_trim();
    console_terminals_drain();
    root_end();
    int32_t word = first.exit_status;
    *exit_status = (word & SIGNAL_MASK) != 0 ? SIGNAL_STATUS + (word & SIGNAL_MASK) : word >> 8 & 0xff;
    return status;
}
