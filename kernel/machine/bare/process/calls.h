/*
 * The Linux system calls that the bare machines know, in one table for both processors: X(name, x86_64, aarch64). The
 * numbers are Linux's, never to change; NONE where a processor has no such call. A function system_call_NAME in the
 * kernel serves each; every other number is answered with ENOSYS.
 */
#ifndef GROVE_BARE_CALLS_H
#define GROVE_BARE_CALLS_H

#include "grove/abi/call.h"

#include <stdint.h>

#define SYSTEM_CALL_NONE 0xffffu
#define SYSTEM_CALLS(X) \
    X(read, 0, 63) \
    X(write, 1, 64) \
    X(open, 2, SYSTEM_CALL_NONE) \
    X(close, 3, 57) \
    X(stat, 4, SYSTEM_CALL_NONE) \
    X(fstat, 5, 80) \
    X(lstat, 6, SYSTEM_CALL_NONE) \
    X(poll, 7, SYSTEM_CALL_NONE) \
    X(lseek, 8, 62) \
    X(mmap, 9, 222) \
    X(mprotect, 10, 226) \
    X(munmap, 11, 215) \
    X(brk, 12, 214) \
    X(rt_sigaction, 13, 134) \
    X(rt_sigprocmask, 14, 135) \
    X(rt_sigreturn, 15, 139) \
    X(ioctl, 16, 29) \
    X(pread64, 17, 67) \
    X(pwrite64, 18, 68) \
    X(readv, 19, 65) \
    X(writev, 20, 66) \
    X(access, 21, SYSTEM_CALL_NONE) \
    X(pipe, 22, SYSTEM_CALL_NONE) \
    X(select, 23, SYSTEM_CALL_NONE) \
    X(sched_yield, 24, 124) \
    X(mremap, 25, 216) \
    X(msync, 26, 227) \
    X(mincore, 27, 232) \
    X(madvise, 28, 233) \
    X(dup, 32, 23) \
    X(dup2, 33, SYSTEM_CALL_NONE) \
    X(pause, 34, SYSTEM_CALL_NONE) \
    X(nanosleep, 35, 101) \
    X(getitimer, 36, 102) \
    X(alarm, 37, SYSTEM_CALL_NONE) \
    X(setitimer, 38, 103) \
    X(getpid, 39, 172) \
    X(sendfile, 40, 71) \
    X(socket, 41, 198) \
    X(connect, 42, 203) \
    X(accept, 43, 202) \
    X(sendto, 44, 206) \
    X(recvfrom, 45, 207) \
    X(sendmsg, 46, 211) \
    X(recvmsg, 47, 212) \
    X(shutdown, 48, 210) \
    X(bind, 49, 200) \
    X(listen, 50, 201) \
    X(getsockname, 51, 204) \
    X(getpeername, 52, 205) \
    X(socketpair, 53, 199) \
    X(setsockopt, 54, 208) \
    X(getsockopt, 55, 209) \
    X(clone, 56, 220) \
    X(fork, 57, SYSTEM_CALL_NONE) \
    X(vfork, 58, SYSTEM_CALL_NONE) \
    X(execve, 59, 221) \
    X(exit, 60, 93) \
    X(wait4, 61, 260) \
    X(kill, 62, 129) \
    X(uname, 63, 160) \
    X(fcntl, 72, 25) \
    X(flock, 73, 32) \
    X(fsync, 74, 82) \
    X(fdatasync, 75, 83) \
    X(truncate, 76, 45) \
    X(ftruncate, 77, 46) \
    X(getdents, 78, SYSTEM_CALL_NONE) \
    X(getcwd, 79, 17) \
    X(chdir, 80, 49) \
    X(fchdir, 81, 50) \
    X(rename, 82, SYSTEM_CALL_NONE) \
    X(mkdir, 83, SYSTEM_CALL_NONE) \
    X(rmdir, 84, SYSTEM_CALL_NONE) \
    X(creat, 85, SYSTEM_CALL_NONE) \
    X(link, 86, SYSTEM_CALL_NONE) \
    X(unlink, 87, SYSTEM_CALL_NONE) \
    X(symlink, 88, SYSTEM_CALL_NONE) \
    X(readlink, 89, SYSTEM_CALL_NONE) \
    X(chmod, 90, SYSTEM_CALL_NONE) \
    X(fchmod, 91, 52) \
    X(chown, 92, SYSTEM_CALL_NONE) \
    X(fchown, 93, 55) \
    X(lchown, 94, SYSTEM_CALL_NONE) \
    X(umask, 95, 166) \
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
    X(utime, 132, SYSTEM_CALL_NONE) \
    X(mknod, 133, SYSTEM_CALL_NONE) \
    X(personality, 135, 92) \
    X(statfs, 137, 43) \
    X(fstatfs, 138, 44) \
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
    X(adjtimex, 159, 171) \
    X(setrlimit, 160, 164) \
    X(chroot, 161, 51) \
    X(sync, 162, 81) \
    X(mount, 165, 40) \
    X(umount2, 166, 39) \
    X(reboot, 169, 142) \
    X(init_module, 175, 105) \
    X(delete_module, 176, 106) \
    X(gettid, 186, 178) \
    X(readahead, 187, 213) \
    X(setxattr, 188, 5) \
    X(lsetxattr, 189, 6) \
    X(fsetxattr, 190, 7) \
    X(getxattr, 191, 8) \
    X(lgetxattr, 192, 9) \
    X(fgetxattr, 193, 10) \
    X(listxattr, 194, 11) \
    X(llistxattr, 195, 12) \
    X(flistxattr, 196, 13) \
    X(removexattr, 197, 14) \
    X(lremovexattr, 198, 15) \
    X(fremovexattr, 199, 16) \
    X(tkill, 200, 130) \
    X(time, 201, SYSTEM_CALL_NONE) \
    X(futex, 202, 98) \
    X(sched_setaffinity, 203, 122) \
    X(sched_getaffinity, 204, 123) \
    X(epoll_create, 213, SYSTEM_CALL_NONE) \
    X(getdents64, 217, 61) \
    X(set_tid_address, 218, 96) \
    X(restart_syscall, 219, 128) \
    X(fadvise64, 221, 223) \
    X(timer_create, 222, 107) \
    X(timer_settime, 223, 110) \
    X(timer_gettime, 224, 108) \
    X(timer_getoverrun, 225, 109) \
    X(timer_delete, 226, 111) \
    X(clock_gettime, 228, 113) \
    X(clock_getres, 229, 114) \
    X(clock_nanosleep, 230, 115) \
    X(exit_group, 231, 94) \
    X(epoll_wait, 232, SYSTEM_CALL_NONE) \
    X(epoll_ctl, 233, 21) \
    X(tgkill, 234, 131) \
    X(utimes, 235, SYSTEM_CALL_NONE) \
    X(waitid, 247, 95) \
    X(openat, 257, 56) \
    X(mkdirat, 258, 34) \
    X(mknodat, 259, 33) \
    X(fchownat, 260, 54) \
    X(futimesat, 261, SYSTEM_CALL_NONE) \
    X(newfstatat, 262, 79) \
    X(unlinkat, 263, 35) \
    X(renameat, 264, 38) \
    X(linkat, 265, 37) \
    X(symlinkat, 266, 36) \
    X(readlinkat, 267, 78) \
    X(fchmodat, 268, 53) \
    X(faccessat, 269, 48) \
    X(pselect6, 270, 72) \
    X(ppoll, 271, 73) \
    X(set_robust_list, 273, 99) \
    X(get_robust_list, 274, 100) \
    X(splice, 275, 76) \
    X(tee, 276, 77) \
    X(sync_file_range, 277, 84) \
    X(vmsplice, 278, 75) \
    X(utimensat, 280, 88) \
    X(epoll_pwait, 281, 22) \
    X(signalfd, 282, SYSTEM_CALL_NONE) \
    X(timerfd_create, 283, 85) \
    X(eventfd, 284, SYSTEM_CALL_NONE) \
    X(fallocate, 285, 47) \
    X(timerfd_settime, 286, 86) \
    X(timerfd_gettime, 287, 87) \
    X(accept4, 288, 242) \
    X(signalfd4, 289, 74) \
    X(eventfd2, 290, 19) \
    X(epoll_create1, 291, 20) \
    X(dup3, 292, 24) \
    X(pipe2, 293, 59) \
    X(preadv, 295, 69) \
    X(pwritev, 296, 70) \
    X(rt_tgsigqueueinfo, 297, 240) \
    X(recvmmsg, 299, 243) \
    X(prlimit64, 302, 261) \
    X(clock_adjtime, 305, 266) \
    X(syncfs, 306, 267) \
    X(sendmmsg, 307, 269) \
    X(getcpu, 309, 168) \
    X(process_vm_readv, 310, 270) \
    X(process_vm_writev, 311, 271) \
    X(finit_module, 313, 273) \
    X(sched_setattr, 314, 274) \
    X(sched_getattr, 315, 275) \
    X(renameat2, 316, 276) \
    X(getrandom, 318, 278) \
    X(memfd_create, 319, 279) \
    X(execveat, 322, 281) \
    X(membarrier, 324, 283) \
    X(mlock2, 325, 284) \
    X(copy_file_range, 326, 285) \
    X(preadv2, 327, 286) \
    X(pwritev2, 328, 287) \
    X(statx, 332, 291) \
    X(pidfd_send_signal, 424, 424) \
    X(pidfd_open, 434, 434) \
    X(clone3, 435, 435) \
    X(close_range, 436, 436) \
    X(openat2, 437, 437) \
    X(pidfd_getfd, 438, 438) \
    X(faccessat2, 439, 439) \
    X(epoll_pwait2, 441, 441) \
    X(futex_waitv, 449, 449) \
    X(fchmodat2, 452, 452)

/* The six arguments as they came, in registers. Returns what the program sees: a negative number is an error (errors.h). */
typedef int64_t system_call(const uint64_t arguments[6]);
/* Calls that only Grove has: X(name, number), the same on both processors. See grove/abi/call.h. */
#define GROVE_SYSTEM_CALLS(X) X(grove_hand_over, GROVE_CALL_HAND_OVER)

#define DECLARE_SYSTEM_CALL(name, ...) system_call system_call_##name;
GROVE_SYSTEM_CALLS(DECLARE_SYSTEM_CALL)
SYSTEM_CALLS(DECLARE_SYSTEM_CALL)
#undef DECLARE_SYSTEM_CALL

#define LINUX_SIGILL 4
#define LINUX_SIGTRAP 5
#define LINUX_SIGBUS 7
#define LINUX_SIGFPE 8
#define LINUX_SIGKILL 9
#define LINUX_SIGSEGV 11

#endif
