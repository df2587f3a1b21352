/*
 * See sync.h. The child shares the kernel's memory, on a stack of its own: a fork would copy the page tables of a kernel
 * that holds thousands of containers, and have each of its pages copied when it is next written, once a second. So the
 * child calls nothing of the C library, whose errno is the kernel's, and hears no signal, whose handlers are the kernel's.
 * It keeps the log open and nothing else, because it may outlive the kernel for as long as the disk takes.
 */
#include "kernel/machine/linux/audit/sync.h"

#include "system_call.h"

#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define STACK_BYTES 16384u

static _Alignas(64) char stack[STACK_BYTES];
static pid_t child; /* 0: none is under way */

__attribute__((no_sanitize("address", "undefined"))) static int sync_run(void *context) {
    long file = (long)(intptr_t)context;
    if (file > 0)
        (void)system_call(SYS_close_range, 0, file - 1, 0, 0, 0);
    (void)system_call(SYS_close_range, file + 1, ~0U, 0, 0, 0);
    (void)system_call(SYS_fdatasync, file, 0, 0, 0, 0);
    (void)system_call(SYS_exit, 0, 0, 0, 0, 0);
    return 0;
}

static bool is_under_way(void) {
    if (child != 0 && waitpid(child, NULL, WNOHANG | __WALL) != 0)
        child = 0;
    return child != 0;
}

bool audit_sync_begin(int descriptor) {
    sigset_t all, before;
    if (is_under_way())
        return false;
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, &before);
    child = clone(sync_run, stack + sizeof stack, CLONE_VM, (void *)(intptr_t)descriptor);
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    child = child < 0 ? 0 : child;
    return child != 0;
}

void audit_sync_end(void) {
    (void)is_under_way();
}
