/* What the files of this layer do for each other. "Locked" means that the lock of processes is held. */
#ifndef GROVE_POSIX_INSIDE_H
#define GROVE_POSIX_INSIDE_H

#include "kernel/services/posix/process.h"

static inline void processes_lock(void) {
    spinlock_lock(&processes.lock);
}

static inline void processes_unlock(void) {
    spinlock_unlock(&processes.lock);
}

/* As the current process sees them (number.h). No reference; zombies too. Locked. */
struct process *process_find_locked(int32_t number);

/* ---- memory: without locks ---- */

/* Charged to whom the process is. */
int process_memory_create(const struct process *process, struct process_memory **memory);
/* What it runs, which nobody writes to from now on; one more reference. -LINUX_ETXTBSY: somebody does. */
int process_memory_set_program(struct process_memory *memory, const struct path *program);
int process_memory_fork(struct process_memory *from, struct process_memory **memory);
/* Nobody uses its space when the last reference goes. */
void process_memory_unref(struct process_memory *memory);

/*
 * May the current process change that one's memory and take its files: PTRACE_MODE_ATTACH_REALCREDS of ptrace(2)? Whoever is in a
 * container reaches nobody outside of it, whatever it holds. Locked.
 */
bool process_may_reach(const struct process *process);

/* ---- beginning and end ---- */

/* A process with memory, no descriptors, no number, no thread and no place in the family. */
int process_create_first(const struct caller *caller, struct process **process);
/* The first of a program, with neither files nor folders: both are left zero. */
int process_create_contained(struct program *program, struct process **process);
/* The same with what fork copies; nothing that signals change, which process_begin does. */
int process_create_child(struct process *parent, bool shares_memory, struct process **process);
/* What was created and has not begun. */
void process_destroy_unborn(struct process *process);
/* Close its files, and give its folders up. */
void process_release_files(struct process *process);

/*
 * Give an unborn process its first thread, a number and its place: in the family of `parent`, in its group and session, with
 * what it has asked of signals; NULL: it is process 1, or the first of its program. -LINUX_EAGAIN: limits, or the parent is ending; -LINUX_ENOMEM.
 */
int process_begin(struct process *process, struct process *parent, struct thread *thread);
/* Take a zombie out of everything, with the table's reference. Locked. */
void process_remove(struct process *process);

/* Tell every thread to end; `status` is what wait tells then. Nothing if they were already told. Locked. */
void process_end_all(struct process *process, int32_t status);
/* Must the current thread end? Locked. */
bool process_must_end(const struct process_thread *part);
/* The current thread ends all others of its process and goes on. -LINUX_EINTR: it is to end itself. */
int process_end_others(void);
/* The parent need not wait any more for its child to have memory of its own. Locked. */
void process_tell_vfork_done(struct process *process);
/* Tell the parent that it ended, stopped or goes on (LINUX_CLD_). Locked. */
void process_tell_parent(struct process *process, int code, int32_t status);

/* ---- families: locked ---- */

/* Children go to the next subreaper above, or to the first of all, or of their program. */
void family_give_away_children(struct process *process);
/* Would its group be orphaned without it and, if `with_parent`, its parent's care? Then stopped members get SIGHUP. */
void family_check_group(struct number *group, const struct process *ignored);
bool group_is_orphaned_without(const struct number *group, const struct process *ignored);
void group_join(struct process *process, struct number *group);
void session_join(struct process *process, struct number *session);

/* ---- signals: locked ---- */

int signal_send_locked(struct process *process, struct process_thread *part, int signal,
                       const struct signal_info *info);
int signal_send_group_locked(const struct number *group, int signal, const struct signal_info *info);
/* The same if the current process may; signal 0 only asks. Zombies are no error. */
int signal_send_checked(struct process *process, int signal, const struct signal_info *info);
/* Of what waits for the thread, alone or in common, in `allowed`: the next. 0: none. */
int signal_take(struct process_thread *part, uint64_t allowed, struct signal_info *info);
/* Is this entry of a queue the signal of that timer of timer_create? */
bool signal_entry_is_of_timer(struct list *link, int32_t id);
uint64_t signals_waiting(const struct process_thread *part);
/* Interrupt whoever of its other threads would take what waits for all. */
void signals_offer(struct process *process, const struct process_thread *but);
/* The current thread blocks these from now on. */
void signals_block(struct process_thread *part, uint64_t blocked);
void signal_queue_empty(struct signal_queue *queue, uint64_t signals);
bool signal_is_ignored(const struct process *process, int signal);
/* Begin to stop all its threads. */
void process_stop(struct process *process, int signal);
/* A thread has stopped or gone: tell the parent once all have stopped. */
void process_check_stop(struct process *process);
/* What it used so far, with what its threads used. Locked. */
void process_usage_now(struct process *process, struct process_usage *usage);
/* What is told of a signal that the current process sends. */
struct signal_info signal_info_of_caller(int signal, int code);

/* ---- timers ---- */

/* ITIMER_REAL goes off at this moment and then after each interval; 0: not at all. Locked. */
void alarm_set(struct process *process, uint64_t when_ns, uint64_t interval_ns);

#endif
