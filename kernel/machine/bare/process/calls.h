/*
 * The Linux system calls that the bare machines know, in one table for both processors: X(name, x86_64, aarch64). The
 * numbers are Linux's, never to change; NONE where a processor has no such call. A function system_call_NAME in the
 * kernel serves each; every other number is answered with ENOSYS.
 */
#ifndef GROVE_BARE_CALLS_H
#define GROVE_BARE_CALLS_H

#include <stdint.h>

#define SYSTEM_CALL_NONE 0xffffu
#define SYSTEM_CALLS(X) \
    X(write, 1, 64) \
    X(mmap, 9, 222) \
    X(mprotect, 10, 226) \
    X(munmap, 11, 215) \
    X(brk, 12, 214) \
    X(ioctl, 16, 29) \
    X(writev, 20, 66) \
    X(sched_yield, 24, 124) \
    X(nanosleep, 35, 101) \
    X(getpid, 39, 172) \
    X(clone, 56, 220) \
    X(exit, 60, 93) \
    X(gettimeofday, 96, 169) \
    X(getpriority, 140, 141) \
    X(setpriority, 141, 140) \
    X(sched_setparam, 142, 118) \
    X(sched_getparam, 143, 121) \
    X(sched_setscheduler, 144, 119) \
    X(sched_getscheduler, 145, 120) \
    X(sched_get_priority_max, 146, 125) \
    X(sched_get_priority_min, 147, 126) \
    X(sched_rr_get_interval, 148, 127) \
    X(arch_prctl, 158, SYSTEM_CALL_NONE) \
    X(gettid, 186, 178) \
    X(time, 201, SYSTEM_CALL_NONE) \
    X(futex, 202, 98) \
    X(sched_setaffinity, 203, 122) \
    X(sched_getaffinity, 204, 123) \
    X(set_tid_address, 218, 96) \
    X(clock_gettime, 228, 113) \
    X(clock_getres, 229, 114) \
    X(clock_nanosleep, 230, 115) \
    X(exit_group, 231, 94) \
    X(set_robust_list, 273, 99) \
    X(get_robust_list, 274, 100) \
    X(getcpu, 309, 168) \
    X(sched_setattr, 314, 274) \
    X(sched_getattr, 315, 275) \
    X(getrandom, 318, 278)

/* The six arguments as they came, in registers. Returns what the program sees: a negative number is an error (errors.h). */
typedef int64_t system_call(const uint64_t arguments[6]);
#define DECLARE_SYSTEM_CALL(name, x86_64, aarch64) system_call system_call_##name;
SYSTEM_CALLS(DECLARE_SYSTEM_CALL)
#undef DECLARE_SYSTEM_CALL

#define LINUX_SIGILL 4
#define LINUX_SIGTRAP 5
#define LINUX_SIGBUS 7
#define LINUX_SIGFPE 8
#define LINUX_SIGKILL 9
#define LINUX_SIGSEGV 11

#endif
