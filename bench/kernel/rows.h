/*
 * The rows of the comparison of kernels: each does one thing many times over, as any program does it through the C library.
 *
 * A row's function does it `count` times and says how many cycles that took, preparation and clean-up left out. It returns
 * 0, or the negative errno of the call that failed: -ENOSYS where the kernel below does not know it.
 *
 * Cycles are those of `rdtsc`: instructions under QEMU's `-icount shift=0`, the host's cycles under plain emulation.
 */
#ifndef KERNEL_BENCH_ROWS_H
#define KERNEL_BENCH_ROWS_H

#include <errno.h>
#include <stdint.h>

typedef int row_function(uint32_t count, uint64_t *cycles);

/* calls.c */
row_function row_null_call, row_signal, row_page_fault, row_mmap;
/* files.c */
row_function row_open_close, row_stat, row_create;
/* talk.c */
row_function row_pipe, row_socket, row_tcp, row_futex, row_switch;
/* channel.c */
row_function row_channel;
/* life.c */
row_function row_fork_exec_wait, row_thread;

/* What row_fork_exec_wait gives the program as its only argument, for it to end at once. */
#define ROWS_END_AT_ONCE "end-at-once"
/* This program's own path; set before a row runs. */
extern const char *rows_program;

/*
 * lateness.c: a thread that wants to run every millisecond, beside two processes that never rest. How late it came each
 * time, in nanoseconds, sorted; `with_deadline` asks for SCHED_DEADLINE instead of SCHED_FIFO.
 */
int lateness_measure(uint64_t *late_ns, uint32_t count, int with_deadline);

static inline uint64_t cycles_now(void) {
    return __builtin_ia32_rdtsc();
}

/* 0, or the negative errno of a call that returned `result`. */
static inline int rows_check(long result) {
    return result >= 0 ? 0 : -errno;
}

#endif
