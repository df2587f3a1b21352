/*
 * The small init: the first process of a container whose program knows nothing of Grove.
 *
 * The first process of a process namespace is special: signals without a handler do not reach it, and orphans become its
 * children. Few programs are written for that, so this one takes the place, starts the program as its child, passes
 * signals on, reaps whatever dies, and ends with the program. Everything else in the namespace ends with it, by the
 * kernel.
 *
 *     grove-init DESCRIPTOR[t] PROGRAM ARGUMENT-0 ...
 *
 * DESCRIPTOR is the set-up socket (plan.h): it says there that the program runs, or why not, and how it ended. It has no
 * C library, no heap and two pages of its own. It runs confined like the program: all layers stand before it begins.
 *
 * With "t" a person sits before the program. If the session is ours and not that person's, it gets a process group of its own, to which the signals go that a terminal's
 * keys send; and where the session has a terminal, init does a shell's part for this one job: it gives the terminal to the
 * program's group, takes it back when the program stops, and gives it again when the program goes on. Taking it back is
 * how the other end of the terminal learns of the stop (userspace/grove/run/terminal.c): it is woken by the terminal's
 * output being held and let go.
 */
#include "kernel/machine/linux/container/calls.h"
#include "kernel/machine/linux/container/report.h"

#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/wait.h>

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

/* Kept on the stack: a page of data would be one more for every container. */
struct job {
    int descriptor; /* the set-up socket */
    bool has_person; /* and the session is ours */
    int terminal; /* of our session; -1: none */
    int foreground; /* the process group that had it when the program stopped; 0: it runs */
    int deferred; /* the signal of a key that came while we had it */
    long program;
};

static void init_read(struct job *job, const char *text) {
    while (*text >= '0' && *text <= '9')
        job->descriptor = job->descriptor * 10 + (*text++ - '0');
    job->has_person = *text == 't' && system_call(SYS_getsid, 0, 0, 0, 0, 0) == system_call(SYS_getpid, 0, 0, 0, 0, 0);
}

/* ---- the terminal ---- */

/* Keep the stream that is our session's terminal, out of the way of the program's descriptors. */
static void init_find_terminal(struct job *job) {
    int group;
    for (int i = 0; i < 3 && job->has_person && job->terminal < 0; i++)
        if (system_call(SYS_ioctl, i, TIOCGPGRP, calls_pointer(&group), 0, 0) == 0)
            job->terminal = (int)system_call(SYS_fcntl, i, F_DUPFD_CLOEXEC, job->descriptor + 1, 0, 0);
}

/* All signals are blocked, SIGTTOU too: so we may do that from the background. */
static void init_give_terminal(const struct job *job, int group) {
    if (job->terminal >= 0)
        (void)system_call(SYS_ioctl, job->terminal, TIOCSPGRP, calls_pointer(&group), 0, 0);
}

static void init_stopped(struct job *job) {
    int group = 0;
    if (job->terminal < 0 || job->foreground != 0 ||
        system_call(SYS_ioctl, job->terminal, TIOCGPGRP, calls_pointer(&group), 0, 0) < 0)
        return;
    job->foreground = group;
    init_give_terminal(job, (int)system_call(SYS_getpgid, 0, 0, 0, 0, 0));
    (void)system_call(SYS_ioctl, job->terminal, TCXONC, TCOOFF, 0, 0);
    (void)system_call(SYS_ioctl, job->terminal, TCXONC, TCOON, 0, 0);
}

static void init_continued(struct job *job) {
    if (job->foreground != 0)
        init_give_terminal(job, job->foreground);
    job->foreground = 0;
}

/* ---- the program ---- */

/* Unblock what the parent blocked and run the program, which is always process 2. */
static _Noreturn void init_child(const struct job *job, char **arguments, char **environment) {
    uint64_t none = 0;
    if (job->has_person) {
        (void)system_call(SYS_setpgid, 0, 0, 0, 0, 0);
        init_give_terminal(job, (int)system_call(SYS_getpid, 0, 0, 0, 0, 0));
    }
    (void)system_call(SYS_rt_sigprocmask, SIG_SETMASK, calls_pointer(&none), 0, sizeof none, 0);
    (void)calls_prctl(PR_SET_PDEATHSIG, SIGKILL, 0);
    long error = system_call(SYS_execve, calls_pointer(arguments[0]), calls_pointer(arguments + 1),
                             calls_pointer(environment), 0, 0);
    init_report(job->descriptor, (struct report){.kind = REPORT_FAILED, .layer = 19, .error = (int32_t)-error});
    init_exit(127);
}

static _Noreturn void init_ended(const struct job *job, int status) {
    init_report(job->descriptor, (struct report){.kind = REPORT_ENDED, .value = status});
    init_exit(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
}

/* Everything that has died; the program's own status ends us. */
static void init_reap(struct job *job) {
    for (;;) {
        int status = 0;
        long process = system_call(SYS_wait4, -1, calls_pointer(&status), WNOHANG | WUNTRACED | WCONTINUED, 0, 0);
        if (process <= 0)
            return;
        if (process != job->program)
            continue;
        if (WIFSTOPPED(status))
            init_stopped(job);
        else if (WIFCONTINUED(status))
            init_continued(job);
        else
            init_ended(job, status);
    }
}

/*
 * What a terminal sends goes to its whole foreground group, the program included; passing it on would send it twice. Such
 * signals come from the kernel, all others from somebody's kill. A hang-up the kernel tells the session's leader alone.
 */
static void init_pass(struct job *job, int signal, int code) {
    const uint64_t of_keys = UINT64_C(1) << SIGINT | UINT64_C(1) << SIGQUIT | UINT64_C(1) << SIGHUP |
                             UINT64_C(1) << SIGWINCH | UINT64_C(1) << SIGCONT;
    bool is_for_all = job->has_person && signal < 32 && (of_keys >> signal & 1) != 0;
    if (code == SI_KERNEL && job->foreground != 0 && signal != SIGHUP)
        job->deferred = signal;
    if (code == SI_KERNEL && !(signal == SIGHUP && job->has_person))
        return;
    if (signal == SIGCONT)
        init_continued(job);
    (void)system_call(SYS_kill, is_for_all ? -job->program : job->program, signal, 0, 0, 0);
    /* Whoever typed it had seen the program go on already: it comes after that. */
    if (signal == SIGCONT && job->deferred != 0) {
        (void)system_call(SYS_kill, -job->program, job->deferred, 0, 0, 0);
        job->deferred = 0;
    }
}

_Noreturn void init_main(long *stack) {
    long count = stack[0];
    char **arguments = (char **)(stack + 1), **environment = (char **)(stack + 1 + count + 1);
    uint64_t all = ~UINT64_C(0);
    siginfo_t info;
    struct job job = {.terminal = -1};
    init_read(&job, arguments[1]);
    init_find_terminal(&job);
    (void)calls_prctl(PR_SET_DUMPABLE, 0, 0);
    (void)system_call(SYS_fcntl, job.descriptor, F_SETFD, FD_CLOEXEC, 0, 0);
    (void)system_call(SYS_rt_sigprocmask, SIG_SETMASK, calls_pointer(&all), 0, sizeof all, 0);
    /* Waits here until the program runs or has failed to; no page of ours is copied for it. */
    long program = system_call(SYS_clone, CLONE_VM | CLONE_VFORK | SIGCHLD, 0, 0, 0, 0);
    if (program == 0)
        init_child(&job, arguments + 2, environment);
    if (program < 0) {
        init_report(job.descriptor, (struct report){.kind = REPORT_FAILED, .layer = 19, .error = (int32_t)-program});
        init_exit(127);
    }
    job.program = program;
    init_report(job.descriptor, (struct report){.kind = REPORT_RUNNING});
    /* The program has the streams and sockets now; kept here they would never be seen to close. */
    (void)system_call(SYS_close_range, 0, job.descriptor - 1, 0, 0, 0);
    info.si_code = SI_USER;
    for (;;) {
        long signal = system_call(SYS_rt_sigtimedwait, calls_pointer(&all), calls_pointer(&info), 0, sizeof all, 0);
        if (signal == SIGCHLD)
            init_reap(&job);
        else if (signal > 0)
            init_pass(&job, (int)signal, info.si_code);
    }
}
