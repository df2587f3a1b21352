/* Rows of two who answer each other, on one processor: see rows.h. */
#include "rows.h"

#include <linux/futex.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- two processes, one byte there and one back ---- */

/* Answers until the other end is closed. */
static _Noreturn void answer(int from, int to) {
    char byte;
    while (read(from, &byte, 1) == 1 && write(to, &byte, 1) == 1)
        continue;
    _exit(0);
}

static int ask(int to, int from, uint32_t count, uint64_t *cycles) {
    char byte = 'x';
    uint64_t begin = cycles_now();
    for (uint32_t i = 0; i < count; i++)
        if (write(to, &byte, 1) != 1 || read(from, &byte, 1) != 1)
            return errno != 0 ? -errno : -EPIPE;
    *cycles = cycles_now() - begin;
    return 0;
}

int row_pipe(uint32_t count, uint64_t *cycles) {
    int there[2], back[2];
    if (pipe(there) < 0 || pipe(back) < 0)
        return -errno;
    pid_t child = fork();
    if (child == 0) {
        close(there[1]);
        close(back[0]);
        answer(there[0], back[1]);
    }
    int status = child < 0 ? -errno : 0;
    close(there[0]);
    close(back[1]);
    if (status == 0)
        status = ask(there[1], back[0], count, cycles);
    close(there[1]);
    close(back[0]);
    if (child > 0 && waitpid(child, NULL, 0) < 0)
        status = -errno;
    return status;
}

/* The second end is a child's; both are closed in the end. */
static int talk(const int ends[2], uint32_t count, uint64_t *cycles) {
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        answer(ends[1], ends[1]);
    }
    int status = child < 0 ? -errno : 0;
    close(ends[1]);
    if (status == 0)
        status = ask(ends[0], ends[0], count, cycles);
    close(ends[0]);
    if (child > 0 && waitpid(child, NULL, 0) < 0)
        status = -errno;
    return status;
}

int row_socket(uint32_t count, uint64_t *cycles) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    return talk(ends, count, cycles);
}

/* A computer that has just begun may have its loopback still off; one that cannot switch it has it on. */
static void switch_loopback_on(int control) {
    struct ifreq interface = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    (void)ioctl(control, SIOCSIFFLAGS, &interface);
}

int row_tcp(uint32_t count, uint64_t *cycles) {
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof(name);
    int ends[2], on = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0)
        return -errno;
    switch_loopback_on(listener);
    ends[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(listener, (struct sockaddr *)&name, size) < 0 || listen(listener, 1) < 0 ||
        getsockname(listener, (struct sockaddr *)&name, &size) < 0 ||
        connect(ends[0], (struct sockaddr *)&name, size) < 0 || (ends[1] = accept(listener, NULL, NULL)) < 0 ||
        setsockopt(ends[0], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0)
        return -errno;
    close(listener);
    return talk(ends, count, cycles);
}

/* ---- two threads and two words ---- */

#define WORD_EMPTY 0u
#define WORD_FULL 1u
#define WORD_END 2u

static uint32_t question, reply;

/* Until the word is not empty; it is left empty. */
static uint32_t take(uint32_t *word) {
    uint32_t value;
    while ((value = __atomic_exchange_n(word, WORD_EMPTY, __ATOMIC_ACQUIRE)) == WORD_EMPTY)
        (void)syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, WORD_EMPTY, NULL, NULL, 0);
    return value;
}

static void put(uint32_t *word, uint32_t value) {
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
    (void)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void *reply_to_all(void *nothing) {
    while (take(&question) != WORD_END)
        put(&reply, WORD_FULL);
    return nothing;
}

/* The C library says EAGAIN whatever is wrong; a thread without handlers in common is refused by a kernel that has threads. */
static int have_threads(void) {
    if (syscall(SYS_futex, &question, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0) < 0)
        return -errno;
    return syscall(SYS_clone, CLONE_THREAD, 0, 0, 0, 0) < 0 && errno == ENOSYS ? -ENOSYS : 0;
}

int row_futex(uint32_t count, uint64_t *cycles) {
    pthread_t thread;
    int status = have_threads();
    if (status == 0)
        status = -pthread_create(&thread, NULL, reply_to_all, NULL);
    if (status != 0)
        return status;
    uint64_t begin = cycles_now();
    for (uint32_t i = 0; i < count; i++) {
        put(&question, WORD_FULL);
        (void)take(&reply);
    }
    *cycles = cycles_now() - begin;
    put(&question, WORD_END);
    return -pthread_join(thread, NULL);
}

/* ---- two processes that yield to each other ---- */

struct turns {
    uint32_t last; /* who ran last */
    uint32_t switches;
    bool is_over;
};

static void yield_as(volatile struct turns *turns, uint32_t self) {
    if (turns->last != self) {
        turns->last = self;
        turns->switches++;
    }
    (void)sched_yield();
}

/* The time of one switch is that of a turn: a kernel that lets the same one run again has yielded in vain. */
int row_switch(uint32_t count, uint64_t *cycles) {
    volatile struct turns *turns =
        mmap(NULL, sizeof(*turns), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (turns == MAP_FAILED)
        return errno == ENODEV ? -ENOSYS : -errno; /* a kernel that shares no memory yet */
    const struct sched_param same = {.sched_priority = 10};
    /* In turn by rule where the kernel has such a class. */
    bool is_fifo = syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &same) == 0;
    pid_t child = fork();
    if (child == 0) {
        while (!turns->is_over)
            yield_as(turns, 1);
        _exit(0);
    }
    int status = child < 0 ? -errno : 0;
    uint64_t begin = cycles_now();
    uint32_t before = turns->switches;
    while (status == 0 && turns->switches - before < count)
        yield_as(turns, 2);
    *cycles = cycles_now() - begin;
    turns->is_over = true;
    if (child > 0 && waitpid(child, NULL, 0) < 0)
        status = -errno;
    const struct sched_param ordinary = {.sched_priority = 0};
    if (is_fifo)
        (void)syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &ordinary);
    (void)munmap((void *)(uintptr_t)turns, sizeof(*turns));
    return status;
}
