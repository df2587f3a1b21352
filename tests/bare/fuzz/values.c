/* One argument of a kind: mostly what the call expects, now and then what it does not. */
#include "fuzz.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define ITEMS(array) (sizeof(array) / sizeof((array)[0]))
#define PAGE UINT64_C(4096)
#define STRUCTURE_BYTES 256u
#define SIZES_MAX 70000u

void resources_open(struct resources *resources) {
    memset(resources, 0, sizeof(*resources));
    resources->arena = mmap(NULL, ARENA_BYTES + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    resources->window = mmap(NULL, WINDOW_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (resources->arena == MAP_FAILED || resources->window == MAP_FAILED ||
        munmap(resources->arena + ARENA_BYTES, PAGE) < 0)
        _exit(90);
}

/* ---- numbers ---- */

static uint64_t edge(struct chance *chance) {
    static const uint64_t edges[] = {0,
                                     1,
                                     8,
                                     4095,
                                     4096,
                                     0x10000,
                                     UINT64_C(0x7fffffff),
                                     UINT64_C(0x80000000),
                                     UINT64_C(0xffffffff),
                                     UINT64_C(0x00007ffffffff000),
                                     UINT64_C(0x0000800000000000),
                                     UINT64_C(0xffff800000000000),
                                     UINT64_C(0xffffffff80100000),
                                     UINT64_MAX - 4095,
                                     UINT64_MAX,
                                     UINT64_C(0x8000000000000000),
                                     UINT64_C(0x7fffffffffffffff)};
    return edges[chance_below(chance, ITEMS(edges))];
}

static uint64_t flags_of(struct chance *chance, const struct row *row) {
    uint32_t count = 1;
    while (count < FLAGS_MAX && row->flags[count] != 0)
        count++;
    uint64_t flags = row->flags[chance_below(chance, count)];
    while (chance_is(chance, 3))
        flags |= row->flags[chance_below(chance, count)];
    return chance_is(chance, 64) ? flags | UINT64_C(1) << chance_below(chance, 64) : flags;
}

static int fd_of(struct chance *chance, const struct resources *resources, enum kind kind) {
    const uint32_t known = resources->fd_count < FDS ? resources->fd_count : FDS;
    if (known == 0 || chance_is(chance, 24))
        return (int)chance_below(chance, 12) - 2;
    for (uint32_t i = 0; i < known; i++) {
        const uint32_t at = (uint32_t)chance_below(chance, known);
        if (kind == FD_ANY || resources->fds[at].kind == kind)
            return resources->fds[at].number;
    }
    return resources->fds[chance_below(chance, known)].number;
}

static uint64_t process_of(struct chance *chance, const struct resources *resources) {
    const uint32_t known = resources->process_count < ITEMS(resources->processes)
                               ? resources->process_count
                               : (uint32_t)ITEMS(resources->processes);
    switch (chance_below(chance, 4)) {
    case 0:
        return 0;
    case 1:
        return known > 0 ? (uint64_t)resources->processes[chance_below(chance, known)] : UINT64_C(999999);
    default:
        return (uint64_t)(chance_is(chance, 2) ? getpid() : (pid_t)syscall(SYS_gettid));
    }
}

static uint64_t signal_of(struct chance *chance) {
    static const int signals[] = {0, SIGUSR1, SIGUSR2, SIGCHLD, SIGWINCH, SIGCONT, SIGURG, 34, 40, 64, 65};
    if (chance_is(chance, 100))
        return chance_below(chance, 66);
    return (uint64_t)signals[chance_below(chance, ITEMS(signals))];
}

static uint64_t size_of(struct chance *chance) {
    if (chance_is(chance, 40))
        return edge(chance);
    return chance_is(chance, 3) ? chance_below(chance, SIZES_MAX) : chance_below(chance, 300);
}

static uint64_t operation_of(struct chance *chance) {
    uint64_t operation = chance_below(chance, 14);
    if (chance_is(chance, 3))
        operation |= 128;
    return chance_is(chance, 8) ? operation | 256 : operation;
}

/* ---- memory ---- */

/* Room for a structure in the arena; with none behind its end now and then. */
static char *room(struct chance *chance, const struct resources *resources, size_t bytes) {
    size_t most = ARENA_BYTES - bytes;
    return resources->arena + (chance_is(chance, 12) ? most & ~(size_t)7 : chance_below(chance, most) & ~(size_t)7);
}

static uint64_t bad_address(struct chance *chance, const struct resources *resources, size_t bytes) {
    switch (chance_below(chance, 5)) {
    case 0:
        return 0;
    case 1:
        return edge(chance);
    case 2: /* its end lies where nothing is */
        return (uint64_t)(uintptr_t)resources->arena + ARENA_BYTES - chance_below(chance, bytes + 1);
    case 3:
        return (uint64_t)(uintptr_t)resources->window + chance_below(chance, WINDOW_BYTES);
    default:
        return (uint64_t)(uintptr_t)resources->arena + chance_below(chance, ARENA_BYTES);
    }
}

static uint64_t noise(struct chance *chance) {
    switch (chance_below(chance, 4)) {
    case 0:
        return edge(chance);
    case 1:
        return chance_next(chance);
    default:
        return chance_below(chance, 4);
    }
}

static void fill_noise(struct chance *chance, char *at, size_t bytes) {
    for (size_t i = 0; i + sizeof(uint64_t) <= bytes; i += sizeof(uint64_t)) {
        uint64_t word = chance_is(chance, 2) ? 0 : noise(chance);
        memcpy(at + i, &word, sizeof(word));
    }
}

static void fill_path(struct chance *chance, char *at, bool is_own) {
    static const char *const own[] = {"a", "b",    "c", "d/e",    "d", "d/f", "d/g/h",
                                      "l", "a/..", ".", "d/../b", "s", "",    "d//f/"};
    static const char *const others[] = {
        "/",         "/dev/null", "/dev/zero",      "/proc/self/status", "/proc/self/fd",
        "/dev/ptmx", "/proc",     "/proc/self/exe", "/dev/full",         "/proc/meminfo",
        "/nothing",  "..",        "/dev/pts",       "/proc/self/maps"};
    const char *path = is_own || chance_is(chance, 2) ? own[chance_below(chance, ITEMS(own))]
                                                      : others[chance_below(chance, ITEMS(others))];
    strcpy(at, path);
    if (chance_is(chance, 60)) {
        memset(at, 'x', STRUCTURE_BYTES - 1);
        at[STRUCTURE_BYTES - 1] = 0;
    }
}

static void fill_time(struct chance *chance, char *at) {
    struct timespec time = {.tv_sec = 0, .tv_nsec = (long)chance_below(chance, 400000)};
    if (chance_is(chance, 20))
        time = (struct timespec){.tv_sec = (time_t)noise(chance), .tv_nsec = (long)noise(chance)};
    memcpy(at, &time, sizeof(time));
}

static void fill_parts(struct chance *chance, const struct resources *resources, char *at) {
    struct iovec parts[8];
    for (size_t i = 0; i < ITEMS(parts); i++)
        parts[i] = (struct iovec){.iov_base = resources->arena + chance_below(chance, ARENA_BYTES),
                                  .iov_len = size_of(chance) % 5000};
    memcpy(at, parts, sizeof(parts));
}

static void fill_message(struct chance *chance, const struct resources *resources, char *at) {
    char *parts = room(chance, resources, 8 * sizeof(struct iovec)),
         *control = room(chance, resources, STRUCTURE_BYTES);
    fill_parts(chance, resources, parts);
    memset(control, 0, CMSG_SPACE(2 * sizeof(int)));
    struct cmsghdr *head = (struct cmsghdr *)(void *)control;
    head->cmsg_len = CMSG_LEN(2 * sizeof(int));
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = chance_is(chance, 4) ? SCM_CREDENTIALS : SCM_RIGHTS;
    const int fds[2] = {fd_of(chance, resources, FD_ANY), fd_of(chance, resources, FD_ANY)};
    memcpy(CMSG_DATA(head), fds, sizeof(fds));
    if (chance_is(chance, 16))
        fill_noise(chance, control, 64);
    struct msghdr message = {0};
    message.msg_iov = (struct iovec *)(void *)parts;
    message.msg_iovlen = (int)chance_below(chance, 8);
    message.msg_control = chance_is(chance, 2) ? control : NULL;
    message.msg_controllen = message.msg_control != NULL ? (socklen_t)CMSG_SPACE(2 * sizeof(int)) : 0;
    memcpy(at, &message, sizeof(message));
}

static void fill_polled(struct chance *chance, const struct resources *resources, char *at) {
    struct pollfd polled[16];
    for (size_t i = 0; i < ITEMS(polled); i++)
        polled[i] = (struct pollfd){.fd = fd_of(chance, resources, FD_ANY), .events = (short)chance_below(chance, 64)};
    memcpy(at, polled, sizeof(polled));
}

static void fill_address(struct chance *chance, char *at) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path + chance_below(chance, 2), chance_is(chance, 2) ? "s" : "t");
    if (chance_is(chance, 10))
        address.sun_family = (sa_family_t)chance_below(chance, 40);
    memcpy(at, &address, sizeof(address));
}

static void fill_set(struct chance *chance, char *at) {
    uint64_t set = chance_next(chance) & chance_next(chance);
    set &= ~(UINT64_C(1) << (SIGALRM - 1)); /* which ends what waits */
    memcpy(at, &set, sizeof(set));
}

static void on_signal(int number) {
    (void)number;
}

static void fill_action(struct chance *chance, char *at) {
    uint64_t action[4] = {chance_is(chance, 3) ? chance_below(chance, 2) : (uint64_t)(uintptr_t)on_signal,
                          0x04000000u | chance_below(chance, 8) << 28, (uint64_t)(uintptr_t)_exit, 0};
    memcpy(at, action, sizeof(action));
}

static void fill_info(struct chance *chance, char *at) {
    int32_t info[32] = {0};
    info[0] = (int32_t)signal_of(chance);
    info[2] = -1 - (int32_t)chance_below(chance, 6);
    info[3] = (int32_t)chance_below(chance, 3); /* of a sigevent: how it notifies */
    if (chance_is(chance, 2))
        info[2] = (int32_t)signal_of(chance);
    memcpy(at, info, sizeof(info));
}

static void fill_how(struct chance *chance, char *at) {
    static const uint64_t flags[] = {O_RDONLY, O_RDWR | O_CREAT, O_DIRECTORY, O_PATH, O_WRONLY | O_TRUNC};
    uint64_t how[3] = {flags[chance_below(chance, ITEMS(flags))], 0, chance_below(chance, 64)};
    if ((how[0] & O_CREAT) != 0)
        how[1] = 0644;
    memcpy(at, how, sizeof(how));
}

static void fill_schedule(struct chance *chance, char *at) {
    uint64_t schedule[6] = {48 | chance_below(chance, 7) << 32, chance_below(chance, 2), 0, 100000, 1000000, 1000000};
    schedule[2] = chance_below(chance, 20) | chance_below(chance, 50) << 32;
    memcpy(at, schedule, sizeof(schedule));
}

static void fill_words(struct chance *chance, const struct resources *resources, char *at) {
    for (uint32_t i = 0; i < 8; i++) { /* as Linux has them, or, two in the place of three, as Grove */
        uint64_t word[3] = {chance_below(chance, 2),
                            (uint64_t)(uintptr_t)resources->window + chance_below(chance, 16) * 4, 2};
        memcpy(at + i * sizeof(word), word, sizeof(word));
    }
}

static void fill_limit(struct chance *chance, char *at) {
    uint64_t limit[2] = {chance_is(chance, 4) ? chance_below(chance, 1 << 20) : UINT64_MAX, UINT64_MAX};
    memcpy(at, limit, sizeof(limit));
}

/* A structure somewhere in the arena, filled in. */
static void fill(struct chance *chance, const struct resources *resources, enum kind kind, char *at) {
    switch (kind) {
    case OWN_PATH:
    case ANY_PATH:
        fill_path(chance, at, kind == OWN_PATH);
        break;
    case NAME:
        strcpy(at, chance_is(chance, 2) ? "tmpfs" : chance_is(chance, 2) ? "a" : "proc");
        break;
    case OFFSET_AT:
    case NUMBER_AT: {
        uint64_t number = chance_is(chance, 8) ? edge(chance) : chance_below(chance, 256);
        memcpy(at, &number, sizeof(number));
        break;
    }
    case SIGNAL_SET:
        fill_set(chance, at);
        break;
    case SIGNAL_ACTION:
        fill_action(chance, at);
        break;
    case SIGNAL_INFO:
        fill_info(chance, at);
        break;
    case SIGNAL_STACK: {
        uint64_t stack[3] = {(uint64_t)(uintptr_t)resources->arena, chance_below(chance, 3),
                             chance_below(chance, 20000)};
        memcpy(at, stack, sizeof(stack));
        break;
    }
    case TIME_AT:
        fill_time(chance, at);
        break;
    case TIMES_AT:
        fill_time(chance, at);
        fill_time(chance, at + sizeof(struct timespec));
        break;
    case LIMIT_AT:
        fill_limit(chance, at);
        break;
    case PARTS_AT:
        fill_parts(chance, resources, at);
        break;
    case MESSAGE_AT:
        fill_message(chance, resources, at);
        break;
    case MESSAGES_AT:
        for (size_t i = 0; i < 3; i++)
            fill_message(chance, resources, at + i * (sizeof(struct msghdr) + 8));
        break;
    case ADDRESS_AT:
        fill_address(chance, at);
        break;
    case POLLED_AT:
        fill_polled(chance, resources, at);
        break;
    case EVENT_AT: {
        struct epoll_event event = {.events = (uint32_t)(chance_below(chance, 32) | chance_below(chance, 16) << 28)};
        memcpy(at, &event, sizeof(event));
        break;
    }
    case HOW_AT:
        fill_how(chance, at);
        break;
    case SCHEDULE_AT:
        fill_schedule(chance, at);
        break;
    case CAPABILITY_HEAD_AT: {
        uint32_t head[2] = {chance_is(chance, 8) ? 0 : 0x20080522u, 0};
        memcpy(at, head, sizeof(head));
        break;
    }
    case WORDS_AT:
        fill_words(chance, resources, at);
        break;
    case SET_AT:
    case STRUCTURE_AT:
        fill_noise(chance, at, STRUCTURE_BYTES);
        break;
    default: /* bytes and what is only written to */
        break;
    }
}

static bool is_memory(enum kind kind) {
    static const enum kind kinds[] = {
        OWN_PATH,           ANY_PATH,     NAME,      BYTES,    OFFSET_AT, NUMBER_AT, SIGNAL_SET, SIGNAL_ACTION,
        SIGNAL_INFO,        SIGNAL_STACK, TIME_AT,   TIMES_AT, LIMIT_AT,  PARTS_AT,  MESSAGE_AT, MESSAGES_AT,
        ADDRESS_AT,         TWO_FDS_AT,   POLLED_AT, SET_AT,   EVENT_AT,  WORDS_AT,  HOW_AT,     SCHEDULE_AT,
        CAPABILITY_HEAD_AT, STRUCTURE_AT};
    for (size_t i = 0; i < ITEMS(kinds); i++)
        if (kinds[i] == kind)
            return true;
    return false;
}

static bool may_be_missing(enum kind kind) {
    return kind == OFFSET_AT || kind == TIME_AT || kind == SIGNAL_SET || kind == STRUCTURE_AT || kind == ADDRESS_AT ||
           kind == NUMBER_AT || kind == SET_AT;
}

static uint64_t request_of(struct chance *chance) {
    static const uint64_t requests[] = {0x541b,     0x5421,     0x5450, 0x5451, 0x5401,
                                        0x5402,     0x5403,     0x5404, 0x5413, 0x5414,
                                        0x540f,     0x5410,     0x5429, 0x540e, 0x5430 | 0x80040000u,
                                        0x40045431, 0x80045430, 0x540b, 0x5422, 0x5420};
    return chance_is(chance, 16) ? chance_next(chance) : requests[chance_below(chance, ITEMS(requests))];
}

uint64_t value_make(struct chance *chance, struct resources *resources, const struct row *row, enum kind kind) {
    if (is_memory(kind)) {
        if (may_be_missing(kind) && chance_is(chance, 4))
            return 0;
        if (chance_is(chance, 20))
            return bad_address(chance, resources, STRUCTURE_BYTES);
        char *at = room(chance, resources, 2 * STRUCTURE_BYTES);
        fill(chance, resources, kind, at);
        return (uint64_t)(uintptr_t)at;
    }
    switch (kind) {
    case NOTHING:
    case ZERO:
        return chance_is(chance, 40) ? noise(chance) : 0;
    case FD_AT:
        return (uint64_t)(int64_t)(chance_is(chance, 4) ? fd_of(chance, resources, FD_FOLDER) : AT_FDCWD);
    case SIZE:
        return size_of(chance);
    case SMALL:
        return chance_is(chance, 30) ? edge(chance) : chance_below(chance, 16);
    case ANY:
        return noise(chance);
    case MODE:
        return chance_below(chance, 010000);
    case OFFSET:
        return chance_is(chance, 20) ? edge(chance) : chance_below(chance, 20000);
    case FLAGS:
        return flags_of(chance, row);
    case PAGES_AT:
        return (uint64_t)(uintptr_t)resources->window +
               (chance_is(chance, 30) ? chance_next(chance) : chance_below(chance, WINDOW_BYTES / PAGE) * PAGE);
    case PAGES:
        return chance_is(chance, 30) ? edge(chance) : chance_below(chance, 24) * PAGE;
    case PROCESS:
        return process_of(chance, resources);
    case SIGNAL:
        return signal_of(chance);
    case SIGNAL_SET_BYTES:
        return chance_is(chance, 20) ? chance_below(chance, 20) : 8;
    case CLOCK:
        return chance_is(chance, 20) ? noise(chance) : chance_below(chance, 12);
    case TIMER:
        return chance_is(chance, 8) || resources->timer_count == 0
                   ? chance_below(chance, 4)
                   : (uint64_t)(int64_t)resources
                         ->timers[chance_below(chance, resources->timer_count < 8 ? resources->timer_count : 8)];
    case LIMIT_KIND:
        return chance_is(chance, 2) ? 7 : chance_below(chance, 9); /* not of memory, which the others live by too */
    case USER:
        return chance_is(chance, 2) ? UINT64_C(0xffffffff) : chance_below(chance, 3) * 1000;
    case PART_COUNT:
    case WORD_COUNT:
        return chance_is(chance, 20) ? edge(chance) : chance_below(chance, 9);
    case ADDRESS_BYTES:
        return chance_is(chance, 10) ? noise(chance) : chance_below(chance, 112);
    case WORD_AT:
        return (uint64_t)(uintptr_t)resources->window +
               (chance_is(chance, 20) ? noise(chance) : chance_below(chance, 16) * 4);
    case WORD_VALUE:
        return chance_is(chance, 8) ? noise(chance) : chance_below(chance, 3);
    case FUTEX_OPERATION:
        return operation_of(chance);
    case HOW_BYTES:
        return chance_is(chance, 10) ? chance_below(chance, 64) : 24;
    case REQUEST:
        return request_of(chance);
    default:
        return (uint64_t)(int64_t)fd_of(chance, resources, kind);
    }
}

/* ---- what is remembered ---- */

void value_note_fd(struct resources *resources, int fd, enum kind kind) {
    const uint32_t at = __atomic_fetch_add(&resources->fd_count, 1, __ATOMIC_RELAXED) % FDS;
    resources->fds[at].number = fd;
    resources->fds[at].kind = kind;
}

void value_note_process(struct resources *resources, int32_t process) {
    resources->processes[resources->process_count++ % ITEMS(resources->processes)] = process;
}

void value_note(struct resources *resources, const struct row *row, const uint64_t arguments[ARGUMENTS], long result) {
    if (result < 0)
        return;
    for (unsigned i = 0; i < ARGUMENTS; i++)
        if (row->arguments[i] == TWO_FDS_AT) {
            int fds[2];
            memcpy(fds, (const void *)(uintptr_t)arguments[i], sizeof(fds));
            value_note_fd(resources, fds[0], row->result);
            value_note_fd(resources, fds[1], row->result);
            return;
        }
    if (row->result == TIMER) {
        int number;
        memcpy(&number, (const void *)(uintptr_t)arguments[2], sizeof(number));
        resources->timers[resources->timer_count++ % ITEMS(resources->timers)] = number;
    } else if (row->result != NOTHING && result > 2) {
        value_note_fd(resources, (int)result, row->result);
    }
}
