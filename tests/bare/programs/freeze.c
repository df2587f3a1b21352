/*
 * Threads and processes in all kinds of waits. Each counts what a freeze could spoil: calls that say EINTR where no handler ran, and
 * waits that end otherwise than they should. Time-outs are longer than the time between two freezes, so one that began again with
 * each of them would never end. Prints the same whether it is frozen again and again or not, here and on Linux.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 8
#define WAIT_MS 25
#define WAIT_NS (WAIT_MS * 1000000L)
#define SMALL_ROUNDS 300

/* What a kind of wait came to. */
struct tally {
    unsigned good, bad, interrupted;
};

static void count(struct tally *tally, int error, int expected) {
    if (error == EINTR)
        tally->interrupted++;
    else if (error == expected)
        tally->good++;
    else
        tally->bad++;
}

static const struct timespec moment = {.tv_nsec = WAIT_NS};

static void wait_epoll(struct tally *tally) {
    struct epoll_event event;
    int set = epoll_create1(0);
    for (int i = 0; i < ROUNDS; i++)
        count(tally, epoll_wait(set, &event, 1, WAIT_MS) == 0 ? 0 : errno, 0);
    close(set);
}

static void wait_poll(struct tally *tally) {
    for (int i = 0; i < ROUNDS; i++)
        count(tally, poll(NULL, 0, WAIT_MS) == 0 ? 0 : errno, 0);
}

static void wait_ppoll(struct tally *tally) {
    for (int i = 0; i < ROUNDS; i++)
        count(tally, ppoll(NULL, 0, &moment, NULL) == 0 ? 0 : errno, 0);
}

static void wait_select(struct tally *tally) {
    for (int i = 0; i < ROUNDS; i++) {
        struct timeval time = {.tv_usec = WAIT_NS / 1000};
        count(tally, select(0, NULL, NULL, NULL, &time) == 0 ? 0 : errno, 0);
    }
}

static void wait_signal(struct tally *tally) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    for (int i = 0; i < ROUNDS; i++)
        count(tally, sigtimedwait(&set, NULL, &moment) >= 0 ? 0 : errno, EAGAIN);
}

static void wait_sleep(struct tally *tally) {
    for (int i = 0; i < ROUNDS; i++)
        count(tally, nanosleep(&moment, NULL) == 0 ? 0 : errno, 0);
}

static void wait_word(struct tally *tally) {
    uint32_t word = 0;
    for (int i = 0; i < ROUNDS; i++)
        count(tally, syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &moment, NULL, 0) == 0 ? 0 : errno, ETIMEDOUT);
}

static void wait_semaphore(struct tally *tally) {
    sem_t semaphore;
    sem_init(&semaphore, 0, 0);
    for (int i = 0; i < ROUNDS; i++) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += (until.tv_nsec + WAIT_NS) / 1000000000L;
        until.tv_nsec = (until.tv_nsec + WAIT_NS) % 1000000000L;
        count(tally, sem_timedwait(&semaphore, &until) == 0 ? 0 : errno, ETIMEDOUT);
    }
}

static void wait_receive(struct tally *tally) {
    const struct timeval time = {.tv_usec = WAIT_NS / 1000};
    int pair[2];
    char byte;
    if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) < 0)
        return;
    setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
    for (int i = 0; i < ROUNDS; i++)
        count(tally, recv(pair[0], &byte, 1, 0) >= 0 ? 0 : errno, EAGAIN);
    close(pair[0]);
    close(pair[1]);
}

/* ---- what others end ---- */

struct ends {
    int there[2], back[2];
};

static void *answer(void *argument) {
    const struct ends *ends = argument;
    char byte;
    while (read(ends->there[0], &byte, 1) == 1 && write(ends->back[1], &byte, 1) == 1)
        continue;
    return NULL;
}

static void wait_pipe(struct tally *tally) {
    struct ends ends;
    pthread_t other;
    char byte;
    if (pipe(ends.there) < 0 || pipe(ends.back) < 0 || pthread_create(&other, NULL, answer, &ends) != 0)
        return;
    for (int i = 0; i < SMALL_ROUNDS; i++) {
        byte = (char)i;
        count(tally,
              write(ends.there[1], &byte, 1) == 1 && read(ends.back[0], &byte, 1) == 1 && byte == (char)i ? 0 : errno,
              0);
    }
    close(ends.there[1]);
    pthread_join(other, NULL);
    close(ends.there[0]);
    close(ends.back[0]);
    close(ends.back[1]);
}

static void *call(void *argument) {
    const struct sockaddr_un *address = argument;
    for (int i = 0; i < ROUNDS; i++) {
        int caller = socket(AF_UNIX, SOCK_STREAM, 0);
        poll(NULL, 0, 3);
        (void)!connect(caller, (const struct sockaddr *)address, sizeof *address);
        close(caller);
    }
    return NULL;
}

static void wait_accept(struct tally *tally) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    pthread_t other;
    snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "freeze.%d", (int)getpid());
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    if (bind(listener, (const struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 1) < 0)
        return;
    pthread_create(&other, NULL, call, &address);
    for (int i = 0; i < ROUNDS; i++) {
        int accepted = accept(listener, NULL, NULL);
        count(tally, accepted >= 0 ? 0 : errno, 0);
        if (accepted >= 0)
            close(accepted);
    }
    pthread_join(other, NULL);
    close(listener);
}

static pid_t make_child(int code) {
    pid_t child = fork();
    if (child == 0) {
        poll(NULL, 0, 2);
        _exit(code);
    }
    return child;
}

static pid_t make_child_and_wait(int code) {
    pid_t child = vfork();
    if (child == 0)
        _exit(code);
    return child;
}

static void wait_child(struct tally *tally) {
    for (int i = 0; i < ROUNDS * 2; i++) {
        int status = 0;
        pid_t child = i % 2 == 0 ? make_child(i) : make_child_and_wait(i);
        count(tally, waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == i ? 0 : errno,
              0);
    }
}

/* Children that compute, and children that wait, are killed: wherever they stand, that is their end. */
static void wait_killed(struct tally *tally) {
    for (int i = 0; i < ROUNDS * 4; i++) {
        int status = 0;
        pid_t child = fork();
        if (child == 0)
            for (;;)
                if (i % 2 == 0)
                    pause();
        poll(NULL, 0, i % 4);
        kill(child, SIGKILL);
        count(tally,
              waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL ? 0 : errno, 0);
    }
}

static void wait_lock(struct tally *tally) {
    char path[] = "/tmp/freeze.XXXXXX";
    int mine = mkstemp(path);
    for (int i = 0; i < ROUNDS; i++) {
        flock(mine, LOCK_EX);
        pid_t child = fork();
        if (child == 0) {
            int theirs = open(path, O_RDWR);
            _exit(flock(theirs, LOCK_EX) == 0 ? 0 : errno);
        }
        int status = 0;
        poll(NULL, 0, 3);
        flock(mine, LOCK_UN);
        waitpid(child, &status, 0);
        count(tally, WEXITSTATUS(status), 0);
    }
    close(mine);
    unlink(path);
}

/* A handler runs, so EINTR is what is expected: of as many alarms as there are, no less. In a process of its own. */
static void on_alarm(int signal) {
    (void)signal;
}

static void wait_alarms(struct tally *tally) {
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        sigset_t none, alarms;
        int woken = 0;
        sigemptyset(&none);
        sigemptyset(&alarms);
        sigaddset(&alarms, SIGALRM);
        sigprocmask(SIG_BLOCK, &alarms, NULL);
        signal(SIGALRM, on_alarm);
        for (int i = 0; i < ROUNDS; i++) {
            const struct itimerval timer = {.it_value.tv_usec = 5000};
            setitimer(ITIMER_REAL, &timer, NULL);
            woken += sigsuspend(&none) < 0 && errno == EINTR;
        }
        _exit(woken);
    }
    while (waitpid(child, &status, 0) < 0)
        tally->interrupted++;
    tally->good = (unsigned)WEXITSTATUS(status);
}

/* No wait at all: registers survive. */
static void compute(struct tally *tally) {
    uint64_t sum = 1;
    double part = 1.0;
    for (uint32_t i = 1; i < 3000000; i++) {
        sum = sum * UINT64_C(6364136223846793005) + i;
        part = part * 1.0000001 + 1e-9;
    }
    tally->good = (unsigned)(sum >> 60) + 1;
    tally->bad = part < 1.3 || part > 1.4;
}

static const struct kind {
    const char *name;
    void (*run)(struct tally *tally);
} kinds[] = {
    {"epoll_wait", wait_epoll},    {"poll", wait_poll},
    {"ppoll", wait_ppoll},         {"select", wait_select},
    {"sigtimedwait", wait_signal}, {"nanosleep", wait_sleep},
    {"futex", wait_word},          {"sem_timedwait", wait_semaphore},
    {"recv", wait_receive},        {"pipe", wait_pipe},
    {"accept", wait_accept},       {"waitpid", wait_child},
    {"kill", wait_killed},         {"flock", wait_lock},
    {"sigsuspend", wait_alarms},   {"compute", compute},
    {"compute", compute},
};
#define KINDS (sizeof kinds / sizeof *kinds)

struct worker {
    const struct kind *kind;
    struct tally tally;
    pthread_t thread;
};

static void *work(void *argument) {
    struct worker *worker = argument;
    worker->kind->run(&worker->tally);
    return NULL;
}

int main(void) {
    static struct worker workers[KINDS];
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    sigprocmask(SIG_BLOCK, &set, NULL);
    for (unsigned i = 0; i < KINDS; i++) {
        workers[i].kind = &kinds[i];
        pthread_create(&workers[i].thread, NULL, work, &workers[i]);
    }
    for (unsigned i = 0; i < KINDS; i++) {
        pthread_join(workers[i].thread, NULL);
        printf("%s: %u as they should, %u otherwise, %u interrupted\n", workers[i].kind->name, workers[i].tally.good,
               workers[i].tally.bad, workers[i].tally.interrupted);
    }
    return 0;
}
