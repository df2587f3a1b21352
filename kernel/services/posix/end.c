/*
 * How threads and processes end.
 *
 * A process ends when its last thread does: that thread closes the files and gives the memory back, then makes the zombie
 * that its parent waits for. Process 1 first ends all others and then the machine.
 */
#include "kernel/machine/bare/thread/thread.h"
#include "kernel/services/posix/inside.h"
#include "kernel/services/posix/machine.h"
#include "kernel/services/posix/user.h"
#include "kernel/services/vfs/errors.h"

#define STATUS_KILLED LINUX_SIGKILL

bool process_must_end(const struct process_thread *part) {
    const struct process *process = part->process;
    return process->state != PROCESS_LIVES || (process->survivor != NULL && process->survivor != part);
}

static void interrupt_all(struct process *process, const struct process_thread *but) {
    for (struct list *link = process->threads.next; link != &process->threads; link = link->next) {
        struct process_thread *part = list_item(link, struct process_thread, link);
        if (but == NULL || part != but)
            thread_interrupt(part->thread);
    }
}

void process_end_all(struct process *process, int32_t status) {
    if (process->state != PROCESS_LIVES)
        return;
    process->state = PROCESS_ENDS;
    process->exit_status = status;
    process->stop_signal = 0;
    interrupt_all(process, NULL);
}

/* Locked. The only thread that is left has the number of the process, also if it was not the first. */
static void become_first(struct process *process, struct process_thread *part) {
    part->number->thread = NULL;
    number_unref(part->number);
    part->number = number_ref(process->number);
    part->number->thread = part;
    part->thread->number = process->id;
}

int process_end_others(void) {
    struct process_thread *self = process_thread_current();
    struct process *process = self->process;
    int status = 0;
    processes_lock();
    if (process_must_end(self))
        status = -LINUX_EINTR;
    else
        process->survivor = self;
    if (status == 0)
        interrupt_all(process, self);
    while (status == 0 && process->thread_count > 1) {
        if (process->state != PROCESS_LIVES)
            status = -LINUX_EINTR;
        else
            thread_sleep_firmly(&process->threads_changed, &processes.lock);
    }
    process->survivor = NULL;
    if (status == 0 && self->number != process->number)
        become_first(process, self);
    processes_unlock();
    return status;
}

void process_tell_vfork_done(struct process *process) {
    if (!process->is_vforked)
        return;
    process->is_vforked = false;
    wait_wake(&process->vfork_done);
}

/* ---- the end of a thread ---- */

/* Locked. Its time becomes the process's. */
static void detach(struct process *process, struct process_thread *part) {
    process->usage.user_ns += machine_thread_time(part->thread);
    list_remove(&part->link);
    process->thread_count--;
    process->user->threads--;
    signal_queue_empty(&part->pending, UINT64_MAX);
    if (part->number->thread == part)
        part->number->thread = NULL;
    number_unref(part->number);
    wait_wake(&process->threads_changed);
    if (process->thread_count > 0) {
        signals_offer(process, NULL);
        process_check_stop(process);
    }
}

/* Give up memory and files, in the context of the last thread. */
static void release(struct process *process) {
    struct process_memory *memory = process->memory;
    struct thread *thread = thread_current();
    process_release_files(process);
    processes_lock();
    process->memory = NULL;
    thread->process = NULL;
    processes_unlock();
    thread_use_space();
    process_memory_unref(memory);
}

static void tell_of_usage(const struct process *process, struct process *parent) {
    parent->children_usage.user_ns += process->usage.user_ns + process->children_usage.user_ns;
    parent->children_usage.system_ns += process->usage.system_ns + process->children_usage.system_ns;
    parent->children_usage.minor_faults += process->usage.minor_faults + process->children_usage.minor_faults;
    parent->children_usage.major_faults += process->usage.major_faults + process->children_usage.major_faults;
}

void process_remove(struct process *process) {
    if (process->parent != NULL && process->parent->state < PROCESS_ZOMBIE)
        tell_of_usage(process, process->parent);
    process->state = PROCESS_GONE;
    list_remove(&process->sibling);
    list_remove(&process->in_all);
    list_remove(&process->in_group);
    list_remove(&process->in_session);
    process->parent = NULL;
    process->number->process = NULL;
    number_unref(process->group);
    number_unref(process->session);
    number_unref(process->number);
    process->group = process->session = process->number = NULL;
    user_account_unref(process->user);
    process->user = NULL;
    processes.count--;
    process_unref(process);
}

/* Locked. The end of who leads a session takes the terminal from it; who was in front there hears of it. */
static void hang_up(struct process *process) {
    struct terminal *terminal = process->session->terminal;
    if (!process_leads_session(process) || terminal == NULL)
        return;
    process->session->terminal = NULL;
    int32_t front = processes.session_ended != NULL ? processes.session_ended(terminal) : 0;
    const struct number *group = front > 0 ? number_find(front) : NULL;
    if (group == NULL)
        return;
    (void)signal_send_group_locked(group, LINUX_SIGHUP, NULL);
    (void)signal_send_group_locked(group, LINUX_SIGCONT, NULL);
}

/* Locked. From here on it is a zombie, and perhaps gone at once. */
static void become_zombie(struct process *process) {
    struct number *group = process->group;
    (void)number_ref(group);
    alarm_set(process, 0, 0);
    hang_up(process);
    signal_queue_empty(&process->pending, UINT64_MAX);
    process->state = PROCESS_ZOMBIE;
    family_give_away_children(process);
    family_check_group(group, process);
    wait_wake(&process->number->ended);
    process_tell_vfork_done(process);
    int32_t status = process->exit_status;
    bool is_killed = (status & 0x7f) != 0;
    process_tell_parent(process, is_killed ? LINUX_CLD_KILLED : LINUX_CLD_EXITED,
                        is_killed ? status & 0x7f : status >> 8 & 0xff);
    number_unref(group);
}

/* Process 1: nobody is left to run after this. */
static void end_all_processes(struct process *first) {
    processes_lock();
    for (struct list *link = processes.all.next; link != &processes.all; link = link->next) {
        struct process *process = list_item(link, struct process, in_all);
        if (process != first)
            process_end_all(process, STATUS_KILLED);
    }
    while (processes.count > 1) {
        struct process *gone = NULL;
        for (struct list *link = first->children.next; link != &first->children && gone == NULL; link = link->next) {
            struct process *child = list_item(link, struct process, sibling);
            if (child->state == PROCESS_ZOMBIE)
                gone = child;
        }
        if (gone == NULL) {
            thread_sleep_firmly(&first->children_changed, &processes.lock);
            continue;
        }
        process_remove(gone);
    }
    processes_unlock();
}

/* Nothing of process 1 is left, so that the machine can see whether all was given back. */
static void end_first(struct process *first) {
    int32_t status = first->exit_status;
    processes_lock();
    alarm_set(first, 0, 0);
    signal_queue_empty(&first->pending, UINT64_MAX);
    process_remove(first);
    processes.first = NULL;
    processes_unlock();
    process_unref(first); /* its thread's */
    machine_end(status);
}

void process_thread_gone(struct thread *thread) {
    struct process_thread *part = thread->of_process;
    struct process *process = part->process;
    __atomic_store_n(&thread->is_interrupted, false, __ATOMIC_RELAXED); /* from here on it waits undisturbed */
    processes_lock();
    bool is_last = process->thread_count == 1;
    if (is_last && process->state == PROCESS_LIVES)
        process->state = PROCESS_ENDS;
    detach(process, part);
    thread->of_process = NULL;
    if (!is_last)
        thread->process = NULL;
    processes_unlock();
    machine_give_back(processes.vfs->machine, part, sizeof(*part));
    if (!is_last) {
        thread_use_space();
        process_unref(process);
        return;
    }
    release(process);
    if (process == processes.first) {
        end_all_processes(process);
        end_first(process);
        return;
    }
    processes_lock();
    become_zombie(process);
    processes_unlock();
    process_unref(process);
}
