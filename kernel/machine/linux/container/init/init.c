/*
 * The small init: the first process of a container whose program knows nothing of Grove.
 *
 * The first process of a process namespace is special: signals without a handler do not reach it, and orphans become its
 * children. Few programs are written for that, so this one takes the place, starts the program as its child, passes
 * signals on, reaps whatever dies, and ends with the program. Everything else in the namespace ends with it, by the
 * kernel.
 *
 *     grove-init DESCRIPTOR PROGRAM ARGUMENT-0 ...
 *
 * DESCRIPTOR is the set-up socket (plan.h): it says there that the program runs, or why not, and how it ended. It has no
 * C library, no heap and two pages of its own. It runs confined like the program: all layers stand before it begins.
 */
#include "kernel/machine/linux/container/calls.h"
#include "kernel/machine/linux/container/report.h"

#include <linux/sched.h>
#include <signal.h>
#include <sys/prctl.h>

_Noreturn void init_main(long *stack);

/* The C library is not here; the compiler may still ask for this. */
void *memset(void *memory, int value, size_t size);
void *memset(void *memory, int value, size_t size) {
    volatile unsigned char *byte = memory;
    while (size-- > 0)
        *byte++ = (unsigned char)value;
    return memory;
}

static _Noreturn void init_exit(int code) {
    for (;;)
        (void)system_call(SYS_exit_group, code, 0, 0, 0, 0);
}

static void init_report(int descriptor, struct report report) {
    (void)calls_write(descriptor, &report, sizeof report);
}

static int init_number(const char *text) {
    int number = 0;
    while (*text >= '0' && *text <= '9')
        number = number * 10 + (*text++ - '0');
    return number;
}

/* Unblock what the parent blocked and run the program, which is always process 2. */
static _Noreturn void init_child(int descriptor, char **arguments, char **environment) {
    uint64_t none = 0;
    (void)system_call(SYS_rt_sigprocmask, SIG_SETMASK, calls_pointer(&none), 0, sizeof none, 0);
    (void)calls_prctl(PR_SET_PDEATHSIG, SIGKILL, 0);
    long error = system_call(SYS_execve, calls_pointer(arguments[0]), calls_pointer(arguments + 1),
                             calls_pointer(environment), 0, 0);
    init_report(descriptor, (struct report){.kind = REPORT_FAILED, .layer = 19, .error = (int32_t)-error});
    init_exit(127);
}

/* Everything that has died; the program's own status ends us. */
static void init_reap(int descriptor, long program) {
    for (;;) {
        int status = 0;
        long process = system_call(SYS_wait4, -1, calls_pointer(&status), 1 /* WNOHANG */, 0, 0);
        if (process <= 0)
            return;
        if (process == program) {
            init_report(descriptor, (struct report){.kind = REPORT_ENDED, .value = status});
            init_exit((status & 0x7f) != 0 ? 128 + (status & 0x7f) : status >> 8 & 0xff);
        }
    }
}

/*
 * What a terminal sends goes to its whole foreground group, the program included; passing it on would send it twice. Such
 * signals come from the kernel, all others from somebody's kill.
 */
static void init_pass(long program, int signal, int code) {
    if (code != SI_KERNEL)
        (void)system_call(SYS_kill, program, signal, 0, 0, 0);
}

_Noreturn void init_main(long *stack) {
    long count = stack[0];
    char **arguments = (char **)(stack + 1), **environment = (char **)(stack + 1 + count + 1);
    int descriptor = init_number(arguments[1]);
    uint64_t all = ~UINT64_C(0);
    siginfo_t info;
    (void)calls_prctl(PR_SET_DUMPABLE, 0, 0);
    (void)system_call(SYS_fcntl, descriptor, F_SETFD, FD_CLOEXEC, 0, 0);
    (void)system_call(SYS_rt_sigprocmask, SIG_SETMASK, calls_pointer(&all), 0, sizeof all, 0);
    /* Waits here until the program runs or has failed to; no page of ours is copied for it. */
    long program = system_call(SYS_clone, CLONE_VM | CLONE_VFORK | SIGCHLD, 0, 0, 0, 0);
    if (program == 0)
        init_child(descriptor, arguments + 2, environment);
    if (program < 0) {
        init_report(descriptor, (struct report){.kind = REPORT_FAILED, .layer = 19, .error = (int32_t)-program});
        init_exit(127);
    }
    init_report(descriptor, (struct report){.kind = REPORT_RUNNING});
    /* The program has the streams and sockets now; kept here they would never be seen to close. */
    (void)system_call(SYS_close_range, 0, descriptor - 1, 0, 0, 0);
    info.si_code = SI_USER;
    for (;;) {
        long signal = system_call(SYS_rt_sigtimedwait, calls_pointer(&all), calls_pointer(&info), 0, sizeof all, 0);
        if (signal == SIGCHLD)
            init_reap(descriptor, program);
        else if (signal > 0)
            init_pass(program, (int)signal, info.si_code);
    }
}
