/*
 * Processes: what threads share, who belongs to whom, and how all that begins and ends. Open this first.
 *
 * One spin lock, that of processes, guards the whole of it: numbers, families, groups, sessions, states and signals. It is
 * held for short steps. Outside of it are all locks that may be held while waiting; inside of it are those of wait queues, of
 * users' accounts and of the scheduler, never one of the file system layer.
 *
 * A process lives as long as one of its threads. Then it gives back its memory and files and is a zombie, of which its number,
 * its place in the family and what it used are left, until its parent asks. struct process itself stays until the last
 * reference to it is gone. What only its own threads change (memory, caller, descriptors) is not touched by others while it
 * may be ending, except as told below.
 *
 * Answers are Linux's error numbers, negative (kernel/services/vfs/errors.h).
 */
#ifndef GROVE_POSIX_PROCESS_H
#define GROVE_POSIX_PROCESS_H

#include "kernel/services/posix/credentials.h"
#include "kernel/services/posix/limits.h"
#include "kernel/services/posix/number.h"
#include "kernel/services/posix/signal.h"
#include "kernel/services/vfs/descriptors.h"
#include "kernel/services/vfs/vfs.h"

#define PROCESS_NAME_BYTES 16u /* with its end, as Linux has it */

struct freezer;
struct space;
struct terminal;
struct thread;
struct program;

/* What a program's memory is, counted: vfork makes two processes share one. */
struct process_memory {
    uint32_t references; /* atomic */
    struct space *space;
    uint64_t arguments_start, arguments_end; /* the texts, one after the other */
    uint64_t environment_start, environment_end;
    uint64_t auxiliary_start, auxiliary_bytes;
    struct path executable; /* counted; all zero: it has none */
    bool has_barriers; /* membarrier: it said that it will ask for its own; atomic, and a child has it too */
};

enum process_state {
    PROCESS_LIVES,
    PROCESS_ENDS, /* every thread is told to end */
    PROCESS_ZOMBIE,
    PROCESS_GONE, /* waited for: in no list any more */
};

/* What a process asked to happen at a signal: struct sigaction of the kernel's interface. */
struct signal_action {
    uint64_t handler; /* an address; or SIGNAL_DEFAULT, SIGNAL_IGNORE */
    uint64_t flags; /* LINUX_SA_ */
    uint64_t restorer;
    uint64_t mask;
};
#define SIGNAL_DEFAULT 0u
#define SIGNAL_IGNORE 1u
#define LINUX_SA_NOCLDSTOP 1u
#define LINUX_SA_NOCLDWAIT 2u
#define LINUX_SA_SIGINFO 4u
#define LINUX_SA_RESTORER 0x04000000u
#define LINUX_SA_ONSTACK 0x08000000u
#define LINUX_SA_RESTART 0x10000000u
#define LINUX_SA_NODEFER 0x40000000u
#define LINUX_SA_RESETHAND 0x80000000u
#define LINUX_SS_ONSTACK 1u
#define LINUX_SS_DISABLE 2u
#define LINUX_SS_AUTODISARM 0x80000000u

/* Signals that wait. All zero is an empty one. */
struct signal_queue {
    uint64_t bits;
    struct list entries; /* the oldest first */
};

/* What it and its children used. Nanoseconds and counts. */
struct process_usage {
    uint64_t user_ns, system_ns;
    uint64_t minor_faults, major_faults;
};

/* The part of a thread that is of interest here; struct thread of the machine points to it. */
struct process_thread {
    struct thread *thread;
    struct process *process;
    struct list link; /* in process->threads, the oldest first */
    struct number *number; /* counted; the first thread's is the process's */
    char name[PROCESS_NAME_BYTES];

    struct signal_queue pending;
    uint64_t blocked;
    uint64_t blocked_before; /* set back by the way to user mode, after a handler was begun, if has_blocked_before */
    uint64_t awaited; /* what sigtimedwait waits for */
    uint64_t stack_start, stack_bytes; /* sigaltstack */
    uint32_t stack_flags;
    bool has_blocked_before;
    bool is_stopped;
    bool is_called_to_freeze; /* since it last came to user mode (freeze.h) */
    /* The call whose time-out began at this moment; if it is made again, it goes on from there (process_call_began_ns). */
    int64_t timed_call;
    uint64_t timed_arguments[6];
    uint64_t timed_from_ns;
    bool is_timed_again;
    /* What restart_syscall does, if it is made. */
    int64_t (*restart)(const uint64_t arguments[6]);
    uint64_t restart_arguments[6];
    uint64_t write_number_at; /* where its number is written before it runs its first instruction; 0: nowhere */
};

/* A timer of a process's: see timers.h. */
enum timer_clock { TIMER_OF_MOMENT, TIMER_OF_PROCESS, TIMER_OF_USER, TIMER_OF_THREAD };
enum timer_own { OWN_NONE, OWN_INTERVAL, OWN_LIMIT };
enum { TIMER_VIRTUAL, TIMER_PROFILE, TIMER_CPU_LIMIT, TIMERS_OWN };
struct process_timer {
    struct process *process;
    struct list due; /* in processes.timers, if it is set and its signal does not wait for ever */
    struct list in_process; /* in process->timers, of timer_create */
    enum timer_clock clock;
    enum timer_own is_own; /* not of timer_create */
    int32_t id, signal;
    int32_t thread; /* whose time it is, or who is told; 0: neither */
    bool is_to_thread, is_silent, is_wall;
    bool is_pending; /* its signal waits to be taken */
    int32_t overrun; /* of the signal that was taken last */
    uint64_t value; /* told with the signal */
    uint64_t when, interval; /* of its clock; 0: not set, once */
    uint64_t look_ns; /* when it is to be looked at */
    uint64_t seen; /* of processor time: what the clock was when it was looked at last */
};

struct process {
    uint32_t references; /* atomic */
    int32_t id; /* its number, also when `number` is gone */
    enum process_state state;
    struct number *number; /* counted, as the next two */
    struct number *group, *session;
    struct list in_group, in_session; /* in their numbers' lists */
    struct list in_all; /* in processes.all, by the order of their beginning */
    struct freezer *freezer; /* that it stands still for (freeze.h), which outlives its threads; NULL: none */

    struct program *program; /* of a container (program.h); NULL: of none, or it is gone */
    struct list in_program;
    bool lacks_memory; /* it is ended because there is none for it */

    struct process *parent; /* NULL: the first, also of a program, and those that are gone */
    struct list children, sibling; /* zombies too */
    struct wait_queue children_changed; /* woken for whoever waits for children */
    bool is_unwanted; /* nobody will wait for it: it is gone as soon as it has ended */
    int exit_signal; /* what the parent gets at its end; 0: nothing */
    int parent_death_signal;
    bool is_subreaper; /* orphans below it become its own */
    bool has_executed; /* since fork: setpgid of the parent's is too late */
    bool is_vforked; /* its parent waits until it has memory of its own, or has ended */
    struct wait_queue vfork_done;

    struct list threads; /* struct process_thread */
    uint32_t thread_count;
    struct process_thread *survivor; /* execve: the one that ends all others; else NULL */
    struct wait_queue threads_changed;

    struct process_memory *memory; /* NULL: given back */
    struct descriptors descriptors;
    struct caller caller; /* identity.groups points to credentials.groups */
    struct credentials credentials;
    struct limits limits;
    struct user_account *user; /* of its real user; counted */
    bool is_dumpable;
    uint32_t personality;
    char name[PROCESS_NAME_BYTES]; /* of the program */

    struct signal_action actions[SIGNALS];
    struct signal_queue pending;
    struct wait_queue signals_changed; /* woken whenever a signal begins to wait */
    int32_t stop_signal; /* not 0: its threads stop, or are stopped */
    uint32_t stopped_threads;
    bool is_stop_reported, is_continued; /* to be told by wait */
    struct wait_queue continued; /* where its stopped threads wait */
    uint64_t alarm_ns, alarm_interval_ns; /* ITIMER_REAL; 0: none */
    struct list in_alarms;
    struct list timers; /* struct process_timer, of timer_create */
    uint32_t timer_count;
    int32_t next_timer;
    struct process_timer own_timers[TIMERS_OWN];

    int32_t exit_status; /* as wait tells it */
    struct process_usage usage, children_usage;
    uint64_t started_ns; /* monotonic */
};

struct processes {
    struct spinlock lock;
    struct vfs *vfs;
    struct list all; /* struct process, zombies too */
    struct list alarms; /* processes with one, the earliest first */
    struct list timers; /* struct process_timer, the one to be looked at first before the others */
    struct wait_queue alarms_changed;
    struct wait_queue signal_watchers; /* woken whenever a signal begins to wait for anybody: signalfd */
    uint32_t count, count_max;
    uint32_t contained; /* of them, in programs of containers */
    struct process *first; /* process 1 */
    /*
     * Whoever has the terminals sets this: the session that this terminal controlled has ended; it forgets it and returns
     * the number of the group in its foreground, 0 for none. Called with the lock held. May be NULL.
     */
    int32_t (*session_ended)(struct terminal *terminal);
};
extern struct processes processes;

/* Before anything else, also before there is a thread that runs alarms (alarm.h). */
void processes_prepare(void);
/* Before the first process. count_max bounds all processes together, zombies included. */
#define TICK_NS UINT64_C(10000000) /* a hundredth of a second: what programs count times in */

void processes_init(struct vfs *vfs, uint32_t count_max);

/* Of the current thread; NULL: it is the kernel's own. */
struct process *process_current(void);
struct process_thread *process_thread_current(void);

/* The process of this number, with a reference, zombies too, whoever asks; NULL: none. */
struct process *process_find(int32_t number);
/* The one of the next higher number, for listings: begin with 0. */
struct process *process_find_next(int32_t number);
void process_ref(struct process *process);
void process_unref(struct process *process);

/* The current process ends: there is no memory for what it touched. */
void process_end_without_memory(void);

/* The hooks that the machine's threads call are declared in kernel/machine/bare/thread/thread.h. */

/* ---- groups, sessions, terminals ---- */

static inline int32_t process_group_of(const struct process *process) {
    return number_value(process->group);
}

static inline int32_t process_session_of(const struct process *process) {
    return number_value(process->session);
}

/* Does it lead its session? */
static inline bool process_leads_session(const struct process *process) {
    return process->session == process->number;
}

/* The controlling terminal of its session, or NULL. It stays as long as terminals keep it: they clear it first. */
struct terminal *process_terminal(const struct process *process);
/*
 * Make it the controlling terminal of the session that the current process leads; NULL: none. -LINUX_EPERM: it leads none
 * or, for a terminal, has another one.
 */
int session_set_terminal(struct terminal *terminal);
/* The terminal goes: no session has it any more. */
void session_forget_terminal(const struct terminal *terminal);
/* Is a group in this session? */
bool group_is_in_session(int32_t group, int32_t session);
/* Has no member a parent outside of it in the same session, who would continue it? */
bool group_is_orphaned(int32_t group);

#endif
