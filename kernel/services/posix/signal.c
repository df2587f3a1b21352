/* Sending signals, and the queues in which they wait: see signal.h. */
#include "kernel/services/posix/signal.h"

#include "kernel/machine/bare/thread/thread.h"
#include "kernel/services/posix/inside.h"
#include "kernel/services/posix/timers.h"
#include "kernel/services/posix/user.h"
#include "kernel/services/vfs/errors.h"

#define STOPS \
    (SIGNAL_BIT(LINUX_SIGSTOP) | SIGNAL_BIT(LINUX_SIGTSTP) | SIGNAL_BIT(LINUX_SIGTTIN) | SIGNAL_BIT(LINUX_SIGTTOU))
#define IGNORED_BY_DEFAULT \
    (SIGNAL_BIT(LINUX_SIGCHLD) | SIGNAL_BIT(LINUX_SIGURG) | SIGNAL_BIT(LINUX_SIGWINCH) | SIGNAL_BIT(LINUX_SIGCONT))
/* Caused by what the thread just did: these go first. */
#define SYNCHRONOUS \
    (SIGNAL_BIT(LINUX_SIGSEGV) | SIGNAL_BIT(LINUX_SIGBUS) | SIGNAL_BIT(LINUX_SIGILL) | SIGNAL_BIT(LINUX_SIGTRAP) | \
     SIGNAL_BIT(LINUX_SIGFPE) | SIGNAL_BIT(LINUX_SIGSYS))
#define NEVER_BLOCKED (SIGNAL_BIT(LINUX_SIGKILL) | SIGNAL_BIT(LINUX_SIGSTOP))

/* One that waits. */
struct signal_entry {
    struct list link;
    struct user_account *user; /* counted: of whom it is sent to */
    struct signal_info info;
};

/* ---- queues ---- */

static void give_entry_back(struct signal_entry *entry) {
    list_remove(&entry->link);
    entry->user->signals--;
    user_account_unref(entry->user);
    machine_give_back(processes.vfs->machine, entry, sizeof(*entry));
}

void signal_queue_empty(struct signal_queue *queue, uint64_t signals) {
    if ((queue->bits & signals) == 0)
        return;
    for (struct list *link = queue->entries.next, *next; link != &queue->entries; link = next) {
        struct signal_entry *entry = list_item(link, struct signal_entry, link);
        next = link->next;
        if ((SIGNAL_BIT(entry->info.signal) & signals) != 0)
            give_entry_back(entry);
    }
    queue->bits &= ~signals;
}

/* NULL: over the limit, or no memory. The kernel's own ordinary signals are told of beyond the limit, as on Linux. */
static struct signal_entry *take_entry(const struct process *process, int signal, const struct signal_info *info) {
    struct user_account *user = process->user;
    bool is_limited = signal >= SIGNAL_REAL_TIME || info->code < 0;
    if (is_limited && user->signals >= process->limits.of[LIMIT_SIGNALS].soft)
        return NULL;
    struct signal_entry *entry = machine_take(processes.vfs->machine, sizeof(*entry));
    if (entry == NULL)
        return NULL;
    *entry = (struct signal_entry){.user = user, .info = *info};
    entry->info.signal = signal;
    user->references++;
    user->signals++;
    return entry;
}

static int queue_add(struct signal_queue *queue, const struct process *process, int signal,
                     const struct signal_info *info) {
    if (signal < SIGNAL_REAL_TIME && (queue->bits & SIGNAL_BIT(signal)) != 0)
        return 0;
    struct signal_entry *entry = take_entry(process, signal, info);
    if (entry != NULL)
        list_append(&queue->entries, &entry->link);
    else if (signal >= SIGNAL_REAL_TIME && info->code < 0 && info->code != LINUX_SI_TKILL)
        return -LINUX_EAGAIN;
    queue->bits |= SIGNAL_BIT(signal);
    return 0;
}

static int queue_take(struct signal_queue *queue, uint64_t allowed, struct signal_info *info) {
    uint64_t bits = queue->bits & allowed;
    if (bits == 0)
        return 0;
    if ((bits & SYNCHRONOUS) != 0)
        bits &= SYNCHRONOUS;
    int signal = __builtin_ctzll(bits) + 1;
    struct signal_entry *found = NULL;
    bool has_more = false;
    for (struct list *link = queue->entries.next; link != &queue->entries && !has_more; link = link->next) {
        struct signal_entry *entry = list_item(link, struct signal_entry, link);
        if (entry->info.signal != signal)
            continue;
        has_more = found != NULL;
        found = found != NULL ? found : entry;
    }
    *info = (struct signal_info){.signal = signal, .code = LINUX_SI_USER};
    if (found != NULL) {
        *info = found->info;
        give_entry_back(found);
    }
    if (!has_more)
        queue->bits &= ~SIGNAL_BIT(signal);
    return signal;
}

bool signal_entry_is_of_timer(struct list *link, int32_t id) {
    const struct signal_entry *entry = list_item(link, struct signal_entry, link);
    return entry->info.code == LINUX_SI_TIMER && entry->info.from.process == id;
}

int signal_take(struct process_thread *part, uint64_t allowed, struct signal_info *info) {
    int signal = queue_take(&part->pending, allowed, info);
    if (signal == 0)
        signal = queue_take(&part->process->pending, allowed, info);
    if (signal != 0 && info->code == LINUX_SI_TIMER)
        timers_signal_taken(part->process, info);
    return signal;
}

uint64_t signals_waiting(const struct process_thread *part) {
    return part->pending.bits | part->process->pending.bits;
}

/* ---- who takes it ---- */

bool signal_is_ignored(const struct process *process, int signal) {
    const struct signal_action *action = &process->actions[signal - 1];
    if (action->handler == SIGNAL_IGNORE)
        return true;
    return action->handler == SIGNAL_DEFAULT && (IGNORED_BY_DEFAULT & SIGNAL_BIT(signal)) != 0;
}

static bool is_wanted(const struct process_thread *part, int signal) {
    return (part->blocked & ~part->awaited & SIGNAL_BIT(signal)) == 0;
}

/* The first thread is asked first, as on Linux. NULL: all block it. */
static struct process_thread *taker_of(const struct process *process, int signal) {
    for (struct list *link = process->threads.next; link != &process->threads; link = link->next) {
        struct process_thread *part = list_item(link, struct process_thread, link);
        if (is_wanted(part, signal))
            return part;
    }
    return NULL;
}

void signals_offer(struct process *process, const struct process_thread *but) {
    if (process->pending.bits == 0)
        return;
    for (struct list *link = process->threads.next; link != &process->threads; link = link->next) {
        const struct process_thread *part = list_item(link, struct process_thread, link);
        if (part != but && (process->pending.bits & ~(part->blocked & ~part->awaited)) != 0)
            thread_interrupt(part->thread);
    }
}

void signals_block(struct process_thread *part, uint64_t blocked) {
    bool blocks_more = (blocked & ~part->blocked) != 0;
    part->blocked = blocked & ~NEVER_BLOCKED;
    if (blocks_more && part->process->thread_count > 1)
        signals_offer(part->process, part);
    if ((signals_waiting(part) & ~part->blocked) != 0)
        thread_interrupt(part->thread);
}

/* ---- sending ---- */

static void empty_everywhere(struct process *process, uint64_t signals) {
    signal_queue_empty(&process->pending, signals);
    for (struct list *link = process->threads.next; link != &process->threads; link = link->next)
        signal_queue_empty(&list_item(link, struct process_thread, link)->pending, signals);
}

/* SIGCONT lets a stopped process go on also if it is blocked or ignored. */
static void go_on(struct process *process) {
    empty_everywhere(process, STOPS);
    if (process->stop_signal == 0)
        return;
    bool was_stopped = process->stopped_threads == process->thread_count;
    process->stop_signal = 0;
    wait_wake(&process->continued);
    if (!was_stopped)
        return;
    process->is_stop_reported = true;
    process->is_continued = true;
    process_tell_parent(process, LINUX_CLD_CONTINUED, LINUX_SIGCONT);
}

/* Would it change nothing at all? What is blocked waits, for the action may be another one by then. */
static bool is_dropped(const struct process *process, const struct process_thread *part, int signal) {
    if (part == NULL)
        part = list_first_item(&process->threads, struct process_thread, link);
    if (part == NULL || ((part->blocked | part->awaited) & SIGNAL_BIT(signal)) != 0)
        return false;
    if (process == processes.first && process->actions[signal - 1].handler == SIGNAL_DEFAULT)
        return true; /* nobody ends process 1 by accident */
    return signal_is_ignored(process, signal);
}

static bool ends_process(const struct process *process, int signal) {
    uint64_t bit = SIGNAL_BIT(signal);
    return signal == LINUX_SIGKILL ||
           (process->actions[signal - 1].handler == SIGNAL_DEFAULT && ((IGNORED_BY_DEFAULT | STOPS) & bit) == 0);
}

int signal_send_locked(struct process *process, struct process_thread *part, int signal,
                       const struct signal_info *info) {
    const struct signal_info by_kernel = {.signal = signal, .code = LINUX_SI_KERNEL};
    if (process->state >= PROCESS_ZOMBIE)
        return -LINUX_ESRCH;
    if (process->state == PROCESS_ENDS)
        return 0;
    if ((STOPS & SIGNAL_BIT(signal)) != 0)
        empty_everywhere(process, SIGNAL_BIT(LINUX_SIGCONT));
    if (signal == LINUX_SIGCONT)
        go_on(process);
    if (is_dropped(process, part, signal))
        return 0;
    struct signal_queue *queue = part != NULL ? &part->pending : &process->pending;
    int status = queue_add(queue, process, signal, info != NULL ? info : &by_kernel);
    if (status < 0)
        return status;
    wait_wake(&process->signals_changed);
    wait_wake(&processes.signal_watchers);
    struct process_thread *taker = part != NULL && is_wanted(part, signal) ? part : NULL;
    if (part == NULL)
        taker = taker_of(process, signal);
    if (taker == NULL)
        return 0;
    if (ends_process(process, signal) && (taker->awaited & SIGNAL_BIT(signal)) == 0)
        process_end_all(process, signal);
    else
        thread_interrupt(taker->thread);
    return 0;
}

int signal_send_group_locked(const struct number *group, int signal, const struct signal_info *info) {
    int status = -LINUX_ESRCH;
    for (struct list *link = group->group.next; link != &group->group; link = link->next) {
        struct process *process = list_item(link, struct process, in_group);
        int answer = process->state < PROCESS_ZOMBIE ? signal_send_locked(process, NULL, signal, info) : 0;
        if (status != 0)
            status = answer;
    }
    return status;
}

int signal_send_process(struct process *process, int signal, const struct signal_info *info) {
    processes_lock();
    int status = signal_send_locked(process, NULL, signal, info);
    processes_unlock();
    return status;
}

int signal_send_thread(struct process_thread *part, int signal, const struct signal_info *info) {
    processes_lock();
    int status = signal_send_locked(part->process, part, signal, info);
    processes_unlock();
    return status;
}

int signal_send_group(int32_t group, int signal) {
    processes_lock();
    const struct number *number = number_find(group);
    int status = number != NULL ? signal_send_group_locked(number, signal, NULL) : -LINUX_ESRCH;
    processes_unlock();
    return status;
}

void signal_force(int signal, const struct signal_info *info) {
    struct process_thread *part = process_thread_current();
    struct process *process = part->process;
    struct signal_action *action = process->actions + (signal - 1);
    processes_lock();
    bool is_blocked = (part->blocked & SIGNAL_BIT(signal)) != 0;
    if (is_blocked || action->handler == SIGNAL_IGNORE) {
        *action = (struct signal_action){.handler = SIGNAL_DEFAULT};
        part->blocked &= ~SIGNAL_BIT(signal);
    }
    if (action->handler == SIGNAL_DEFAULT)
        process_end_all(process, signal); /* process 1 too */
    else
        (void)signal_send_locked(process, part, signal, info);
    processes_unlock();
}

bool signal_is_unnoticed(int signal) {
    const struct process_thread *part = process_thread_current();
    processes_lock();
    bool is_unnoticed =
        (part->blocked & SIGNAL_BIT(signal)) != 0 || part->process->actions[signal - 1].handler == SIGNAL_IGNORE;
    processes_unlock();
    return is_unnoticed;
}

bool signal_is_handled(int signal) {
    const struct process_thread *part = process_thread_current();
    processes_lock();
    bool is_handled =
        part->process->actions[signal - 1].handler > SIGNAL_IGNORE && (part->blocked & SIGNAL_BIT(signal)) == 0;
    processes_unlock();
    return is_handled;
}

bool signal_is_pending(void) {
    const struct process_thread *part = process_thread_current();
    processes_lock();
    bool is_pending = process_must_end(part) || (signals_waiting(part) & ~part->blocked) != 0;
    processes_unlock();
    return is_pending;
}

struct signal_info signal_info_of_caller(int signal, int code) {
    const struct process *process = process_current();
    struct signal_info info = {.signal = signal, .code = code};
    info.from.process = process->id;
    info.from.user = process->credentials.user;
    return info;
}

/* ---- what a parent is told ---- */

static struct signal_info info_of_child(const struct process *process, int code, int32_t status) {
    struct signal_info info = {.signal = LINUX_SIGCHLD, .code = code};
    info.child.process = process->id;
    info.child.user = process->credentials.user;
    info.child.status = status;
    info.child.user_ticks = (int64_t)(process->usage.user_ns / TICK_NS);
    info.child.system_ticks = (int64_t)(process->usage.system_ns / TICK_NS);
    return info;
}

void process_tell_parent(struct process *process, int code, int32_t status) {
    struct process *parent = process->parent;
    const struct signal_action *action;
    bool is_end = process->state == PROCESS_ZOMBIE;
    if (parent == NULL)
        return;
    if (is_end && code == 0) { /* it was already a zombie when this became its parent */
        bool is_killed = (process->exit_status & 0x7f) != 0;
        code = is_killed ? LINUX_CLD_KILLED : LINUX_CLD_EXITED;
        status = is_killed ? process->exit_status & 0x7f : process->exit_status >> 8 & 0xff;
    }
    action = &parent->actions[LINUX_SIGCHLD - 1];
    bool is_ignored = action->handler == SIGNAL_IGNORE || (action->flags & LINUX_SA_NOCLDWAIT) != 0;
    bool is_unwanted = is_end && (process->is_unwanted || (process->exit_signal == LINUX_SIGCHLD && is_ignored));
    int signal = is_end ? process->exit_signal : LINUX_SIGCHLD;
    bool is_silent = !is_end && (action->handler == SIGNAL_IGNORE || (action->flags & LINUX_SA_NOCLDSTOP) != 0);
    if (signal != 0 && !is_silent) {
        struct signal_info info = info_of_child(process, code, status);
        info.signal = signal;
        (void)signal_send_locked(parent, NULL, signal, &info);
    }
    if (is_unwanted)
        process_remove(process);
    wait_wake(&parent->children_changed);
}
