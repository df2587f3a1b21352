/*
 * Random system calls: see differential.h. Nothing here ever waits: all files are opened not to, and stay so. What they do is
 * rather often what makes sense, since mistakes all end early.
 */
#include "kernel/services/posix/files/test/differential.h"

#include "kernel/services/posix/files/test/host.h"

#include <string.h>

#define HERE ((uint64_t)-100)
#define NO_WAIT LINUX_O_NONBLOCK

const char *const step_names[STEP_KINDS] = {
#define STEP_CALL_NAME(name, weight) #name,
    STEP_CALLS(STEP_CALL_NAME)
#undef STEP_CALL_NAME
};

static const uint8_t weights[STEP_KINDS] = {
#define STEP_CALL_WEIGHT(name, weight) weight,
    STEP_CALLS(STEP_CALL_WEIGHT)
#undef STEP_CALL_WEIGHT
};

static uint64_t state;

void steps_begin(uint64_t seed) {
    state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
}

static uint32_t pick(uint32_t limit) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33) % limit;
}

static bool one_in(uint32_t count) {
    return pick(count) == 0;
}

#define PICK(array) ((array)[pick(ITEMS(array))])

/* ---- arguments ---- */

static uint64_t descriptor(void) {
    if (one_in(30))
        return one_in(2) ? UINT32_MAX : 1000;
    return pick(one_in(4) ? 24 : 12);
}

static uint64_t folder(void) {
    return one_in(6) ? descriptor() : HERE;
}

static void put_path(char *path) {
    static const char *const names[] = {"a", "b", "c", "d", "a", "b", "..", "."};
    char *at = path;
    uint32_t parts = one_in(2) ? 1 : 1 + pick(2);
    if (one_in(8))
        *at++ = '/';
    for (uint32_t i = 0; i < parts; i++) {
        const char *name = PICK(names);
        size_t size = strlen(name);
        memcpy(at, name, size);
        at += size;
        if (i + 1 < parts || one_in(20))
            *at++ = '/';
    }
    *at = 0;
    if (one_in(60))
        path[0] = 0;
}

static uint64_t path(uint32_t offset) {
    if (one_in(80))
        return one_in(2) ? 0 : ARENA_ADDRESS + ARENA_BYTES - 1 + pick(2);
    return ARENA_ADDRESS + offset;
}

static uint64_t address(uint32_t offset) {
    return one_in(60) ? UINT64_C(0x1000) : ARENA_ADDRESS + offset;
}

static uint64_t open_flags(void) {
    static const uint32_t flags[] = {LINUX_O_CREAT,   LINUX_O_EXCL,     LINUX_O_TRUNC,     LINUX_O_APPEND,
                                     LINUX_O_CLOEXEC, LINUX_O_NOFOLLOW, LINUX_O_DIRECTORY, LINUX_O_PATH};
    uint64_t picked = one_in(2) ? LINUX_O_RDWR : pick(3);
    if (one_in(2))
        picked |= LINUX_O_CREAT;
    for (unsigned i = 0; i < ITEMS(flags); i++)
        if (one_in(14))
            picked |= flags[i];
    return picked | NO_WAIT;
}

static uint64_t mode(void) {
    static const uint32_t modes[] = {0777, 0755, 0644, 0600, 0000, 0444};
    return PICK(modes);
}

static uint64_t size(void) {
    static const uint32_t sizes[] = {0, 1, 7, 8, 9, 16, 100, 4096, 5000, 8192, 12000};
    return PICK(sizes);
}

static uint64_t offset(void) {
    static const uint64_t offsets[] = {0, 1, 100, 4095, 4096, 8192, 20000, 60000, UINT64_MAX, UINT64_C(1) << 62};
    return PICK(offsets);
}

static void put(struct step *step, uint32_t at, uint64_t value, uint32_t bytes) {
    memcpy(step->in + at, &value, bytes);
}

static uint32_t poll_bits(void) {
    static const uint32_t bits[] = {1, 4, 5, 0x41, 0x104, 0x145, 0, 2, 0x2001};
    return PICK(bits);
}

/* ---- calls ---- */

static void pick_poll(struct step *step) {
    uint32_t count = pick(5);
    for (uint32_t i = 0; i < count; i++) {
        put(step, i * 8, one_in(10) ? UINT32_MAX : descriptor(), 4);
        put(step, i * 8 + 4, poll_bits(), 2);
    }
    step->arguments[0] = address(AT_IN);
    step->arguments[1] = one_in(40) ? 100 : count;
}

static void pick_select(struct step *step) {
    for (uint32_t set = 0; set < 3; set++) {
        put(step, set * 16, one_in(3) ? 0 : pick(1u << (one_in(4) ? 14 : 5)), 8);
        step->arguments[1 + set] = one_in(3) ? 0 : address(AT_IN + set * 16);
    }
    step->arguments[0] = one_in(20) ? UINT32_MAX : pick(30);
    step->arguments[4] = ARENA_ADDRESS + AT_IN + 64; /* zero: not at all */
}

static uint64_t any_record(struct step *step) {
    static const uint16_t kinds[] = {0, 1, 2, 0, 1, 3};
    static const uint16_t whences[] = {0, 0, 0, 1, 2, 3};
    put(step, 0, PICK(kinds), 2);
    put(step, 2, PICK(whences), 2);
    put(step, 8, one_in(6) ? offset() : pick(50), 8);
    put(step, 16, one_in(6) ? offset() : pick(30), 8);
    put(step, 24, one_in(20), 4);
    return address(AT_IN);
}

static void pick_fcntl(struct step *step) {
    static const uint32_t commands[] = {0, 1030, 1, 2, 3, 4, 5, 6, 36, 37, 1032, 1034, 99};
    uint32_t command = PICK(commands);
    uint64_t argument = 0;
    if (command == 0 || command == 1030)
        argument = one_in(10) ? 1000 : pick(30);
    else if (command == 2)
        argument = pick(2);
    else if (command == 4)
        argument = NO_WAIT | (one_in(2) ? LINUX_O_APPEND : 0);
    else if (command == 5 || command == 6 || command == 36 || command == 37)
        argument = any_record(step);
    if (command == 36 && step->in[0] == 2) /* what that asks for is newer than what we know */
        step->in[0] = 1;
    step->arguments[0] = descriptor();
    step->arguments[1] = command;
    step->arguments[2] = argument;
}

static void pick_epoll_ctl(struct step *step) {
    static const uint32_t operations[] = {1, 1, 1, 1, 2, 3, 3, 4};
    uint32_t events = poll_bits();
    events |= one_in(3) ? 1u << 31 : 0;
    events |= one_in(6) ? 1u << 30 : 0;
    events |= one_in(12) ? 1u << 28 : 0;
    put(step, 0, events, 4);
    put(step, 4, pick(100), 8);
    step->arguments[0] = descriptor();
    step->arguments[1] = PICK(operations);
    step->arguments[2] = descriptor();
    step->arguments[3] = address(AT_IN);
}

static void pick_vector(struct step *step) {
    uint32_t count = pick(4);
    for (uint32_t i = 0; i < count; i++) {
        put(step, i * 16, ARENA_ADDRESS + AT_DATA + i * 0x1000, 8);
        put(step, i * 16 + 8, one_in(40) ? UINT64_MAX : size() % 4097, 8);
    }
    step->arguments[0] = descriptor();
    step->arguments[1] = address(AT_IN);
    step->arguments[2] = one_in(40) ? 2000 : count;
    step->arguments[3] = one_in(2) ? UINT64_MAX : offset();
}

/* A moment that has been, or one that no test lives to see; and no interval, whose ticks depend on the clock. */
static void pick_timer(struct step *step) {
    put(step, 16, one_in(2) ? 0 : one_in(10) ? UINT64_MAX : 1000000, 8);
    put(step, 24, one_in(10) ? 1000000000 : pick(2), 8);
    step->arguments[0] = descriptor();
    step->arguments[1] = one_in(20) ? 4 : 0;
    step->arguments[2] = address(AT_IN);
}

static void pick_open2(struct step *step) {
    uint64_t flags = open_flags();
    put(step, 0, one_in(20) ? flags | UINT64_C(1) << 40 : flags, 8);
    put(step, 8, (flags & LINUX_O_CREAT) != 0 || one_in(20) ? mode() : 0, 8);
    put(step, 16, one_in(2) ? 0 : pick(16) << 1, 8); /* all but NO_XDEV, for which Linux does not know the root yet */
    put(step, 24, one_in(20), 8);
    step->arguments[0] = folder();
    step->arguments[1] = path(AT_PATH);
    step->arguments[2] = address(AT_IN);
    step->arguments[3] = one_in(20) ? 16 : one_in(4) ? 32 : 24;
}

static void pick_offsets(struct step *step) {
    put(step, 0, offset(), 8);
    put(step, 8, offset(), 8);
}

static void pick_ioctl(struct step *step) {
    static const uint32_t requests[] = {0x5421, 0x541b, 0x541b, 0x5451, 0x5450, 0x5401, 0x12345678};
    put(step, 0, 1, 4);
    step->arguments[0] = descriptor();
    step->arguments[1] = PICK(requests);
    step->arguments[2] = step->arguments[1] == 0x541b ? address(AT_OUT) : address(AT_IN);
}

/* By what most calls take: descriptors first, or folders and paths. */
static bool pick_by_path(struct step *step) {
    uint64_t *a = step->arguments;
    a[0] = folder();
    a[1] = path(AT_PATH);
    switch (step->call) {
    case STEP_openat:
        a[2] = open_flags();
        a[3] = mode();
        return true;
    case STEP_newfstatat:
        a[2] = address(AT_OUT);
        a[3] = one_in(2) ? 0 : PICK(((const uint32_t[]){0x100, 0x1000, 0x1100, 0x200}));
        return true;
    case STEP_statx:
        a[2] = one_in(2) ? 0 : PICK(((const uint32_t[]){0x100, 0x1000, 0x6000, 0x8000}));
        a[3] = 0xfff;
        a[4] = address(AT_OUT);
        return true;
    case STEP_faccessat2:
        a[2] = pick(one_in(20) ? 16 : 8);
        a[3] = one_in(2) ? 0 : PICK(((const uint32_t[]){0x200, 0x100, 0x1000, 0x400}));
        return true;
    case STEP_mkdirat:
    case STEP_fchmodat:
        a[2] = mode();
        return true;
    case STEP_mknodat:
        a[2] = mode() | PICK(((const uint32_t[]){LINUX_S_IFREG, LINUX_S_IFIFO, LINUX_S_IFIFO, LINUX_S_IFDIR}));
        return true;
    case STEP_unlinkat:
        a[2] = one_in(3) ? 0x200 : one_in(20) ? 0x100 : 0;
        return true;
    case STEP_readlinkat:
        a[2] = address(AT_OUT);
        a[3] = one_in(10) ? 0 : 1 + pick(20);
        return true;
    case STEP_utimensat:
        put(step, 0, pick(1000), 8);
        put(step, 8, one_in(3) ? 0x3ffffffe : one_in(10) ? 1000000000 : 5, 8);
        put(step, 24, one_in(3) ? 0x3fffffff : 6, 8);
        a[2] = one_in(4) ? 0 : address(AT_IN);
        a[3] = one_in(3) ? 0x100 : one_in(20) ? 0x200 : 0;
        return true;
    case STEP_linkat:
    case STEP_renameat2:
        a[2] = folder();
        a[3] = path(AT_PATH_2);
        a[4] = step->call == STEP_linkat ? (one_in(3) ? 0x400 : one_in(10) ? 0x1000 : 0) : one_in(2) ? 0 : pick(4);
        return true;
    case STEP_symlinkat:
        a[0] = path(AT_PATH_2);
        a[1] = folder();
        a[2] = path(AT_PATH);
        return true;
    case STEP_truncate:
        a[0] = path(AT_PATH);
        a[1] = size();
        return true;
    case STEP_chdir:
        a[0] = path(AT_PATH);
        return true;
    default:
        return false;
    }
}

static bool pick_by_descriptor(struct step *step) {
    uint64_t *a = step->arguments;
    memset(a, 0, 6 * sizeof(*a));
    a[0] = descriptor();
    switch (step->call) {
    case STEP_read:
    case STEP_write:
    case STEP_pread64:
    case STEP_pwrite64:
        /* From a bad address Linux's tmpfs writes nothing, but moves the end of the file to where it would have been. */
        a[1] = step->call == STEP_write || step->call == STEP_pwrite64 ? ARENA_ADDRESS + AT_DATA : address(AT_DATA);
        a[2] = size();
        a[3] = offset();
        return true;
    case STEP_lseek:
        a[1] = one_in(4) ? (uint64_t)-5 : offset();
        a[2] = one_in(20) ? 9 : pick(3); /* holes are compared below the calls: what is allocated is data here */
        return true;
    case STEP_fstat:
        a[1] = address(AT_OUT);
        return true;
    case STEP_ftruncate:
        a[1] = one_in(20) ? UINT64_MAX : pick(40000);
        return true;
    case STEP_fchmod:
        a[1] = mode();
        return true;
    case STEP_flock:
        a[1] = PICK(((const uint32_t[]){1, 2, 8, 1, 2, 3, 0})) | 4;
        return true;
    case STEP_fallocate:
        a[1] = PICK(((const uint32_t[]){0, 1, 3, 2, 8}));
        a[2] = one_in(20) ? UINT64_MAX : pick(20000);
        a[3] = one_in(20) ? 0 : pick(20000);
        return true;
    case STEP_fadvise64:
        a[2] = one_in(5) ? UINT64_MAX : 0;
        a[3] = pick(8);
        return true;
    case STEP_sync_file_range:
        a[1] = one_in(10) ? UINT64_MAX : 0;
        a[3] = one_in(10) ? 8 : 2;
        return true;
    case STEP_epoll_wait:
    case STEP_epoll_pwait2:
        a[1] = address(AT_OUT);
        a[2] = one_in(20) ? 0 : 1 + pick(8);
        a[3] = step->call == STEP_epoll_wait ? 0 : ARENA_ADDRESS + AT_IN; /* zero: not at all */
        return true;
    case STEP_sendfile:
        pick_offsets(step);
        a[1] = descriptor();
        a[2] = one_in(2) ? 0 : address(AT_IN);
        a[3] = size();
        return true;
    case STEP_copy_file_range:
        pick_offsets(step);
        a[1] = one_in(2) ? 0 : address(AT_IN);
        a[2] = descriptor();
        a[3] = one_in(2) ? 0 : address(AT_IN + 8);
        a[4] = size();
        a[5] = one_in(30);
        return true;
    default:
        return false;
    }
}

static void pick_small(struct step *step) {
    uint64_t *a = step->arguments;
    switch (step->call) {
    case STEP_pipe2:
        a[0] = address(AT_OUT);
        a[1] = NO_WAIT | (one_in(4) ? LINUX_O_CLOEXEC : 0) | (one_in(30) ? 1 : 0);
        break;
    case STEP_dup2:
    case STEP_dup3:
        a[1] = one_in(20) ? 1000 : pick(24);
        a[2] = step->call == STEP_dup3 ? (one_in(3) ? LINUX_O_CLOEXEC : one_in(20)) : 0;
        break;
    case STEP_getcwd:
        a[0] = address(AT_OUT);
        a[1] = one_in(3) ? pick(8) : 200;
        break;
    case STEP_umask:
        a[0] = PICK(((const uint32_t[]){022, 0, 077}));
        break;
    case STEP_epoll_create1:
        a[0] = one_in(4) ? LINUX_O_CLOEXEC : one_in(20);
        break;
    case STEP_timerfd_create:
        a[0] = PICK(((const uint32_t[]){0, 1, 7, 5}));
        a[1] = NO_WAIT | (one_in(20) ? 1 : 0);
        break;
    case STEP_timerfd_gettime:
        a[1] = address(AT_OUT);
        break;
    case STEP_eventfd2:
        a[0] = PICK(((const uint32_t[]){0, 1, 3, UINT32_MAX}));
        a[1] = NO_WAIT | pick(2) | (one_in(20) ? 2 : 0);
        break;
    case STEP_close_range:
        a[0] = 10 + pick(10);
        a[1] = a[0] + pick(4) - one_in(10);
        a[2] = one_in(2) ? 0 : PICK(((const uint32_t[]){4, 1}));
        break;
    default:
        break;
    }
}

static void pick_arguments(struct step *step) {
    switch (step->call) {
    case STEP_poll:
        pick_poll(step);
        break;
    case STEP_ppoll:
        pick_poll(step);
        step->arguments[2] = ARENA_ADDRESS + AT_IN + 64;
        break;
    case STEP_select:
    case STEP_pselect6:
        pick_select(step);
        break;
    case STEP_fcntl:
        pick_fcntl(step);
        break;
    case STEP_epoll_ctl:
        pick_epoll_ctl(step);
        break;
    case STEP_readv:
    case STEP_writev:
    case STEP_preadv2:
    case STEP_pwritev2:
        pick_vector(step);
        break;
    case STEP_timerfd_settime:
        pick_timer(step);
        break;
    case STEP_openat2:
        pick_open2(step);
        break;
    case STEP_ioctl:
        pick_ioctl(step);
        break;
    default:
        if (!pick_by_path(step) && !pick_by_descriptor(step))
            pick_small(step);
    }
}

void steps_pick(struct step *step) {
    uint32_t sum = 0, at;
    memset(step, 0, sizeof(*step));
    for (uint32_t i = 0; i < STEP_KINDS; i++)
        sum += weights[i];
    at = pick(sum);
    while (at >= weights[step->call])
        at -= weights[step->call++];
    put_path(step->path);
    put_path(step->path_2);
    step->fill = (uint8_t)pick(256);
    pick_arguments(step);
}

/* ---- memory ---- */

void step_lay_out(const struct step *step, uint8_t *arena) {
    uint32_t small = step->fill; /* what eventfd is written */
    memset(arena, 0, ARENA_BYTES);
    memcpy(arena + AT_PATH, step->path, PATH_BYTES);
    memcpy(arena + AT_PATH_2, step->path_2, PATH_BYTES);
    memcpy(arena + AT_IN, step->in, IN_BYTES);
    memset(arena + AT_DATA, step->fill, DATA_BYTES);
    memset(arena + AT_DATA, small % 7 == 0 ? 0xff : 0, 8);
    arena[AT_DATA] = step->fill;
}

static uint64_t sum_of(const uint8_t *bytes, uint64_t size_bytes) {
    uint64_t sum = 14695981039346656037u;
    for (uint64_t i = 0; i < size_bytes; i++)
        sum = (sum ^ bytes[i]) * 1099511628211u;
    return sum;
}

/* Of stat only mode, links, size and blocks are compared, and the last two of files only. */
static void forget_status(uint8_t *out) {
    uint32_t kind_mode;
    memcpy(&kind_mode, out + 24, sizeof(kind_mode));
    bool is_file = (kind_mode & LINUX_S_IFMT) == LINUX_S_IFREG;
    if ((kind_mode & LINUX_S_IFMT) == LINUX_S_IFIFO) /* pipes without a name keep theirs */
        memset(out + 24, 0, 4);
    memset(out, 0, 16);
    memset(out + 40, 0, 8);
    if (!is_file)
        memset(out + 48, 0, 24);
    memset(out + 72, 0, 72);
}

static void forget_statx(uint8_t *out) {
    uint16_t kind_mode;
    memcpy(&kind_mode, out + 28, sizeof(kind_mode));
    bool is_file = (kind_mode & LINUX_S_IFMT) == LINUX_S_IFREG;
    if ((kind_mode & LINUX_S_IFMT) == LINUX_S_IFIFO)
        memset(out + 28, 0, 2);
    memset(out, 0, 16);
    memset(out + 32, 0, 8);
    if (!is_file)
        memset(out + 40, 0, 16);
    memset(out + 56, 0, OUT_BYTES - 56);
}

void step_take(const struct step *step, const uint8_t *arena, int64_t result, struct outcome *outcome) {
    outcome->result = result;
    memcpy(outcome->in, arena + AT_IN, IN_BYTES);
    memcpy(outcome->out, arena + AT_OUT, OUT_BYTES);
    outcome->data_sum = sum_of(arena + AT_DATA, DATA_BYTES);
    if (step->call == STEP_fstat || step->call == STEP_newfstatat)
        forget_status(outcome->out);
    else if (step->call == STEP_statx)
        forget_statx(outcome->out);
    else if (step->call == STEP_timerfd_gettime || step->call == STEP_timerfd_settime)
        memset(outcome->out, 0, OUT_BYTES); /* what is left depends on the clock */
    else if (step->call == STEP_fcntl && (step->arguments[1] == 5 || step->arguments[1] == 36))
        memset(outcome->in + 24, 0, 4); /* whose lock it is */
}
