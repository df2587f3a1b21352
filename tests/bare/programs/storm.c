/*
 * A storm of system calls: `storm SEED COUNT`. Numbers and arguments are random, most of them from what tends to hurt:
 * edges of ranges, addresses of the kernel, sizes that wrap around. Children make them, one after the other: each may end
 * itself that way (it unmaps its own memory now and then), stop itself, or wait for what never comes, which a timer
 * interrupts as long as it is not blocked; what still waits after that is killed. The kernel must not end.
 */
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WINDOW_BYTES (UINT64_C(1) << 20)
#define NUMBERS 450u
#define CHILD_CALLS 300u
#define PATIENCE_S 20 /* longer than any child takes, on a machine that has anything else to do */
#define TICK_US 2000

static uint64_t state;

static uint64_t next(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static const uint64_t edges[] = {
    0,
    1,
    8,
    4095,
    4096,
    UINT64_C(0x10000),
    UINT64_C(0x00007fffffffe000),
    UINT64_C(0x00007fffffffefff),
    UINT64_C(0x00007ffffffff000),
    UINT64_C(0x0000800000000000),
    UINT64_C(0xffff800000000000),
    UINT64_C(0xffffc00000000000),
    UINT64_C(0xffffffff80100000),
    UINT64_MAX - 4095,
    UINT64_MAX,
    UINT64_C(0x8000000000000000),
};

/* In the window whose loss does no harm; on a page boundary half of the time. */
static uint64_t in_window(uint64_t window) {
    uint64_t address = window + next() % WINDOW_BYTES;
    return next() % 2 == 0 ? address : address & ~UINT64_C(4095);
}

static uint64_t argument(uint64_t window) {
    switch (next() % 8) {
    case 0:
        return edges[next() % (sizeof(edges) / sizeof(edges[0]))];
    case 1:
        return next();
    case 2:
        return next() % 8192;
    case 3:
        return next() % 64;
    default:
        return in_window(window);
    }
}

/* What would end the storm too soon, let it grow without end, or keep the timer from interrupting it. */
static bool is_spared(long call) {
    static const long spared[] = {SYS_exit,           SYS_exit_group,    SYS_arch_prctl,   SYS_fork,      SYS_vfork,
                                  SYS_clone,          SYS_clone3,        SYS_rt_sigaction, SYS_setitimer, SYS_alarm,
                                  SYS_rt_sigprocmask, SYS_rt_sigsuspend, SYS_rt_sigreturn};
    for (size_t i = 0; i < sizeof(spared) / sizeof(spared[0]); i++)
        if (call == spared[i])
            return true;
    return false;
}

static long number(void) {
    static const long known[] = {
        SYS_write,         SYS_writev,    SYS_mmap,   SYS_munmap,  SYS_mprotect,        SYS_brk,      SYS_ioctl,
        SYS_clock_gettime, SYS_getrandom, SYS_getpid, SYS_writev,  SYS_set_tid_address, SYS_mremap,   SYS_madvise,
        SYS_mincore,       SYS_msync,     SYS_mlock,  SYS_munlock, SYS_mlock2,          SYS_mlockall, SYS_munlockall};
    long chosen;
    if (next() % 4 != 0)
        return known[next() % (sizeof(known) / sizeof(known[0]))];
    do {
        chosen = (long)(next() % NUMBERS);
    } while (is_spared(chosen));
    return chosen;
}

static void storm(uint64_t steps) {
    void *window = mmap(NULL, WINDOW_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (window == MAP_FAILED)
        return;
    for (uint64_t i = 0; i < steps; i++) {
        long call = number();
        uint64_t first = argument((uint64_t)window), rest[5];
        for (unsigned j = 0; j < 5; j++)
            rest[j] = argument((uint64_t)window);
        if (call == SYS_write || call == SYS_writev) {
            first = next() % 64 == 0 ? 1 : first % 64; /* the console is slow */
            rest[1] %= 64;
        } else if (call == SYS_munmap || call == SYS_mprotect || call == SYS_mmap || call == SYS_mremap ||
                   call == SYS_madvise || call == SYS_mincore || call == SYS_msync) {
            first = next() % 16 != 0 ? in_window((uint64_t)window) : first;
            rest[0] = next() % 4 != 0 ? rest[0] % (WINDOW_BYTES / 4) : rest[0];
            rest[2] = next() % 2 == 0 ? MAP_PRIVATE | MAP_ANONYMOUS | (next() % 2 == 0 ? MAP_FIXED : 0) : rest[2];
            if (call != SYS_mmap) { /* a small length, advice or flag; mremap's target may be in the window */
                rest[1] = call == SYS_mremap ? next() % (WINDOW_BYTES / 4) : next() % 32;
                rest[2] = next() % 4;
                rest[3] = in_window((uint64_t)window) & ~UINT64_C(4095);
            }
        }
        (void)syscall(call, first, rest[0], rest[1], rest[2], rest[3], rest[4]);
    }
}

static void interrupt(int signal) {
    (void)signal;
}

static void child(uint64_t steps) {
    struct sigaction action = {.sa_handler = interrupt};
    struct itimerval often = {{0, TICK_US}, {0, TICK_US}};
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    storm(steps);
    _exit(0);
}

/* Until it has ended, or was killed because it waits. */
static int wait_for(pid_t child) {
    sigset_t ended;
    struct timespec patience = {PATIENCE_S, 0};
    int status = 0;
    sigemptyset(&ended);
    sigaddset(&ended, SIGCHLD);
    while (waitpid(child, &status, WNOHANG) == 0)
        if (sigtimedwait(&ended, NULL, &patience) < 0)
            kill(child, SIGKILL);
    return status;
}

int main(int count, char **arguments) {
    sigset_t ended;
    if (count != 3)
        return 99;
    uint64_t seed = strtoull(arguments[1], NULL, 10), steps = strtoull(arguments[2], NULL, 10);
    unsigned children = 0, killed = 0;
    sigemptyset(&ended);
    sigaddset(&ended, SIGCHLD);
    sigprocmask(SIG_BLOCK, &ended, NULL);
    for (uint64_t done = 0; done < steps; done += CHILD_CALLS) {
        state = (seed * 1000 + ++children) * UINT64_C(0x9e3779b97f4a7c15) + 1;
        pid_t made = fork();
        if (made == 0)
            child(CHILD_CALLS);
        if (made < 0)
            return 98;
        int status = wait_for(made);
        killed += WIFSIGNALED(status);
    }
    printf("\nstorm: %u children, of which %u were killed\n", children, killed);
    return 0;
}
