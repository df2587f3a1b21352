/*
 * What containers ask of programs (kernel/services/containers/host.h): their beginning, and what is done with all of their
 * processes at once. A program's first thread begins as the kernel's own, loads the program in its own time, and goes on in it.
 */
#include "kernel/services/posix/program.h"

#include "kernel/machine/bare/text/format.h"
#include "kernel/machine/bare/thread/thread.h"
#include "kernel/services/containers/containers.h"
#include "kernel/services/posix/execute.h"
#include "kernel/services/posix/inside.h"
#include "kernel/services/posix/machine.h"
#include "kernel/services/vfs/errors.h"

#include <stdarg.h>
#include <string.h>

#define STATUS_SIGNAL 0x7f
#define ADDED_MAX 3u /* to the environment that a spec has */
#define ADDED_BYTES 32u
enum { POLICY_OTHER = 0, POLICY_FIFO = 1, POLICY_ROUND = 2, POLICY_IDLE = 5, POLICY_DEADLINE = 6 };

program_sockets *program_listen;

static uint64_t last_id; /* guarded by the lock of containers, under which all programs begin */

static const struct vfs_machine *machine(void) {
    return processes.vfs->machine;
}

/* ---- the beginning, in the first thread ---- */

/* Both lists of texts, each with a NULL at its end. */
struct texts {
    const char *arguments[GROVE_SPEC_ARGUMENTS_MAX + 2];
    const char *environment[GROVE_SPEC_ENVIRONMENT_MAX + ADDED_MAX + 1];
    char sockets[ADDED_BYTES], process[ADDED_BYTES];
};

static void set_number(char text[ADDED_BYTES], const char *format, ...) __attribute__((format(printf, 2, 3)));

static void set_number(char text[ADDED_BYTES], const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    (void)format_text(text, ADDED_BYTES, format, arguments);
    va_end(arguments);
}

/* A program that was given no arguments has its path as its name. */
static void list_texts(const struct grove_spec *spec, uint32_t sockets, struct texts *texts) {
    uint32_t count = spec->arguments.count;
    for (uint32_t i = 0; i < count; i++)
        texts->arguments[i] = grove_spec_argument(spec, i);
    if (count == 0)
        texts->arguments[count++] = grove_spec_text(spec, spec->executable);
    texts->arguments[count] = NULL;
    for (uint32_t i = 0; i < spec->environment.count; i++)
        texts->environment[i] = grove_spec_environment(spec, i);
    count = spec->environment.count;
    if ((spec->flags & GROVE_SPEC_NOTIFY_SOCKET) != 0)
        texts->environment[count++] = "NOTIFY_SOCKET=" NOTIFY_PLACE;
    if ((spec->flags & GROVE_SPEC_LISTEN_FDS) != 0) {
        set_number(texts->sockets, "LISTEN_FDS=%u", sockets);
        set_number(texts->process, "LISTEN_PID=%d", process_current()->id);
        texts->environment[count++] = texts->sockets;
        texts->environment[count++] = texts->process;
    }
    texts->environment[count] = NULL;
}

static int load(const struct grove_spec *spec, uint32_t sockets) {
    struct texts *texts = machine_take(machine(), sizeof(*texts));
    if (texts == NULL)
        return -LINUX_ENOMEM;
    list_texts(spec, sockets, texts);
    int status = process_execute(grove_spec_text(spec, spec->executable), texts->arguments, texts->environment);
    machine_give_back(machine(), texts, sizeof(*texts));
    return status;
}

/* What its spec wants to be there before it begins. */
static int open_sockets(struct program *program, uint32_t *count) {
    struct process *process = program->first;
    *count = 0;
    if ((program->spec->flags & GROVE_SPEC_LISTEN_FDS) == 0)
        return 0;
    int status = program_listen != NULL ? program_listen(program->spec, &process->caller, &process->descriptors, count)
                                        : -LINUX_EOPNOTSUPP;
    program->failed_layer = status != 0 ? GROVE_LAYER_STREAMS : GROVE_LAYER_EXECUTE;
    return status;
}

static void run(void *argument) {
    struct program *program = argument;
    struct thread *self = thread_current();
    self->process = program->first;
    thread_use_space();
    uint32_t sockets;
    int status = open_sockets(program, &sockets);
    if (status == 0)
        status = load(program->spec, sockets);
    if (status == 0) {
        instance_runs(program->instance);
        thread_go_to_user();
    }
    processes_lock();
    program->failure = -status;
    process_end_all(program->first, LINUX_SIGKILL);
    processes_unlock();
}

/* ---- the beginning, in whoever asks ---- */

/* No rights but over files that it was granted, and no way to get more; those it has stay through execve. */
static void set_credentials(struct credentials *credentials, const struct program_plan *plan) {
    uint64_t capabilities = plan->caller.identity.capabilities & CAPABILITIES_ALL;
    *credentials = (struct credentials){.user = plan->user,
                                        .effective_user = plan->user,
                                        .saved_user = plan->user,
                                        .file_user = plan->user,
                                        .group = plan->group_id,
                                        .effective_group = plan->group_id,
                                        .saved_group = plan->group_id,
                                        .file_group = plan->group_id,
                                        .effective = capabilities,
                                        .permitted = capabilities,
                                        .inheritable = capabilities,
                                        .bounding = capabilities,
                                        .ambient = capabilities,
                                        .secure_bits = SECURE_NO_ROOT | SECURE_NO_SETUID_FIXUP,
                                        .has_no_new_privileges = true};
}

static void set_limits(struct limits *limits, const struct program_plan *plan) {
    uint64_t descriptors = plan->descriptors->limit;
    limits->of[LIMIT_DESCRIPTORS] = (struct limit_pair){descriptors, descriptors};
    limits->of[LIMIT_PROCESSES] = (struct limit_pair){LIMIT_NONE, LIMIT_NONE}; /* its account says how many */
    if (plan->file_bytes != 0)
        limits->of[LIMIT_FILE_BYTES] = (struct limit_pair){plan->file_bytes, plan->file_bytes};
}

/* From here on these are the process's; give_back_plan undoes it. */
static void take_plan(struct process *process, const struct program_plan *plan) {
    process->descriptors = *plan->descriptors;
    process->caller = plan->caller;
    set_credentials(&process->credentials, plan);
    credentials_apply(&process->credentials, &process->caller.identity);
    set_limits(&process->limits, plan);
}

static int32_t policy_of(const struct grove_schedule *schedule) {
    switch (schedule->class) {
    case GROVE_SCHEDULE_IDLE:
        return POLICY_IDLE;
    case GROVE_SCHEDULE_FIXED:
        return POLICY_FIFO;
    case GROVE_SCHEDULE_ROUND_ROBIN:
        return POLICY_ROUND;
    case GROVE_SCHEDULE_DEADLINE:
        return POLICY_DEADLINE;
    default:
        return POLICY_OTHER;
    }
}

static int schedule_thread(struct thread *thread, const struct grove_schedule *schedule) {
    int status = sched_thread_set(&thread_scheduler, &thread->sched, schedule, thread->sched.affinity);
    if (status < 0)
        return status == GROVE_EXHAUSTED ? -LINUX_EBUSY : -LINUX_EINVAL;
    thread->schedule = *schedule;
    thread->policy = policy_of(schedule);
    thread->nice = schedule->class == GROVE_SCHEDULE_FAIR ? schedule->priority : 0;
    thread->resets_schedule = false;
    return 0;
}

static int begin_thread(struct program *program, const struct program_plan *plan, struct thread **thread) {
    int status = thread_create_kernel(run, program, thread);
    if (status < 0)
        return status;
    status = schedule_thread(*thread, &plan->schedule);
    if (status == 0) {
        take_plan(program->first, plan);
        status = process_begin(program->first, NULL, *thread);
    }
    if (status < 0)
        thread_discard(*thread);
    return status;
}

/* Locked: news is told with the lock of news only, which is inside of it. */
static void stands(struct freezer *freezer) {
    instance_frozen(list_item(freezer, struct program, freezer)->instance);
}

static struct program *make(const struct program_plan *plan) {
    struct program *program = machine_take(machine(), sizeof(*program));
    if (program == NULL)
        return NULL;
    *program = (struct program){.id = ++last_id,
                                .instance = plan->instance,
                                .spec = plan->spec,
                                .failed_layer = GROVE_LAYER_EXECUTE,
                                .memory = plan->memory,
                                .processes = plan->processes,
                                .group = plan->group};
    list_init(&program->members);
    freezer_init(&program->freezer, stands);
    memory_account_ref(program->memory);
    memory_account_ref(program->processes);
    return program;
}

static void give_back(struct program *program) {
    memory_account_unref(program->processes);
    memory_account_unref(program->memory);
    machine_give_back(machine(), program, sizeof(*program));
}

/* What was the plan's is so again, so its files and folders are not given up. */
static void give_up_first(struct process *process) {
    process_memory_unref(process->memory);
    process_unref(process);
}

static int begin(void *context, const struct program_plan *plan, struct program **begun) {
    struct thread *thread = NULL;
    struct program *program = make(plan);
    (void)context;
    if (program == NULL)
        return -LINUX_ENOMEM;
    int status = process_create_contained(program, &program->first);
    if (status == 0) {
        status = begin_thread(program, plan, &thread);
        if (status < 0)
            give_up_first(program->first);
    }
    if (status < 0) {
        give_back(program);
        return status;
    }
    program->first_number = program->first->id;
    process_ref(program->first);
    *begun = program;
    thread_start(thread);
    return 0;
}

/* ---- the end ---- */

void program_over(struct program *program, int32_t status, bool lacked_memory) {
    int32_t signal = status & STATUS_SIGNAL;
    const struct instance_end end = {
        .is_signal = signal != 0, .lacked_memory = lacked_memory, .value = signal != 0 ? signal : status >> 8 & 0xff};
    if (program->failure != 0)
        instance_failed(program->instance, program->failed_layer, program->failure);
    else
        instance_ended(program->instance, &end);
}

static void forget(void *context, struct program *program) {
    (void)context;
    process_unref(program->first);
    give_back(program);
}

static void kill(void *context, struct program *program) {
    (void)context;
    processes_lock();
    program->is_ending = true;
    for (struct list *link = program->members.next; link != &program->members; link = link->next)
        process_end_all(list_item(link, struct process, in_program), LINUX_SIGKILL);
    processes_unlock();
}

/* ---- what is asked of it meanwhile ---- */

static int send(void *context, struct program *program, uint32_t signal) {
    int status = -LINUX_ESRCH;
    (void)context;
    if (signal == 0 || signal > SIGNALS)
        return -LINUX_EINVAL;
    processes_lock();
    if (program->first->program == program)
        status = signal_send_locked(program->first, NULL, (int)signal, NULL);
    processes_unlock();
    return status;
}

static int freeze(void *context, struct program *program) {
    (void)context;
    freezer_freeze(&program->freezer);
    return 0;
}

static void thaw(void *context, struct program *program) {
    (void)context;
    freezer_thaw(&program->freezer);
}

/* Locked. All threads of a process but this one. */
static void schedule_process(struct process *process, const struct thread *but, const struct grove_schedule *schedule) {
    for (struct list *link = process->threads.next; link != &process->threads; link = link->next) {
        struct thread *thread = list_item(link, struct process_thread, link)->thread;
        if (thread != but)
            (void)schedule_thread(thread, schedule);
    }
}

/* A deadline is promised to one thread, the first; the others, which it did not count with, are scheduled as usual. */
static int schedule(void *context, struct program *program, const struct grove_schedule *wanted) {
    const struct grove_schedule usual = {.class = GROVE_SCHEDULE_FAIR};
    const struct grove_schedule *of_others = wanted->class == GROVE_SCHEDULE_DEADLINE ? &usual : wanted;
    (void)context;
    processes_lock();
    struct process_thread *first = program->first->program == program
                                       ? list_first_item(&program->first->threads, struct process_thread, link)
                                       : NULL;
    int status = first != NULL ? schedule_thread(first->thread, wanted) : 0;
    for (struct list *link = program->members.next; status == 0 && link != &program->members; link = link->next)
        schedule_process(list_item(link, struct process, in_program), first != NULL ? first->thread : NULL, of_others);
    processes_unlock();
    return status;
}

/* A thread that is loading its program makes no call yet. */
static struct instance *current(void *context, uint16_t *call) {
    const struct process *process = process_current();
    (void)context;
    if (process == NULL || process->program == NULL)
        return NULL;
    int64_t number = machine_call_number(thread_current());
    *call = number >= 0 && number <= UINT16_MAX ? (uint16_t)number : 0;
    return process->program->instance;
}

static int32_t number(void *context, const struct program *program) {
    (void)context;
    return program->first_number;
}

void programs_serve(struct host_programs *programs) {
    *programs = (struct host_programs){.begin = begin,
                                       .kill = kill,
                                       .signal = send,
                                       .freeze = freeze,
                                       .thaw = thaw,
                                       .schedule = schedule,
                                       .number = number,
                                       .current = current,
                                       .forget = forget};
}
