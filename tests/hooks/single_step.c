/* Counting by ptrace: the child stops itself, and is then let go one instruction at a time until it ends. */
#include "tests/hooks/single_step.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

static _Noreturn void child(void (*run)(const void *context), const void *context) {
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
        _exit(1);
    (void)raise(SIGSTOP);
    run(context);
    _exit(0);
}

static int await(pid_t process, int *state) {
    pid_t got;
    do
        got = waitpid(process, state, 0);
    while (got < 0 && errno == EINTR);
    return got == process ? 0 : -1;
}

long single_step(void (*run)(const void *context), const void *context) {
    int state = 0;
    long count = 0;
    pid_t process = fork();
    if (process == 0)
        child(run, context);
    if (process < 0 || await(process, &state) < 0 || !WIFSTOPPED(state))
        return SINGLE_STEP_REFUSED;
    (void)ptrace(PTRACE_SETOPTIONS, process, NULL, (void *)PTRACE_O_EXITKILL);
    while (WIFSTOPPED(state)) {
        /* Its own stop and those of each step end here; any other signal is its own. */
        int signal = WSTOPSIG(state) == SIGTRAP || WSTOPSIG(state) == SIGSTOP ? 0 : WSTOPSIG(state);
        if (ptrace(PTRACE_SINGLESTEP, process, NULL, (void *)(intptr_t)signal) < 0 || await(process, &state) < 0)
            return SINGLE_STEP_REFUSED;
        count++;
    }
    return WIFEXITED(state) && WEXITSTATUS(state) == 0 ? count : SINGLE_STEP_DIED;
}
