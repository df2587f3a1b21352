/* A process that makes calls, with its threads and now and then a child: see fuzz.h. */
#include "fuzz.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define TICK_US 2000
#define MEMORY_BYTES ((rlim_t)24 << 20)
#define OPEN_FILES 128
#define CHILD_TIMES 150u
#define CHILD_CALLS 20u
#define OTHER_USER 1000

struct turn {
    const struct plan *plan;
    struct resources *resources;
    struct chance chance;
    uint32_t thread;
};

static void show(const struct turn *turn, uint32_t number, const struct row *row, const uint64_t arguments[ARGUMENTS]) {
    char line[256];
    int length = snprintf(line, sizeof(line), "fuzz: %u.%u %u %s(%#lx, %#lx, %#lx, %#lx, %#lx, %#lx)\n",
                          turn->plan->worker, turn->thread, number, row->name, (unsigned long)arguments[0],
                          (unsigned long)arguments[1], (unsigned long)arguments[2], (unsigned long)arguments[3],
                          (unsigned long)arguments[4], (unsigned long)arguments[5]);
    (void)!write(STDERR_FILENO, line, (size_t)length);
}

/* Never to those that the fuzzer itself lives by. */
static bool is_harmful(const struct row *row, const uint64_t arguments[ARGUMENTS]) {
    switch (row->number) {
    case SYS_kill:
    case SYS_tkill:
    case SYS_tgkill:
    case SYS_rt_sigqueueinfo:
    case SYS_setpgid:
        return (int32_t)(uint32_t)arguments[0] == -1 || (int32_t)(uint32_t)arguments[0] == 1 ||
               arguments[0] == (uint64_t)getppid();
    case SYS_close:
    case SYS_dup3:
        return (uint32_t)arguments[row->number == SYS_dup3] <= STDERR_FILENO;
    case SYS_close_range:
        return (uint32_t)arguments[0] <= STDERR_FILENO;
    case SYS_rt_sigaction:
        return arguments[0] == SIGALRM;
    case SYS_write:
    case SYS_writev:
    case SYS_sendfile: /* the console is slow */
    case SYS_splice:
        return (uint32_t)arguments[0] <= STDERR_FILENO || (uint32_t)arguments[2] <= STDERR_FILENO;
    default:
        return false;
    }
}

static void make_call(struct turn *turn, uint32_t number) {
    const struct row *row = row_choose(&turn->chance);
    uint64_t arguments[ARGUMENTS];
    for (unsigned i = 0; i < ARGUMENTS; i++)
        arguments[i] = value_make(&turn->chance, turn->resources, row, row->arguments[i]);
    if (is_harmful(row, arguments))
        return;
    if (turn->plan->shows)
        show(turn, number, row, arguments);
    long result =
        syscall(row->number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]);
    struct tally *tally = turn->plan->tally;
    const size_t index = (size_t)(row - rows);
    __atomic_fetch_add(&tally->calls, 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&tally->by_row[index], 1, __ATOMIC_RELAXED);
    if (result >= 0) {
        __atomic_fetch_add(&tally->successes, 1, __ATOMIC_RELAXED);
        __atomic_fetch_add(&tally->successes_by_row[index], 1, __ATOMIC_RELAXED);
    }
    value_note(turn->resources, row, arguments, result);
}

static void interrupt(int number) {
    (void)number;
}

static void begin_ticking(void) {
    const struct sigaction action = {.sa_handler = interrupt};
    const struct itimerval often = {{0, TICK_US}, {0, TICK_US}};
    (void)sigaction(SIGALRM, &action, NULL);
    (void)setitimer(ITIMER_REAL, &often, NULL);
}

/* A child, which is there to be waited for, signalled and traced while it lives. */
static void make_child(struct turn *turn) {
    pid_t child = fork();
    if (child > 0) {
        value_note_process(turn->resources, child);
        return;
    }
    if (child < 0)
        return;
    begin_ticking();
    for (uint32_t i = 0; i < CHILD_CALLS; i++)
        make_call(turn, i);
    _exit(0);
}

static void *take_turns(void *context) {
    struct turn *turn = context;
    for (uint32_t i = 0; i < turn->plan->calls; i++) {
        if (turn->thread == 0 && chance_is(&turn->chance, CHILD_TIMES))
            make_child(turn);
        make_call(turn, i);
    }
    return NULL;
}

static void confine(const struct plan *plan) {
    const struct rlimit memory = {MEMORY_BYTES, MEMORY_BYTES}, files = {OPEN_FILES, OPEN_FILES};
    (void)setrlimit(RLIMIT_AS, &memory);
    (void)setrlimit(RLIMIT_NOFILE, &files);
    (void)mkdir("d", 0777);
    (void)setsid();
    if (!plan->is_root &&
        (setresgid(OTHER_USER, OTHER_USER, OTHER_USER) < 0 || setresuid(OTHER_USER, OTHER_USER, OTHER_USER) < 0))
        _exit(91);
    for (int number = SIGUSR1; number <= 64; number++)
        if (number == SIGUSR1 || number == SIGUSR2 || number == SIGPIPE || number >= 34) {
            const struct sigaction action = {.sa_handler = interrupt};
            (void)sigaction(number, &action, NULL);
        }
}

/* The console is slow, and whatever is written there is for whoever looks for a fault. */
static void keep_off_the_console(const struct plan *plan) {
    int nothing = open("/dev/null", O_RDWR);
    for (int fd = 0; fd <= (plan->shows ? STDOUT_FILENO : STDERR_FILENO) && nothing >= 0; fd++)
        (void)dup2(nothing, fd);
    if (nothing > STDERR_FILENO)
        (void)close(nothing);
}

/* Something of each kind to begin with. */
static void open_some(struct resources *resources) {
    static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
    int pair[2];
    for (unsigned i = 0; i < 3; i++)
        if (socketpair(AF_UNIX, types[i] | SOCK_NONBLOCK, 0, pair) == 0) {
            value_note_fd(resources, pair[0], FD_SOCKET);
            value_note_fd(resources, pair[1], FD_SOCKET);
        }
    for (unsigned i = 0; i < 2; i++)
        if (pipe2(pair, O_NONBLOCK) == 0) {
            value_note_fd(resources, pair[0], FD_PIPE);
            value_note_fd(resources, pair[1], FD_PIPE);
        }
    value_note_fd(resources, open("a", O_RDWR | O_CREAT, 0666), FD_FILE);
    value_note_fd(resources, open("b", O_RDWR | O_CREAT, 0666), FD_FILE);
    value_note_fd(resources, open(".", O_RDONLY | O_DIRECTORY), FD_FOLDER);
    value_note_fd(resources, open("d", O_RDONLY | O_DIRECTORY), FD_FOLDER);
    value_note_fd(resources, open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK), FD_TERMINAL);
    value_note_fd(resources, memfd_create("m", MFD_ALLOW_SEALING), FD_FILE);
    value_note_fd(resources, epoll_create1(0), FD_EPOLL);
    value_note_fd(resources, eventfd(0, EFD_NONBLOCK), FD_EVENT);
    value_note_fd(resources, timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK), FD_TIMER);
    value_note_fd(resources, inotify_init1(IN_NONBLOCK), FD_WATCH);
}

static uint64_t mixed(const struct plan *plan, uint32_t thread) {
    uint64_t state = (plan->seed * 1000003 + plan->worker) * 31 + thread + 1;
    state = (state ^ state >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    state = (state ^ state >> 27) * UINT64_C(0x94d049bb133111eb);
    return (state ^ state >> 31) | 1;
}

void worker_run(const struct plan *plan) {
    static struct resources resources;
    static struct turn turns[8];
    pthread_t threads[8];
    uint32_t started = 1;
    resources_open(&resources);
    keep_off_the_console(plan);
    confine(plan);
    open_some(&resources);
    begin_ticking();
    for (uint32_t i = 0; i < plan->threads && i < 8; i++)
        turns[i] = (struct turn){.plan = plan, .resources = &resources, .chance = {mixed(plan, i)}, .thread = i};
    for (; started < plan->threads && pthread_create(&threads[started], NULL, take_turns, &turns[started]) == 0;
         started++)
        continue;
    (void)take_turns(&turns[0]);
    for (uint32_t i = 1; i < started; i++)
        (void)pthread_join(threads[i], NULL);
    _exit(0);
}
