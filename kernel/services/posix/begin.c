/* How threads and processes get their places: in a process, in a family, with a number. */
#include "kernel/machine/bare/thread/thread.h"
#include "kernel/services/posix/freeze.h"
#include "kernel/services/posix/inside.h"
#include "kernel/services/posix/program.h"
#include "kernel/services/posix/timers.h"
#include "kernel/services/posix/user.h"
#include "kernel/services/vfs/errors.h"

#include <string.h>

static int take_part(struct process *process, struct thread *thread, struct process_thread **part) {
    struct process_thread *made = machine_take(processes.vfs->machine, sizeof(*made));
    if (made == NULL)
        return -LINUX_ENOMEM;
    memset(made, 0, sizeof(*made));
    made->thread = thread;
    made->process = process;
    made->stack_flags = LINUX_SS_DISABLE;
    made->timed_call = -1;
    list_init(&made->pending.entries);
    *part = made;
    return 0;
}

/* Locked. Whoever has the right to exceed it may. */
static bool is_over_limit(const struct process *process, const struct user_account *user) {
    return user->threads >= process->limits.of[LIMIT_PROCESSES].soft && process->credentials.user != 0 &&
           !credentials_have(&process->credentials, LINUX_CAP_SYS_RESOURCE) &&
           !credentials_have(&process->credentials, LINUX_CAP_SYS_ADMIN);
}

/* Locked. From here on the part is the thread's. Takes over the reference on the number. */
static void attach(struct process *process, struct process_thread *part, struct number *number) {
    struct thread *thread = part->thread;
    const struct process_thread *maker = thread_current()->of_process;
    /* The first of a program begins afresh, whoever asked for it. */
    if (maker != NULL && (process->parent != NULL || maker->process == process)) {
        part->blocked = maker->blocked;
        memcpy(part->name, maker->name, sizeof(part->name));
    }
    part->number = number;
    number->thread = part;
    thread->number = number->value;
    thread->of_process = part;
    list_append(&process->threads, &part->link);
    process->thread_count++;
    process->user->threads++;
    process_ref(process);
    program_enter_group(process, thread);
    freezer_add_thread(part);
}

int process_add_thread(struct process *process, struct thread *thread, int32_t *value) {
    struct process_thread *part;
    struct number *number;
    int status = take_part(process, thread, &part);
    if (status < 0)
        return status;
    processes_lock();
    if (process_must_end(thread_current()->of_process) || is_over_limit(process, process->user))
        status = -LINUX_EAGAIN;
    else
        status = program_add_thread(process);
    if (status == 0) {
        status = number_take(program_id_of(process), &number);
        if (status < 0)
            program_remove_thread(process);
    }
    if (status == 0) {
        attach(process, part, number);
        *value = number->value;
    }
    /* A stop that is going on is for this thread too. */
    if (status == 0 && process->stop_signal != 0)
        thread_interrupt(thread);
    processes_unlock();
    if (status < 0)
        machine_give_back(processes.vfs->machine, part, sizeof(*part));
    return status;
}

/* Locked. */
static void inherit(struct process *process, struct process *parent) {
    process->parent = parent;
    list_append(&parent->children, &process->sibling);
    group_join(process, parent->group);
    session_join(process, parent->session);
    memcpy(process->actions, parent->actions, sizeof(process->actions));
    process->user = parent->user;
    process->user->references++;
}

/* Locked. Process 1 leads a group and a session, as the first of a program does. */
static int begin_first(struct process *process) {
    int status = user_account_find(process->credentials.user, &process->user);
    if (status < 0)
        return status;
    group_join(process, process->number);
    session_join(process, process->number);
    if (process->program == NULL)
        processes.first = process;
    return 0;
}

/* Locked. It has a number and, as far as there is one, a program. */
static int take_place(struct process *process, struct process *parent) {
    int status = 0;
    process->number->process = process;
    process->id = process->number->value;
    if (parent != NULL)
        inherit(process, parent);
    else
        status = begin_first(process);
    if (status < 0)
        number_unref(process->number);
    return status;
}

/* Locked. */
static int enter(struct process *process, struct process *parent) {
    if (processes.count >= processes.count_max || (parent != NULL && is_over_limit(parent, parent->user)))
        return -LINUX_EAGAIN;
    if (parent != NULL && process_must_end(thread_current()->of_process))
        return -LINUX_EAGAIN;
    int status = program_join(process);
    if (status < 0)
        return status;
    status = number_take(program_id_of(process), &process->number);
    if (status == 0)
        status = take_place(process, parent);
    if (status < 0) {
        program_leave(process);
        return status;
    }
    list_append(&processes.all, &process->in_all);
    processes.count++;
    return 0;
}

int process_begin(struct process *process, struct process *parent, struct thread *thread) {
    struct process_thread *part;
    int status = take_part(process, thread, &part);
    if (status < 0)
        return status;
    process->started_ns = clock_now_ns();
    processes_lock();
    status = enter(process, parent);
    if (status == 0) {
        attach(process, part, number_ref(process->number));
        timers_limit_changed(process);
    }
    processes_unlock();
    if (status < 0)
        machine_give_back(processes.vfs->machine, part, sizeof(*part));
    return status;
}
