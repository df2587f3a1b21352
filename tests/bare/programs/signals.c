/*
 * Signals, as a program sees them: prints the same lines on Linux and on the bare machine. Numbers of processes, times and
 * addresses are not printed.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#define STORM 500

static volatile sig_atomic_t calls, last;
static siginfo_t seen;
static char order[64];
static sigjmp_buf way_out;

static void say(const char *what, long value) {
    printf("%s: %ld\n", what, value);
    fflush(stdout);
}

static long told(long answer) {
    return answer >= 0 ? answer : -errno;
}

static void note(int signal, siginfo_t *info, void *context) {
    (void)context;
    calls++;
    last = signal;
    seen = *info;
    size_t length = strlen(order);
    if (length + 2 < sizeof(order))
        order[length] = (char)('A' + signal % 26);
}

static void handle(int signal, void (*handler)(int, siginfo_t *, void *), int flags) {
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};
    sigemptyset(&action.sa_mask);
    sigaction(signal, &action, NULL);
}

static sigset_t set_of(int first, int second) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, first);
    if (second != 0)
        sigaddset(&set, second);
    return set;
}

/* ---- handlers ---- */

static void infos(void) {
    handle(SIGUSR1, note, 0);
    kill(getpid(), SIGUSR1);
    say("kill", seen.si_code == SI_USER && seen.si_pid == getpid() && seen.si_uid == getuid());
    raise(SIGUSR1);
    say("raise", seen.si_code == SI_TKILL);
    sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = 1234});
    say("sigqueue", seen.si_code == SI_QUEUE ? seen.si_value.sival_int : -1);
    handle(SIGCHLD, note, 0);
    if (fork() == 0)
        _exit(21);
    while (last != SIGCHLD)
        sched_yield();
    say("child", seen.si_code == CLD_EXITED ? seen.si_status : -1);
    wait(NULL);
    signal(SIGCHLD, SIG_DFL);
    say("calls", calls);
    say("bad signal", told(kill(getpid(), 65)));
    struct sigaction action = {.sa_handler = SIG_IGN};
    say("no action for kill", told(sigaction(SIGKILL, &action, NULL)));
}

static void waiting(void) {
    sigset_t set = set_of(SIGUSR1, SIGUSR2), before, pending;
    handle(SIGUSR2, note, 0);
    calls = 0;
    memset(order, 0, sizeof(order));
    sigprocmask(SIG_BLOCK, &set, &before);
    kill(getpid(), SIGUSR2);
    kill(getpid(), SIGUSR1);
    kill(getpid(), SIGUSR1);
    sigpending(&pending);
    say("pending", sigismember(&pending, SIGUSR1) + 2 * sigismember(&pending, SIGUSR2) + 4 * sigismember(&pending, SIGHUP));
    say("blocked", calls);
    sigprocmask(SIG_SETMASK, &before, NULL);
    printf("order: %s\n", order);
    handle(SIGRTMIN + 1, note, 0);
    handle(SIGRTMIN + 2, note, 0);
    set = set_of(SIGRTMIN + 1, SIGRTMIN + 2);
    memset(order, 0, sizeof(order));
    sigprocmask(SIG_BLOCK, &set, &before);
    sigqueue(getpid(), SIGRTMIN + 2, (union sigval){.sival_int = 1});
    for (int i = 0; i < 3; i++)
        sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = i});
    siginfo_t info;
    struct timespec none = {0, 0};
    set = set_of(SIGRTMIN + 1, 0);
    say("taken", sigtimedwait(&set, &info, &none) == SIGRTMIN + 1 ? info.si_value.sival_int : -1);
    sigprocmask(SIG_SETMASK, &before, NULL);
    printf("order: %s\n", order);
    say("nothing to take", told(sigtimedwait(&set, &info, &none)));
}

static void inner(int signal) {
    sigset_t now;
    sigprocmask(SIG_BLOCK, NULL, &now);
    order[strlen(order)] = (char)('0' + sigismember(&now, SIGUSR1) + 2 * sigismember(&now, SIGUSR2));
    if (strlen(order) < 4)
        kill(getpid(), signal);
    order[strlen(order)] = '.';
}

static void flags(void) {
    struct sigaction action = {.sa_handler = inner, .sa_flags = 0};
    sigset_t before;
    action.sa_mask = set_of(SIGUSR2, 0);
    for (int i = 0; i < 2; i++) {
        memset(order, 0, sizeof(order));
        action.sa_flags = i == 0 ? 0 : SA_NODEFER;
        sigaction(SIGUSR1, &action, NULL);
        kill(getpid(), SIGUSR1);
        printf("flags %d: %s\n", i, order);
    }
    action.sa_flags = (int)SA_RESETHAND;
    order[0] = 'x';
    sigaction(SIGUSR1, &action, NULL);
    sigprocmask(SIG_BLOCK, NULL, &before);
    memset(order, 'x', 8);
    kill(getpid(), SIGUSR1);
    sigaction(SIGUSR1, NULL, &action);
    say("reset", action.sa_handler == SIG_DFL);
    memset(order, 0, sizeof(order));
}

/* ---- stacks and registers ---- */

static char *stack_base;
static void on_stack(int signal, siginfo_t *info, void *context) {
    char here;
    stack_t now;
    note(signal, info, context);
    sigaltstack(NULL, &now);
    bool is_inside = &here >= stack_base && &here < stack_base + SIGSTKSZ * 2;
    last = is_inside + 2 * (now.ss_flags == SS_ONSTACK) + 4 * (told(sigaltstack(&now, NULL)) == -EPERM);
}

static void change(int signal, siginfo_t *info, void *context) {
    ucontext_t *user = context;
    note(signal, info, context);
    user->uc_mcontext.gregs[REG_RAX] = 42;
    user->uc_mcontext.gregs[REG_RIP] += 2; /* behind the instruction that cannot be */
    __asm__ volatile("pcmpeqd %%xmm6, %%xmm6; pcmpeqd %%xmm7, %%xmm7" : : : "xmm6", "xmm7");
}

static void stacks(void) {
    stack_base = malloc(SIGSTKSZ * 2);
    stack_t stack = {.ss_sp = stack_base, .ss_size = SIGSTKSZ * 2};
    say("stack", told(sigaltstack(&stack, NULL)));
    handle(SIGUSR1, on_stack, SA_ONSTACK);
    raise(SIGUSR1);
    say("on it", last);
    sigaltstack(NULL, &stack);
    say("off it", stack.ss_flags);
    stack.ss_flags = SS_DISABLE;
    sigaltstack(&stack, NULL);
    stack.ss_flags = 0;
    stack.ss_size = 100;
    say("too small", told(sigaltstack(&stack, NULL)));
    free(stack_base);
    handle(SIGILL, change, 0);
    long result = 0;
    uint64_t vector[2] = {0x1122334455667788, 0x99aabbccddeeff00}, after[2] = {0, 0};
    __asm__ volatile("movdqu %1, %%xmm6; mov $7, %%eax; ud2; movdqu %%xmm6, %2; mov %%rax, %0"
                     : "=r"(result)
                     : "m"(vector), "m"(after)
                     : "rax", "xmm6", "memory");
    say("changed", result);
    say("vectors kept", memcmp(vector, after, sizeof(vector)) == 0);
    signal(SIGILL, SIG_DFL);
}

/* ---- faults ---- */

static void jump(int signal, siginfo_t *info, void *context) {
    note(signal, info, context);
    siglongjmp(way_out, 1);
}

static void faults(void) {
    char *page = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    handle(SIGSEGV, jump, 0);
    handle(SIGFPE, jump, 0);
    handle(SIGILL, jump, 0);
    handle(SIGTRAP, note, 0);
    handle(SIGBUS, jump, 0);
    if (sigsetjmp(way_out, 1) == 0)
        *(volatile char *)(page + 5) = 1;
    say("not allowed", seen.si_code == SEGV_ACCERR && seen.si_addr == page + 5);
    munmap(page, 8192);
    if (sigsetjmp(way_out, 1) == 0)
        *(volatile char *)(page + 6) = 1;
    say("not there", seen.si_code == SEGV_MAPERR && seen.si_addr == page + 6);
    for (volatile int i = 0; i < 2; i++) {
        volatile char *volatile kernel = (char *)(i == 0 ? 0xffff800000000000 : 0x0000800000000000);
        if (sigsetjmp(way_out, 1) == 0)
            *kernel = 1;
        say("kernel", seen.si_signo == SIGSEGV ? seen.si_code : -1);
    }
    if (sigsetjmp(way_out, 1) == 0)
        __asm__ volatile("xor %%ecx, %%ecx; xor %%edx, %%edx; idiv %%ecx" : : : "eax", "ecx", "edx");
    say("division", seen.si_signo == SIGFPE ? seen.si_code : -1);
    if (sigsetjmp(way_out, 1) == 0)
        __asm__ volatile("ud2");
    say("instruction", seen.si_signo == SIGILL ? seen.si_code : -1);
    __asm__ volatile("int3");
    say("breakpoint", seen.si_signo == SIGTRAP ? seen.si_code : -1);
    sigset_t set = set_of(SIGSEGV, 0);
    volatile char *volatile nowhere = NULL;
    if (fork() == 0) {
        sigprocmask(SIG_BLOCK, &set, NULL);
        *nowhere = 1;
        _exit(1);
    }
    int status = 0;
    wait(&status);
    say("blocked fault", WIFSIGNALED(status) ? WTERMSIG(status) : -1);
    signal(SIGSEGV, SIG_DFL);
}

/* ---- calls that are interrupted ---- */

static void interrupted(void) {
    int ends[2];
    char byte;
    if (pipe(ends) != 0)
        return;
    struct itimerval soon = {.it_value = {0, 20000}}, off = {0};
    handle(SIGALRM, note, 0);
    setitimer(ITIMER_REAL, &soon, NULL);
    say("read", told(read(ends[0], &byte, 1)));
    handle(SIGALRM, note, SA_RESTART);
    pid_t child = fork();
    if (child == 0) {
        struct timespec later = {0, 60000000};
        nanosleep(&later, NULL);
        _exit(write(ends[1], "!", 1) == 1 ? 0 : 1);
    }
    calls = 0;
    setitimer(ITIMER_REAL, &soon, NULL);
    say("read again", told(read(ends[0], &byte, 1)));
    say("handled", calls);
    wait(NULL);
    struct timespec want = {5, 0}, left = {0, 0};
    setitimer(ITIMER_REAL, &soon, NULL);
    say("sleep", told(nanosleep(&want, &left)));
    say("left", left.tv_sec == 4);
    child = fork();
    if (child == 0) {
        want = (struct timespec){0, 300000000};
        _exit(nanosleep(&want, NULL) == 0 ? 5 : 6);
    }
    for (int i = 0; i < 3; i++) {
        int status;
        kill(child, SIGSTOP);
        waitpid(child, &status, WUNTRACED);
        kill(child, SIGCONT);
        waitpid(child, &status, WCONTINUED);
    }
    int status = 0;
    waitpid(child, &status, 0);
    say("sleep over a stop", WEXITSTATUS(status));
    sigset_t none;
    sigemptyset(&none);
    sigset_t alarm_set = set_of(SIGALRM, 0), before;
    sigprocmask(SIG_BLOCK, &alarm_set, &before);
    calls = 0;
    setitimer(ITIMER_REAL, &soon, NULL);
    say("suspend", told(sigsuspend(&none)));
    say("handled", calls);
    sigprocmask(SIG_SETMASK, NULL, &none);
    say("mask is back", sigismember(&none, SIGALRM));
    sigprocmask(SIG_SETMASK, &before, NULL);
    setitimer(ITIMER_REAL, &soon, NULL);
    say("pause", told(pause()));
    alarm(100);
    unsigned rest = alarm(0);
    say("alarm", rest == 100 || rest == 99);
    setitimer(ITIMER_REAL, &off, &soon);
    say("off", soon.it_value.tv_sec);
    signal(SIGPIPE, SIG_DFL);
    if (fork() == 0) {
        close(ends[0]);
        say("not reached", write(ends[1], "!", 1));
        _exit(1);
    }
    close(ends[0]);
    wait(&status);
    say("broken pipe", WIFSIGNALED(status) ? WTERMSIG(status) : -1);
    close(ends[1]);
}

/* ---- storms ---- */

static volatile sig_atomic_t sums[2];
static void count_one(int signal) {
    sums[signal == SIGRTMIN + 4]++;
}

static void storms(void) {
    struct sigaction action = {.sa_handler = count_one, .sa_flags = SA_RESTART};
    sigaction(SIGRTMIN + 3, &action, NULL);
    sigaction(SIGRTMIN + 4, &action, NULL);
    pid_t parent = getpid();
    for (int i = 0; i < 2; i++)
        if (fork() == 0) {
            for (int j = 0; j < STORM; j++)
                while (sigqueue(parent, SIGRTMIN + 3 + i, (union sigval){.sival_int = j}) != 0)
                    sched_yield();
            _exit(0);
        }
    int ended = 0;
    while (ended < 2)
        ended += wait(NULL) > 0;
    say("storm", sums[0] + sums[1]);
    sums[0] = 0;
    if (fork() == 0) {
        struct sigaction quick = {.sa_handler = count_one, .sa_flags = 0};
        struct itimerval often = {{0, 1000}, {0, 1000}};
        sigaction(SIGALRM, &quick, NULL);
        setitimer(ITIMER_REAL, &often, NULL);
        double value = 1;
        while (sums[0] < 30)
            value = value * 1.5 > 1e9 ? 1 : value * 1.5;
        _exit(value >= 1 ? 3 : 4);
    }
    int status = 0;
    wait(&status);
    say("while it calculates", WEXITSTATUS(status));
}

/* ---- threads ---- */

static void *take_signal(void *unused) {
    sigset_t set = set_of(SIGUSR2, 0);
    int signal = 0;
    (void)unused;
    return (void *)(intptr_t)(sigwait(&set, &signal) == 0 ? signal : -1);
}

static pthread_t handled_by;
static void note_thread(int signal) {
    (void)signal;
    handled_by = pthread_self();
    calls++;
}

static void *wait_open(void *unused) {
    (void)unused;
    sigset_t set = set_of(SIGUSR1, 0);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    while (calls == 0)
        sched_yield();
    return NULL;
}

static void in_threads(void) {
    sigset_t set = set_of(SIGUSR1, SIGUSR2);
    pthread_t other;
    void *result = NULL;
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    pthread_create(&other, NULL, take_signal, NULL);
    kill(getpid(), SIGUSR2);
    pthread_join(other, &result);
    say("sigwait", (long)(intptr_t)result);
    calls = 0;
    signal(SIGUSR1, note_thread);
    pthread_create(&other, NULL, wait_open, NULL);
    kill(getpid(), SIGUSR1);
    pthread_join(other, NULL);
    say("who does not block it", pthread_equal(handled_by, other) != 0);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

int main(void) {
    infos();
    waiting();
    flags();
    stacks();
    faults();
    interrupted();
    storms();
    in_threads();
    puts("signals: done");
    return 0;
}
