/*
 * Files, pipes and waiting by several processes and threads: `files FOLDER PART...`. Each part prints lines that do not depend
 * on who runs first, so that they are the same on Linux.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define PIPE_ROUNDS 300u
#define WORKERS 4u
#define TURNS 200u
#define LOCKERS 3u

static void check(int is_right, const char *what) {
    if (is_right)
        return;
    printf("wrong: %s (%s)\n", what, strerror(errno));
    (void)fflush(NULL);
    _exit(1);
}

static pid_t begin_child(void) {
    (void)fflush(NULL);
    pid_t child = fork();
    check(child >= 0, "fork");
    return child;
}

static void end_children(unsigned count) {
    int status;
    for (unsigned i = 0; i < count; i++) {
        check(wait(&status) > 0, "wait");
        check(WIFEXITED(status) && WEXITSTATUS(status) == 0, "a child");
    }
}

/* ---- pipes ---- */

static void write_all(int file, const uint8_t *bytes, size_t size) {
    while (size > 0) {
        ssize_t done = write(file, bytes, size);
        check(done > 0, "write");
        bytes += done;
        size -= (size_t)done;
    }
}

/* Pieces of changing sizes through a pipe, and a sum of them back through another. */
static void pipes(void) {
    int there[2], back[2];
    uint8_t bytes[7000];
    uint64_t sum = 0, told = 0;
    ssize_t done;
    check(pipe(there) == 0 && pipe2(back, O_CLOEXEC) == 0, "pipe");
    if (begin_child() == 0) {
        check(close(there[1]) == 0, "close");
        while ((done = read(there[0], bytes, sizeof(bytes))) > 0)
            for (ssize_t i = 0; i < done; i++)
                sum = sum * 31 + bytes[i];
        write_all(back[1], (const uint8_t *)&sum, sizeof(sum));
        _exit(0);
    }
    for (unsigned i = 0; i < PIPE_ROUNDS; i++) {
        size_t size = 1 + i * 37 % sizeof(bytes);
        for (size_t j = 0; j < size; j++) {
            bytes[j] = (uint8_t)(i + j);
            sum = sum * 31 + bytes[j];
        }
        write_all(there[1], bytes, size);
    }
    check(close(there[1]) == 0 && read(back[0], &told, sizeof(told)) == sizeof(told), "the sum");
    end_children(1);
    printf("pipes: %s\n", told == sum ? "the same sum" : "another sum");
    (void)signal(SIGPIPE, SIG_IGN);
    check(close(there[0]) == 0 && pipe(there) == 0 && close(there[0]) == 0, "pipe");
    done = write(there[1], bytes, 1);
    printf("pipes: %zd, broken %d\n", done, errno == EPIPE);
}

/* ---- waiting ---- */

/* Until the process sleeps, as /proc tells. */
static void until_asleep(pid_t process) {
    char path[32], text[256], state = 0;
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)process);
    while (state != 'S') {
        int file = open(path, O_RDONLY);
        ssize_t size = read(file, text, sizeof(text) - 1);
        check(file >= 0 && size > 0 && close(file) == 0, path);
        text[size] = 0;
        const char *end = strrchr(text, ')');
        state = end != NULL && end[1] == ' ' ? end[2] : 0;
    }
}

/* A child writes after its parent began to wait; nothing is said of when. */
static void waiting(void) {
    int ends[2];
    char byte;
    for (int way = 0; way < 3; way++) {
        struct pollfd item = {.events = POLLIN};
        struct epoll_event event = {.events = EPOLLIN}, found;
        fd_set set;
        int count = -1;
        check(pipe(ends) == 0, "pipe");
        if (begin_child() == 0) {
            until_asleep(getppid());
            check(write(ends[1], "x", 1) == 1, "write");
            _exit(0);
        }
        item.fd = ends[0];
        if (way == 0) {
            count = poll(&item, 1, -1);
        } else if (way == 1) {
            FD_ZERO(&set);
            FD_SET(ends[0], &set);
            count = select(ends[0] + 1, &set, NULL, NULL, NULL);
        } else {
            int watch = epoll_create1(0);
            check(epoll_ctl(watch, EPOLL_CTL_ADD, ends[0], &event) == 0, "epoll_ctl");
            count = epoll_wait(watch, &found, 1, -1);
            check(close(watch) == 0, "close");
        }
        check(read(ends[0], &byte, 1) == 1, "read");
        end_children(1);
        printf("waiting %d: %d ready, then %d\n", way, count, poll(&item, 1, 0));
        check(close(ends[0]) == 0 && close(ends[1]) == 0, "close");
    }
}

/* ---- epoll ---- */

static void edges(void) {
    static const uint32_t kinds[] = {0, EPOLLET, EPOLLONESHOT};
    for (unsigned i = 0; i < 3; i++) {
        int watch = epoll_create1(0), event = eventfd(0, EFD_NONBLOCK), counts[4];
        struct epoll_event wanted = {.events = EPOLLIN | kinds[i], .data.u64 = 7}, found = {.events = 0};
        uint64_t one = 1;
        check(epoll_ctl(watch, EPOLL_CTL_ADD, event, &wanted) == 0, "epoll_ctl");
        counts[0] = epoll_wait(watch, &found, 1, 0);
        check(write(event, &one, sizeof(one)) == sizeof(one), "write");
        counts[1] = epoll_wait(watch, &found, 1, 0);
        counts[2] = epoll_wait(watch, &found, 1, 0);
        check(write(event, &one, sizeof(one)) == sizeof(one), "write");
        counts[3] = epoll_wait(watch, &found, 1, 0);
        printf("edges %u: %d %d %d %d, data %llu\n", i, counts[0], counts[1], counts[2], counts[3],
               (unsigned long long)found.data.u64);
        check(close(watch) == 0 && close(event) == 0, "close");
    }
}

static int events[WORKERS], done_event, all;
static uint64_t taken[WORKERS];

/* Takes what an event has, of whichever is ready, until the last one says that all is done. */
static void *work(void *number) {
    struct epoll_event found;
    uint64_t count;
    for (;;) {
        check(epoll_wait(all, &found, 1, -1) == 1, "epoll_wait");
        if (found.data.u64 == WORKERS)
            return NULL;
        if (read(events[found.data.u64], &count, sizeof(count)) == sizeof(count))
            taken[(uintptr_t)number] += count;
        struct epoll_event again = {.events = EPOLLIN | EPOLLONESHOT, .data = found.data};
        check(epoll_ctl(all, EPOLL_CTL_MOD, events[found.data.u64], &again) == 0, "epoll_ctl");
    }
}

/* Threads wait in one epoll for many events, each armed for one of them at a time. */
static void workers(void) {
    pthread_t threads[WORKERS];
    uint64_t one = 1, sum = 0;
    all = epoll_create1(0);
    done_event = eventfd(0, EFD_NONBLOCK);
    for (unsigned i = 0; i < WORKERS; i++) {
        struct epoll_event wanted = {.events = EPOLLIN | EPOLLONESHOT, .data.u64 = i};
        events[i] = eventfd(0, EFD_NONBLOCK);
        check(epoll_ctl(all, EPOLL_CTL_ADD, events[i], &wanted) == 0, "epoll_ctl");
    }
    for (uintptr_t i = 0; i < WORKERS; i++)
        check(pthread_create(&threads[i], NULL, work, (void *)i) == 0, "pthread_create");
    for (unsigned i = 0; i < TURNS * WORKERS; i++)
        check(write(events[i % WORKERS], &one, sizeof(one)) == sizeof(one), "write");
    for (unsigned i = 0; i < WORKERS; i++) /* each is taken before the end is told */
        while (poll(&(struct pollfd){.fd = events[i], .events = POLLIN}, 1, 0) == 1)
            (void)sched_yield();
    struct epoll_event last = {.events = EPOLLIN, .data.u64 = WORKERS};
    check(epoll_ctl(all, EPOLL_CTL_ADD, done_event, &last) == 0, "epoll_ctl");
    check(write(done_event, &one, sizeof(one)) == sizeof(one), "write");
    for (unsigned i = 0; i < WORKERS; i++) {
        check(pthread_join(threads[i], NULL) == 0, "pthread_join");
        sum += taken[i];
    }
    printf("workers: %llu taken\n", (unsigned long long)sum);
}

/* ---- timers ---- */

static int make_timer(int watch, uint64_t number, long after_ms, long every_ms) {
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    struct itimerspec when = {.it_value = {.tv_nsec = after_ms * 1000000},
                              .it_interval = {.tv_nsec = every_ms * 1000000}};
    struct epoll_event wanted = {.events = EPOLLIN, .data.u64 = number};
    check(timer >= 0 && timerfd_settime(timer, 0, &when, NULL) == 0, "timerfd");
    check(epoll_ctl(watch, EPOLL_CTL_ADD, timer, &wanted) == 0, "epoll_ctl");
    return timer;
}

/* The ones with later moments come later, and one that comes again and again does. */
static void timers(void) {
    int watch = epoll_create1(0), order[3], timer[3];
    static const long after_ms[] = {900, 100, 500};
    struct epoll_event found;
    uint64_t ticks, sum = 0;
    for (unsigned i = 0; i < 3; i++)
        timer[i] = make_timer(watch, i, after_ms[i], 0);
    for (unsigned i = 0; i < 3; i++) {
        check(epoll_wait(watch, &found, 1, -1) == 1, "epoll_wait");
        order[i] = (int)found.data.u64;
        check(read(timer[order[i]], &ticks, sizeof(ticks)) == sizeof(ticks) && ticks == 1, "read");
        check(read(timer[order[i]], &ticks, sizeof(ticks)) == -1 && errno == EAGAIN, "read again");
    }
    printf("timers: in the order %d %d %d\n", order[0], order[1], order[2]);
    int again = make_timer(watch, 3, 5, 5);
    while (sum < 5) {
        check(epoll_wait(watch, &found, 1, -1) == 1 && found.data.u64 == 3, "epoll_wait");
        check(read(again, &ticks, sizeof(ticks)) == sizeof(ticks) && ticks > 0, "read");
        sum += ticks;
    }
    printf("timers: five times, and %d after nothing\n", poll(NULL, 0, 10));
}

/* ---- locks ---- */

static void change_lock(int file, int how, short kind) {
    struct flock lock = {.l_type = kind, .l_whence = SEEK_SET, .l_len = 8};
    if (how == 0)
        check(fcntl(file, F_SETLKW, &lock) == 0, "fcntl");
    else
        check(flock(file, kind == F_UNLCK ? LOCK_UN : LOCK_EX) == 0, "flock");
}

/* Processes take turns with a number in a file. */
static void locks(const char *folder) {
    char path[200];
    uint64_t number = 0;
    snprintf(path, sizeof(path), "%s/number", folder);
    for (int how = 0; how < 2; how++) {
        int file = open(path, O_CREAT | O_RDWR | O_TRUNC, 0644);
        check(file >= 0 && pwrite(file, &number, sizeof(number), 0) == sizeof(number), path);
        for (unsigned i = 0; i < LOCKERS; i++) {
            if (begin_child() != 0)
                continue;
            int own = open(path, O_RDWR);
            for (unsigned turn = 0; turn < TURNS; turn++) {
                uint64_t value;
                change_lock(own, how, F_WRLCK);
                check(pread(own, &value, sizeof(value), 0) == sizeof(value), "pread");
                value++;
                check(pwrite(own, &value, sizeof(value), 0) == sizeof(value), "pwrite");
                change_lock(own, how, F_UNLCK);
            }
            _exit(0);
        }
        end_children(LOCKERS);
        uint64_t value = 0;
        check(pread(file, &value, sizeof(value), 0) == sizeof(value) && close(file) == 0, "pread");
        printf("locks %d: %llu turns\n", how, (unsigned long long)value);
    }
    check(unlink(path) == 0, "unlink");
}

/* ---- files without a name ---- */

static void nameless(const char *folder) {
    char path[200], other[200], bytes[10] = {0};
    struct stat status;
    snprintf(path, sizeof(path), "%s/linked", folder);
    int file = open(folder, O_TMPFILE | O_RDWR, 0640);
    check(file >= 0 && write(file, "no name", 7) == 7 && fstat(file, &status) == 0, "O_TMPFILE");
    printf("nameless: %u links, %lld bytes, mode %o\n", (unsigned)status.st_nlink, (long long)status.st_size,
           (unsigned)status.st_mode & 07777);
    snprintf(other, sizeof(other), "%s/copy", folder);
    int copy = open(other, O_CREAT | O_RDWR | O_EXCL, 0600);
    off_t from = 3;
    check(copy >= 0 && sendfile(copy, file, &from, 100) == 4 && pread(copy, bytes, sizeof(bytes), 0) == 4, "sendfile");
    printf("nameless: \"%s\", then at %lld\n", bytes, (long long)from);
    printf("nameless: %d\n", linkat(file, "", AT_FDCWD, path, AT_EMPTY_PATH));
    check(unlink(other) == 0, "unlink");
    (void)unlink(path);
}

int main(int count, char **arguments) {
    for (int i = 2; i < count; i++) {
        const char *part = arguments[i];
        if (strcmp(part, "pipes") == 0)
            pipes();
        else if (strcmp(part, "waiting") == 0)
            waiting();
        else if (strcmp(part, "edges") == 0)
            edges();
        else if (strcmp(part, "workers") == 0)
            workers();
        else if (strcmp(part, "timers") == 0)
            timers();
        else if (strcmp(part, "locks") == 0)
            locks(arguments[1]);
        else if (strcmp(part, "nameless") == 0)
            nameless(arguments[1]);
        else
            check(0, part);
    }
    return 0;
}
