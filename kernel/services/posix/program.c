/* Members of a container's program: see program.h. */
#include "kernel/services/posix/program.h"

#include "kernel/machine/bare/mm/account.h"
#include "kernel/machine/bare/thread/thread.h"
#include "kernel/services/posix/inside.h"
#include "kernel/services/vfs/errors.h"

int program_add_thread(const struct process *process) {
    if (process->program == NULL)
        return 0;
    return memory_account_charge(process->program->processes, 1) == 0 ? 0 : -LINUX_EAGAIN;
}

void program_remove_thread(const struct process *process) {
    if (process->program != NULL)
        memory_account_discharge(process->program->processes, 1);
}

int program_join(struct process *process) {
    struct program *program = process->program;
    if (program == NULL)
        return 0;
    if (program->is_ending)
        return -LINUX_EAGAIN;
    int status = program_add_thread(process);
    if (status < 0)
        return status;
    list_append(&program->members, &process->in_program);
    program->count++;
    processes.contained++;
    return 0;
}

void program_leave(struct process *process) {
    if (process->program == NULL)
        return;
    list_remove(&process->in_program);
    process->program->count--;
    processes.contained--;
    program_remove_thread(process);
    process->program = NULL;
}

void program_enter_group(const struct process *process, struct thread *thread) {
    if (process->program != NULL && process->program->group != NULL)
        sched_thread_move(&thread_scheduler, &thread->sched, process->program->group);
}

void program_leave_group(struct thread *thread) {
    if (thread->sched.own.group != NULL)
        sched_thread_move(&thread_scheduler, &thread->sched, NULL);
}

/* Of process 1: all that are in no program. */
static struct list *others_of(const struct process *first) {
    return first->program != NULL ? &first->program->members : &processes.all;
}

void program_end_others(const struct process *first) {
    struct list *others = others_of(first);
    if (first->program != NULL)
        first->program->is_ending = true;
    for (struct list *link = others->next; link != others; link = link->next) {
        struct process *process = first->program != NULL ? list_item(link, struct process, in_program)
                                                         : list_item(link, struct process, in_all);
        if (process != first && process->program == first->program)
            process_end_all(process, LINUX_SIGKILL);
    }
}

bool program_is_alone(const struct process *first) {
    return first->program != NULL ? first->program->count == 1 : processes.count - processes.contained == 1;
}
