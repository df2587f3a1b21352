/*
 * Timers of processes: those of timer_create(2), ITIMER_VIRTUAL and ITIMER_PROF, and RLIMIT_CPU. All are guarded by the lock of
 * processes and looked at by the thread that serves alarms (alarm.c), in the order of the moments at which each has to be.
 *
 * A timer of processor time cannot be due before as much real time has passed as is left, divided by the threads that may
 * use it up beside each other. It is looked at then, and again if the process slept: never later than TIMERS_LATE_NS.
 *
 * One that sent its signal is silent until the signal is taken; what it missed meanwhile is its overrun. So a short
 * interval costs nobody more than the program itself.
 */
#ifndef GROVE_POSIX_TIMERS_H
#define GROVE_POSIX_TIMERS_H

#include "kernel/services/posix/process.h"

#define TIMERS_MAX 256u /* of one process */
#define TIMERS_LATE_NS UINT64_C(10000000)
#define TIMERS_GRAIN_NS UINT64_C(1000000)

/* When `look_ns` of the first timer is, UINT64_MAX for none. Locked. */
uint64_t timers_next_ns(void);
/* Look at the first one, whose moment has come. Locked. */
void timers_look(uint64_t now_ns);
/* A signal with SI_TIMER was taken by the process: its timer goes on, and its overrun is told. Locked. */
void timers_signal_taken(struct process *process, struct signal_info *info);
/* RLIMIT_CPU was set, or inherited at the beginning. Locked. */
void timers_limit_changed(struct process *process);
/* A new process. */
void timers_init(struct process *process);
/* execve: those of timer_create are gone. Locked. */
void timers_forget(struct process *process);
/* It has ended: none is left. Locked. */
void timers_end(struct process *process);

/* ---- for timer_calls.c; locked ---- */

/* What has passed of a timer's clock. */
uint64_t process_timer_now(const struct process_timer *timer);
/* At this moment of its clock (0: never) and then after each interval. */
void process_timer_set(struct process_timer *timer, uint64_t when, uint64_t interval);
/* How long until it goes off, 0: it does not. */
uint64_t process_timer_left(const struct process_timer *timer);

#endif
