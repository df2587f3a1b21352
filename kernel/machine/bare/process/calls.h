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
    X(rt_sigaction, 13, 134) \
    X(rt_sigprocmask, 14, 135) \
    X(rt_sigreturn, 15, 139) \
    X(ioctl, 16, 29) \
    X(writev, 20, 66) \
    X(sched_yield, 24, 124) \
    X(mremap, 25, 216) \
    X(msync, 26, 227) \
    X(mincore, 27, 232) \
    X(madvise, 28, 233) \
    X(pause, 34, SYSTEM_CALL_NONE) \
    X(nanosleep, 35, 101) \
    X(getitimer, 36, 102) \
    X(alarm, 37, SYSTEM_CALL_NONE) \
    X(setitimer, 38, 103) \
    X(getpid, 39, 172) \
    X(clone, 56, 220) \
    X(fork, 57, SYSTEM_CALL_NONE) \
    X(vfork, 58, SYSTEM_CALL_NONE) \
    X(execve, 59, 221) \
    X(exit, 60, 93) \
    X(wait4, 61, 260) \
    X(kill, 62, 129) \
    X(uname, 63, 160) \
    X(gettimeofday, 96, 169) \
    X(getrlimit, 97, 163) \
    X(getrusage, 98, 165) \
    X(sysinfo, 99, 179) \
    X(times, 100, 153) \
    X(getuid, 102, 174) \
    X(getgid, 104, 176) \
    X(setuid, 105, 146) \
    X(setgid, 106, 144) \
    X(geteuid, 107, 175) \
    X(getegid, 108, 177) \
    X(setpgid, 109, 154) \
    X(getppid, 110, 173) \
    X(getpgrp, 111, SYSTEM_CALL_NONE) \
    X(setsid, 112, 157) \
    X(setreuid, 113, 145) \
    X(setregid, 114, 143) \
    X(getgroups, 115, 158) \
    X(setgroups, 116, 159) \
    X(setresuid, 117, 147) \
    X(getresuid, 118, 148) \
    X(setresgid, 119, 149) \
    X(getresgid, 120, 150) \
    X(getpgid, 121, 155) \
    X(setfsuid, 122, 151) \
    X(setfsgid, 123, 152) \
    X(getsid, 124, 156) \
    X(capget, 125, 90) \
    X(capset, 126, 91) \
    X(rt_sigpending, 127, 136) \
    X(rt_sigtimedwait, 128, 137) \
    X(rt_sigqueueinfo, 129, 138) \
    X(rt_sigsuspend, 130, 133) \
    X(sigaltstack, 131, 132) \
    X(personality, 135, 92) \
    X(getpriority, 140, 141) \
    X(setpriority, 141, 140) \
    X(sched_setparam, 142, 118) \
    X(sched_getparam, 143, 121) \
    X(sched_setscheduler, 144, 119) \
    X(sched_getscheduler, 145, 120) \
    X(sched_get_priority_max, 146, 125) \
    X(sched_get_priority_min, 147, 126) \
    X(sched_rr_get_interval, 148, 127) \
    X(mlock, 149, 228) \
    X(munlock, 150, 229) \
    X(mlockall, 151, 230) \
    X(munlockall, 152, 231) \
    X(prctl, 157, 167) \
    X(arch_prctl, 158, SYSTEM_CALL_NONE) \
    X(setrlimit, 160, 164) \
    X(reboot, 169, 142) \
    X(gettid, 186, 178) \
    X(tkill, 200, 130) \
    X(time, 201, SYSTEM_CALL_NONE) \
    X(futex, 202, 98) \
    X(sched_setaffinity, 203, 122) \
    X(sched_getaffinity, 204, 123) \
    X(set_tid_address, 218, 96) \
    X(restart_syscall, 219, 128) \
    X(clock_gettime, 228, 113) \
    X(clock_getres, 229, 114) \
    X(clock_nanosleep, 230, 115) \
    X(exit_group, 231, 94) \
    X(tgkill, 234, 131) \
    X(waitid, 247, 95) \
    X(set_robust_list, 273, 99) \
    X(get_robust_list, 274, 100) \
    X(rt_tgsigqueueinfo, 297, 240) \
    X(prlimit64, 302, 261) \
    X(getcpu, 309, 168) \
    X(sched_setattr, 314, 274) \
    X(sched_getattr, 315, 275) \
    X(getrandom, 318, 278) \
    X(execveat, 322, 281) \
    X(mlock2, 325, 284) \
    X(pidfd_send_signal, 424, 424) \
    X(pidfd_open, 434, 434) \
    X(clone3, 435, 435)

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
