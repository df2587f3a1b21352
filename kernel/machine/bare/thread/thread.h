/*
 * Threads of the bare machines, as the kernel's portable parts see them: what runs, how it begins, sleeps, wakes and ends.
 *
 * Each thread has a stack of its own in the kernel. Interrupts are on in the kernel, and a thread may be replaced by another
 * at any instruction, except while it holds a spin lock: then they are off, and it must not sleep.
 *
 * A machine puts struct thread at the beginning of something larger, with its registers and its stack. It serves what is
 * declared here, but for the hooks at the end, which it calls.
 */
#ifndef GROVE_BARE_THREAD_H
#define GROVE_BARE_THREAD_H

#include "kernel/machine/bare/futex/futex.h"
#include "kernel/machine/bare/sched/sched.h"
#include "kernel/machine/bare/time/clock.h"
#include "kernel/machine/bare/wait/wait.h"

#define WAIT_FOREVER UINT64_MAX

struct process; /* kernel/services/posix/process.h, as the next two */
struct process_thread;
struct space;
struct thread_registers; /* the machine's: what a thread goes on with in user mode */

/* What a word lies in, as it was found before; good as long as the space's areas have not changed. */
struct thread_word {
    const struct space *space;
    uint64_t address;
    struct futex_key key;
    uint32_t changes; /* of the space's lock */
};
#define THREAD_WORDS 2u

struct thread {
    struct sched_thread sched; /* first */
    struct futex_thread futex;
    struct process *process; /* NULL: the kernel's own */
    struct process_thread *of_process; /* for whoever has the processes */
    struct list in_process; /* for the same */
    int32_t number; /* its thread id, set by the same before it is started; 0 for the kernel's own */
    bool is_interrupted; /* atomic: something waits to be done on its way back to user mode (a signal, its end) */
    bool has_private_words; /* the futex call that it makes says that its words are in nobody else's memory */
    uint32_t next_word; /* of these two, the one that is forgotten next */
    struct thread_word words[THREAD_WORDS];
    uint64_t clear_at; /* address of a word to set to 0 and to wake at its end; 0 for none */
    uint64_t robust_list; /* address of its robust list; 0 for none */
    struct grove_schedule schedule; /* as it was last set, for those who ask; and as Linux tells it: */
    int32_t policy, nice;
    bool resets_schedule; /* what it makes begins as usual */
};

/* The one scheduler and the one table of futexes. */
extern struct scheduler thread_scheduler;
extern struct futex_table thread_futexes;

struct thread *thread_current(void);

/* ---- sleeping: no spin lock is held but the one that is given ---- */

/*
 * Sleep until the queue is woken, `until_ns` (a moment of clock_now_ns, or WAIT_FOREVER) or an interruption. `held` (may
 * be NULL) is given up while it sleeps and is held again after. 0: look again, there may be no reason; -LINUX_EINTR: it is
 * interrupted, and was perhaps before it slept at all; -LINUX_ETIMEDOUT.
 */
int thread_sleep(struct wait_queue *queue, struct spinlock *held, uint64_t until_ns);
/* The same without an end by interruption or time: for what others give up soon, such as locks. */
void thread_sleep_firmly(struct wait_queue *queue, struct spinlock *held);
/*
 * For poll and its like, with entries on many queues: sleep unless *is_woken, or until thread_wake. The entries' `woken`
 * stores true there (atomically) and then calls thread_wake. Results as above.
 */
int thread_sleep_unless(const bool *is_woken, uint64_t until_ns);
/* End its sleep, if it sleeps. Any context; the thread must not go away meanwhile. */
void thread_wake(struct thread *thread);
/* Set is_interrupted; end a sleep that can be interrupted; a thread that runs a program elsewhere comes into the kernel soon. */
void thread_interrupt(struct thread *thread);
/* Let others run if some should; for loops that take long. No spin lock is held. */
void thread_pause(void);

/* ---- life ---- */

/*
 * A thread of `process` that begins in user mode with a copy of `registers`, not started. Vector registers, thread pointer, schedule and affinity are those of the thread that makes it, if that is a program's; else as a
 * program begins. -LINUX_ENOMEM.
 */
int thread_create(struct process *process, const struct thread_registers *registers, struct thread **thread);
/* One of the kernel's own, which calls `function` and ends when that returns. Its number is 0. -LINUX_ENOMEM. */
int thread_create_kernel(void (*function)(void *argument), void *argument, struct thread **thread);
void thread_start(struct thread *thread);
/* In place of thread_start: give it back. */
void thread_discard(struct thread *thread);
/*
 * Another thread of the current process, as clone(2) makes it: `flags` are Linux's, and say that it is one. Its number, or
 * -LINUX_EINVAL, -LINUX_EFAULT, -LINUX_ENOMEM, -LINUX_EAGAIN. For clone and clone3.
 */
int64_t thread_clone(uint64_t flags, uint64_t stack, uint64_t parent_at, uint64_t child_at, uint64_t pointer);
/* At its end: what it has of futexes goes to others, and the word that it named is cleared. */
void thread_end_words(struct thread *self);
/* Nanoseconds that it ran up to now. */
uint64_t thread_run_ns(struct thread *thread);
/* What both thread_discard and thread_exit come to: give the memory back, of one that nobody knows. */
void thread_free(struct thread *thread);
/*
 * The end of the current thread: futexes are handed on and its word is cleared (while its process's memory is still in
 * use), process_thread_gone is called, and its own memory goes back later, elsewhere.
 */
_Noreturn void thread_exit(void);

/* ---- what a thread goes on with in user mode ---- */

/* As saved at its entry into the kernel; of a thread that is not started, what it will begin with. Changes take effect. */
struct thread_registers *thread_user_registers(struct thread *thread);
void thread_set_result(struct thread *thread, int64_t result); /* of the system call it is in */
void thread_set_stack(struct thread *thread, uint64_t stack);
void thread_set_pointer(struct thread *thread, uint64_t pointer); /* what finds thread-local variables: FS on x86-64 */
/* All of it as a program begins, vector registers too. The thread is the current one or not started. */
void thread_begin_program(struct thread *thread, uint64_t entry, uint64_t stack);
/* The current thread's process uses another address space from now on (exec). */
void thread_use_space(void);
/* The current thread, which is one of the kernel's and has become a process's, goes on there: its registers are set. */
_Noreturn void thread_go_to_user(void);

/* ---- hooks, defined by whoever has the processes ---- */

/* What its threads use as their memory; it stays until the last of them is gone, or thread_use_space was called. */
struct space *process_space(struct process *process);
/* The current thread is about to end, in its own context, with its process's memory still in use. */
void process_thread_gone(struct thread *thread);
/* On every way back to user mode while is_interrupted is set, which it clears. May not return. */
void process_return_to_user(struct thread *thread);
/*
 * An exception of the current thread in user mode that memory could not mend: `signal` and `code` (si_code) as Linux numbers
 * them. process_return_to_user follows, if it interrupts the thread.
 */
int process_fault(struct thread *thread, int signal, int code, uint64_t address);
/*
 * A thread that is not started becomes one of a process: it gets its number. -LINUX_EAGAIN: there are too many, or the process
 * is ending; -LINUX_ENOMEM.
 */
int process_add_thread(struct process *process, struct thread *thread, int32_t *number);
/*
 * What a call returns that slept until a moment and was interrupted: `again` is called with these arguments in its place if
 * no handler ran; otherwise it answers EINTR.
 */
int64_t process_restart_with(int64_t (*again)(const uint64_t arguments[6]), const uint64_t arguments[6]);
/*
 * The moment from which a time that the current call was given counts: now; if the call was interrupted without a handler and is
 * made again, when it began first. For times that the call does not write back.
 */
uint64_t process_call_began_ns(void);
/* What the process's threads ran in all, those included that are gone. */
uint64_t process_run_ns(struct process *process);
/* The thread of this number, of whatever process, or NULL. It stays while the caller holds a spin lock. */
struct thread *process_any_thread(int32_t number);
/*
 * Each thread of a group or of a real user, among those that the current process may see; number 0: its own group or user. `step` is
 * called with a spin lock held.
 */
enum thread_owner { THREADS_OF_GROUP = 1, THREADS_OF_USER = 2 };
void process_each_thread(enum thread_owner whose, int32_t number, void (*step)(struct thread *thread, void *argument),
                         void *argument);
/* May the current thread change how that one is scheduled; `is_better` if it gets more by it? With a spin lock held. */
bool process_may_schedule(const struct thread *thread, bool is_better);
/* The thread of this number in a process, or NULL. It stays while the caller holds a spin lock. */
struct thread *process_thread_of(struct process *process, int32_t number);

#endif
