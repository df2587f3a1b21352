/*
 * Another signal mask until the current call returns to the program: ppoll, pselect, epoll_pwait, sigsuspend. The way back to
 * user mode sets the old one back, behind the handler that the new one let in.
 */
#ifndef GROVE_POSIX_SIGNAL_MASK_H
#define GROVE_POSIX_SIGNAL_MASK_H

#include "kernel/services/posix/signal.h"

void signal_mask_begin(uint64_t blocked);
/* Whether one is set, so that the way back to user mode has something to do. */
bool signal_mask_is_other(void);

/* SIGNAL_INFO_BYTES of a program's memory. -LINUX_EFAULT. */
int64_t user_write_signal_info(uint64_t to, const struct signal_info *info);

/*
 * For signalfd: take one of these that waits for the current thread or its process. 0: none. process.signals_changed is
 * woken when there may be one.
 */
int signal_take_waiting(uint64_t wanted, struct signal_info *info);
/* Those of `wanted` that wait. */
uint64_t signals_waiting_of(uint64_t wanted);

#endif
