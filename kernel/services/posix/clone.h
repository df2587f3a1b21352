/* How a process makes another: fork(2), vfork(2), clone(2), clone3(2) as far as no thread is made. */
#ifndef GROVE_POSIX_CLONE_H
#define GROVE_POSIX_CLONE_H

#include <stdint.h>

#define LINUX_CLONE_SIGNAL UINT64_C(0xff)
#define LINUX_CLONE_VM UINT64_C(0x100)
#define LINUX_CLONE_FS UINT64_C(0x200)
#define LINUX_CLONE_FILES UINT64_C(0x400)
#define LINUX_CLONE_SIGHAND UINT64_C(0x800)
#define LINUX_CLONE_PIDFD UINT64_C(0x1000)
#define LINUX_CLONE_PTRACE UINT64_C(0x2000)
#define LINUX_CLONE_VFORK UINT64_C(0x4000)
#define LINUX_CLONE_PARENT UINT64_C(0x8000)
#define LINUX_CLONE_THREAD UINT64_C(0x10000)
#define LINUX_CLONE_SYSVSEM UINT64_C(0x40000)
#define LINUX_CLONE_SETTLS UINT64_C(0x80000)
#define LINUX_CLONE_PARENT_SETTID UINT64_C(0x100000)
#define LINUX_CLONE_CHILD_CLEARTID UINT64_C(0x200000)
#define LINUX_CLONE_DETACHED UINT64_C(0x400000)
#define LINUX_CLONE_UNTRACED UINT64_C(0x800000)
#define LINUX_CLONE_CHILD_SETTID UINT64_C(0x1000000)
#define LINUX_CLONE_IO UINT64_C(0x80000000)
#define LINUX_CLONE_CLEAR_SIGHAND UINT64_C(0x100000000)

/* struct clone_args of clone3, in its first version. */
struct clone_plan {
    uint64_t flags; /* without the signal */
    uint64_t pid_file; /* where the descriptor's number goes */
    uint64_t child_number, parent_number; /* where the thread's number goes in the child, in the parent */
    uint64_t exit_signal;
    uint64_t stack, stack_bytes; /* stack: its lowest address with stack_bytes, else where the stack pointer begins */
    uint64_t pointer; /* CLONE_SETTLS */
};

/* The number of the new process or thread, or an error of clone(2). */
int64_t process_clone(const struct clone_plan *plan);

#endif
