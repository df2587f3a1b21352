/*
 * The Linux system calls that the bare machines know, in one table for both processors: X(name, x86_64, aarch64). The
 * numbers are Linux's, never to change; NONE where a processor has no such call. A function system_call_NAME in the
 * kernel serves each; every other number is answered with ENOSYS.
 */
#ifndef GROVE_BARE_CALLS_H
#define GROVE_BARE_CALLS_H

#define SYSTEM_CALL_NONE 0xffffu
#define SYSTEM_CALLS(X) \
    X(write, 1, 64) \
    X(mmap, 9, 222) \
    X(mprotect, 10, 226) \
    X(munmap, 11, 215) \
    X(brk, 12, 214) \
    X(ioctl, 16, 29) \
    X(writev, 20, 66) \
    X(mremap, 25, 216) \
    X(msync, 26, 227) \
    X(mincore, 27, 232) \
    X(madvise, 28, 233) \
    X(getpid, 39, 172) \
    X(exit, 60, 93) \
    X(mlock, 149, 228) \
    X(munlock, 150, 229) \
    X(mlockall, 151, 230) \
    X(munlockall, 152, 231) \
    X(arch_prctl, 158, SYSTEM_CALL_NONE) \
    X(set_tid_address, 218, 96) \
    X(clock_gettime, 228, 113) \
    X(exit_group, 231, 94) \
    X(getrandom, 318, 278) \
    X(mlock2, 325, 284)

#define LINUX_SIGILL 4
#define LINUX_SIGTRAP 5
#define LINUX_SIGBUS 7
#define LINUX_SIGFPE 8
#define LINUX_SIGKILL 9
#define LINUX_SIGSEGV 11

#endif
