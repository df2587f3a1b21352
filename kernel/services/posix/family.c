/* Parents and children, groups and sessions. All locked but for what process.h declares. */
#include "kernel/services/posix/inside.h"

#include "kernel/machine/bare/thread/thread.h"
#include "kernel/services/vfs/errors.h"

/* ---- groups and sessions ---- */

static void leave(struct number **number, struct list *link) {
    if (*number == NULL)
        return;
    list_remove(link);
    number_unref(*number);
    *number = NULL;
}

void group_join(struct process *process, struct number *group) {
    (void)number_ref(group);
    leave(&process->group, &process->in_group);
    list_append(&group->group, &process->in_group);
    process->group = group;
}

void session_join(struct process *process, struct number *session) {
    (void)number_ref(session);
    leave(&process->session, &process->in_session);
    list_append(&session->session, &process->in_session);
    process->session = session;
}

bool group_is_orphaned_without(const struct number *group, const struct process *ignored) {
    for (struct list *link = group->group.next; link != &group->group; link = link->next) {
        const struct process *process = list_item(link, struct process, in_group);
        const struct process *parent = process->parent;
        if ((ignored != NULL && process == ignored) || process->state >= PROCESS_ZOMBIE || parent == NULL ||
            parent == processes.first)
            continue;
        if (parent->group != group && parent->session == process->session)
            return false;
    }
    return true;
}

static bool has_stopped_member(const struct number *group) {
    for (struct list *link = group->group.next; link != &group->group; link = link->next)
        if (list_item(link, struct process, in_group)->stop_signal != 0)
            return true;
    return false;
}

void family_check_group(struct number *group, const struct process *ignored) {
    if (!group_is_orphaned_without(group, ignored) || !has_stopped_member(group))
        return;
    (void)signal_send_group_locked(group, LINUX_SIGHUP, NULL);
    (void)signal_send_group_locked(group, LINUX_SIGCONT, NULL);
}

bool group_is_orphaned(int32_t group) {
    processes_lock();
    const struct number *number = number_find(group);
    bool is_orphaned = number == NULL || group_is_orphaned_without(number, NULL);
    processes_unlock();
    return is_orphaned;
}

bool group_is_in_session(int32_t group, int32_t session) {
    processes_lock();
    const struct number *number = number_find(group);
    const struct process *member = number != NULL ? list_first_item(&number->group, struct process, in_group) : NULL;
    bool is_in = member != NULL && process_session_of(member) == session;
    processes_unlock();
    return is_in;
}

/* ---- terminals ---- */

struct terminal *process_terminal(const struct process *process) {
    return process->session != NULL ? process->session->terminal : NULL;
}

int session_set_terminal(struct terminal *terminal) {
    struct process *process = process_current();
    int status = 0;
    processes_lock();
    if (!process_leads_session(process) ||
        (terminal != NULL && process->session->terminal != NULL && process->session->terminal != terminal))
        status = -LINUX_EPERM;
    else
        process->session->terminal = terminal;
    processes_unlock();
    return status;
}

void session_forget_terminal(const struct terminal *terminal) {
    processes_lock();
    for (struct list *link = processes.all.next; link != &processes.all; link = link->next) {
        struct process *process = list_item(link, struct process, in_all);
        if (process->session != NULL && process->session->terminal == terminal)
            process->session->terminal = NULL;
    }
    processes_unlock();
}

/* ---- orphans ---- */

static struct process *heir_of(const struct process *process) {
    for (struct process *above = process->parent; above != NULL; above = above->parent)
        if (above->is_subreaper && above->state == PROCESS_LIVES)
            return above;
    return processes.first;
}

/* A zombie that its new parent does not want to know of goes at once; any other is told of. */
static void pass_on(struct process *child, struct process *heir) {
    list_remove(&child->sibling);
    child->parent = heir;
    list_append(&heir->children, &child->sibling);
    child->exit_signal = LINUX_SIGCHLD;
    if (child->state == PROCESS_ZOMBIE)
        process_tell_parent(child, 0, 0);
    else if (child->parent_death_signal != 0)
        (void)signal_send_locked(child, NULL, child->parent_death_signal, NULL);
}

void family_give_away_children(struct process *process) {
    struct process *heir = heir_of(process), *child;
    while ((child = list_first_item(&process->children, struct process, sibling)) != NULL) {
        struct number *group = child->group;
        bool was_other_group = group != process->group && child->session == process->session;
        pass_on(child, heir);
        if (was_other_group)
            family_check_group(group, NULL);
    }
}
