/* The registers of a system call, and what stands in for the clock of the vDSO, on x86-64. */
#ifndef GROVE_CHAOS_PROCESSOR_H
#define GROVE_CHAOS_PROCESSOR_H

#include <stddef.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/user.h>

#define CLOCK_SYMBOL "__vdso_clock_gettime"
#define DAY_SYMBOL "__vdso_gettimeofday"

/* mov $number,%eax; syscall; ret: the arguments are where the function has them. */
static const unsigned char clock_code[8] = {0xb8, 0xe4, 0, 0, 0, 0x0f, 0x05, 0xc3};
static const unsigned char day_code[8] = {0xb8, 0x60, 0, 0, 0, 0x0f, 0x05, 0xc3};

/* The call that a stopped thread is about to make is not made. */
static inline int skip_call(pid_t thread) {
    return ptrace(PTRACE_POKEUSER, thread, offsetof(struct user_regs_struct, orig_rax), -1) < 0 ? -1 : 0;
}

static inline int set_result(pid_t thread, long result) {
    return ptrace(PTRACE_POKEUSER, thread, offsetof(struct user_regs_struct, rax), result) < 0 ? -1 : 0;
}

#endif
