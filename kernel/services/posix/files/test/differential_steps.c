/*
 * Random system calls: see differential.h. Nothing here ever waits: all files are opened not to, and stay so. What they do is
 * rather often what makes sense, since mistakes all end early.
 */
#include "kernel/services/posix/files/test/differential_arguments.h"
#include "kernel/services/posix/files/test/host.h"

#include <string.h>

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

/* ---- calls ---- */

static void pick_poll(struct step *step) {
    uint32_t count = random_below(5);
    for (uint32_t i = 0; i < count; i++) {
        put_value(step, i * 8, one_in(10) ? UINT32_MAX : any_descriptor(), 4);
        put_value(step, i * 8 + 4, any_poll_bits(), 2);
    }
    step->arguments[0] = any_address(AT_IN);
    step->arguments[1] = one_in(40) ? 100 : count;
}

static void pick_select(struct step *step) {
    for (uint32_t set = 0; set < 3; set++) {
        put_value(step, set * 16, one_in(3) ? 0 : random_below(1u << (one_in(4) ? 14 : 5)), 8);
        step->arguments[1 + set] = one_in(3) ? 0 : any_address(AT_IN + set * 16);
    }
    step->arguments[0] = one_in(20) ? UINT32_MAX : random_below(30);
    step->arguments[4] = ARENA_ADDRESS + AT_IN + 64; /* zero: not at all */
}

static uint64_t any_record(struct step *step) {
    static const uint16_t kinds[] = {0, 1, 2, 0, 1, 3};
    static const uint16_t whences[] = {0, 0, 0, 1, 2, 3};
    put_value(step, 0, PICK(kinds), 2);
    put_value(step, 2, PICK(whences), 2);
    put_value(step, 8, one_in(6) ? any_offset() : random_below(50), 8);
    put_value(step, 16, one_in(6) ? any_offset() : random_below(30), 8);
    put_value(step, 24, one_in(20), 4);
    return any_address(AT_IN);
}

static void pick_fcntl(struct step *step) {
    static const uint32_t commands[] = {0, 1030, 1, 2, 3, 4, 5, 6, 36, 37, 1032, 1034, 99};
    uint32_t command = PICK(commands);
    uint64_t argument = 0;
    if (command == 0 || command == 1030)
        argument = one_in(10) ? 1000 : random_below(30);
    else if (command == 2)
        argument = random_below(2);
    else if (command == 4)
        argument = NO_WAIT | (one_in(2) ? LINUX_O_APPEND : 0);
    else if (command == 5 || command == 6 || command == 36 || command == 37)
        argument = any_record(step);
    if (command == 36 && step->in[0] == 2) /* what that asks for is newer than what we know */
        step->in[0] = 1;
    step->arguments[0] = any_descriptor();
    step->arguments[1] = command;
    step->arguments[2] = argument;
}

static void pick_epoll_ctl(struct step *step) {
    static const uint32_t operations[] = {1, 1, 1, 1, 2, 3, 3, 4};
    uint32_t events = any_poll_bits();
    events |= one_in(3) ? 1u << 31 : 0;
    events |= one_in(6) ? 1u << 30 : 0;
    events |= one_in(12) ? 1u << 28 : 0;
    put_value(step, 0, events, 4);
    put_value(step, 4, random_below(100), 8);
    step->arguments[0] = any_descriptor();
    step->arguments[1] = PICK(operations);
    step->arguments[2] = any_descriptor();
    step->arguments[3] = any_address(AT_IN);
}

static void pick_vector(struct step *step) {
    uint32_t count = random_below(4);
    for (uint32_t i = 0; i < count; i++) {
        put_value(step, i * 16, ARENA_ADDRESS + AT_DATA + (uint64_t)i * 0x1000, 8);
        put_value(step, i * 16 + 8, one_in(40) ? UINT64_MAX : any_size() % 4097, 8);
    }
    step->arguments[0] = any_descriptor();
    step->arguments[1] = any_address(AT_IN);
    step->arguments[2] = one_in(40) ? 2000 : count;
    step->arguments[3] = one_in(2) ? UINT64_MAX : any_offset();
}

/* A moment that has been, or one that no test lives to see; and no interval, whose ticks depend on the clock. */
static void pick_timer(struct step *step) {
    put_value(step, 16, one_in(2) ? 0 : one_in(10) ? UINT64_MAX : 1000000, 8);
    put_value(step, 24, one_in(10) ? 1000000000 : random_below(2), 8);
    step->arguments[0] = any_descriptor();
    step->arguments[1] = one_in(20) ? 4 : 0;
    step->arguments[2] = any_address(AT_IN);
}

static void pick_open2(struct step *step) {
    uint64_t flags = any_open_flags();
    put_value(step, 0, one_in(20) ? flags | UINT64_C(1) << 40 : flags, 8);
    put_value(step, 8, (flags & LINUX_O_CREAT) != 0 || one_in(20) ? any_mode() : 0, 8);
    put_value(step, 16, one_in(2) ? 0 : random_below(16) << 1,
              8); /* all but NO_XDEV, for which Linux does not know the root yet */
    put_value(step, 24, one_in(20), 8);
    step->arguments[0] = any_folder();
    step->arguments[1] = any_path(AT_PATH);
    step->arguments[2] = any_address(AT_IN);
    step->arguments[3] = one_in(20) ? 16 : one_in(4) ? 32 : 24;
}

static void pick_offsets(struct step *step) {
    put_value(step, 0, any_offset(), 8);
    put_value(step, 8, any_offset(), 8);
}

static void pick_ioctl(struct step *step) {
    static const uint32_t requests[] = {0x5421, 0x541b, 0x541b, 0x5451, 0x5450, 0x5401, 0x12345678};
    put_value(step, 0, 1, 4);
    step->arguments[0] = any_descriptor();
    step->arguments[1] = PICK(requests);
    step->arguments[2] = step->arguments[1] == 0x541b ? any_address(AT_OUT) : any_address(AT_IN);
}

/* By what most calls take: descriptors first, or folders and paths. */
static bool pick_by_path(struct step *step) {
    uint64_t *a = step->arguments;
    a[0] = any_folder();
    a[1] = any_path(AT_PATH);
    switch (step->call) {
    case STEP_openat:
        a[2] = any_open_flags();
        a[3] = any_mode();
        return true;
    case STEP_newfstatat:
        a[2] = any_address(AT_OUT);
        a[3] = one_in(2) ? 0 : PICK(((const uint32_t[]){0x100, 0x1000, 0x1100, 0x200}));
        return true;
    case STEP_statx:
        a[2] = one_in(2) ? 0 : PICK(((const uint32_t[]){0x100, 0x1000, 0x6000, 0x8000}));
        a[3] = 0xfff;
        a[4] = any_address(AT_OUT);
        return true;
    case STEP_faccessat2:
        a[2] = random_below(one_in(20) ? 16 : 8);
        a[3] = one_in(2) ? 0 : PICK(((const uint32_t[]){0x200, 0x100, 0x1000, 0x400}));
        return true;
    case STEP_mkdirat:
    case STEP_fchmodat:
        a[2] = any_mode();
        return true;
    case STEP_mknodat:
        a[2] = any_mode() | PICK(((const uint32_t[]){LINUX_S_IFREG, LINUX_S_IFIFO, LINUX_S_IFIFO, LINUX_S_IFDIR}));
        return true;
    case STEP_unlinkat:
        a[2] = one_in(3) ? 0x200 : one_in(20) ? 0x100 : 0;
        return true;
    case STEP_readlinkat:
        a[2] = any_address(AT_OUT);
        a[3] = one_in(10) ? 0 : 1 + random_below(20);
        return true;
    case STEP_utimensat:
        put_value(step, 0, random_below(1000), 8);
        put_value(step, 8, one_in(3) ? 0x3ffffffe : one_in(10) ? 1000000000 : 5, 8);
        put_value(step, 24, one_in(3) ? 0x3fffffff : 6, 8);
        a[2] = one_in(4) ? 0 : any_address(AT_IN);
        a[3] = one_in(3) ? 0x100 : one_in(20) ? 0x200 : 0;
        return true;
    case STEP_linkat:
    case STEP_renameat2:
        a[2] = any_folder();
        a[3] = any_path(AT_PATH_2);
        a[4] = step->call == STEP_linkat ? (one_in(3)    ? 0x400
                                            : one_in(10) ? 0x1000
                                                         : 0)
               : one_in(2)               ? 0
                                         : random_below(4);
        return true;
    case STEP_symlinkat:
        a[0] = any_path(AT_PATH_2);
        a[1] = any_folder();
        a[2] = any_path(AT_PATH);
        return true;
    case STEP_truncate:
        a[0] = any_path(AT_PATH);
        a[1] = any_size();
        return true;
    case STEP_chdir:
        a[0] = any_path(AT_PATH);
        return true;
    default:
        return false;
    }
}

static bool pick_by_descriptor(struct step *step) {
    uint64_t *a = step->arguments;
    memset(a, 0, 6 * sizeof(*a));
    a[0] = any_descriptor();
    switch (step->call) {
    case STEP_read:
    case STEP_write:
    case STEP_pread64:
    case STEP_pwrite64:
        /* From a bad address Linux's tmpfs writes nothing, but moves the end of the file to where it would have been. */
        a[1] = step->call == STEP_write || step->call == STEP_pwrite64 ? ARENA_ADDRESS + AT_DATA : any_address(AT_DATA);
        a[2] = any_size();
        a[3] = any_offset();
        return true;
    case STEP_lseek:
        a[1] = one_in(4) ? (uint64_t)-5 : any_offset();
        a[2] =
            one_in(20) ? 9 : random_below(3); /* holes are compared below the calls: what is allocated is data here */
        return true;
    case STEP_fstat:
        a[1] = any_address(AT_OUT);
        return true;
    case STEP_ftruncate:
        a[1] = one_in(20) ? UINT64_MAX : random_below(40000);
        return true;
    case STEP_fchmod:
        a[1] = any_mode();
        return true;
    case STEP_flock:
        a[1] = PICK(((const uint32_t[]){1, 2, 8, 1, 2, 3, 0})) | 4;
        return true;
    case STEP_fallocate:
        a[1] = PICK(((const uint32_t[]){0, 1, 3, 2, 8}));
        a[2] = one_in(20) ? UINT64_MAX : random_below(20000);
        a[3] = one_in(20) ? 0 : random_below(20000);
        return true;
    case STEP_fadvise64:
        a[2] = one_in(5) ? UINT64_MAX : 0;
        a[3] = random_below(8);
        return true;
    case STEP_sync_file_range:
        a[1] = one_in(10) ? UINT64_MAX : 0;
        a[3] = one_in(10) ? 8 : 2;
        return true;
    case STEP_epoll_wait:
    case STEP_epoll_pwait2:
        a[1] = any_address(AT_OUT);
        a[2] = one_in(20) ? 0 : 1 + random_below(8);
        a[3] = step->call == STEP_epoll_wait ? 0 : ARENA_ADDRESS + AT_IN; /* zero: not at all */
        return true;
    case STEP_sendfile:
        pick_offsets(step);
        a[1] = any_descriptor();
        a[2] = one_in(2) ? 0 : any_address(AT_IN);
        a[3] = any_size();
        return true;
    case STEP_copy_file_range:
        pick_offsets(step);
        a[1] = one_in(2) ? 0 : any_address(AT_IN);
        a[2] = any_descriptor();
        a[3] = one_in(2) ? 0 : any_address(AT_IN + 8);
        a[4] = any_size();
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
        a[0] = any_address(AT_OUT);
        a[1] = NO_WAIT | (one_in(4) ? LINUX_O_CLOEXEC : 0) | (one_in(30) ? 1 : 0);
        break;
    case STEP_dup2:
    case STEP_dup3:
        a[1] = one_in(20) ? 1000 : random_below(24);
        a[2] = step->call == STEP_dup3 ? (one_in(3) ? LINUX_O_CLOEXEC : one_in(20)) : 0;
        break;
    case STEP_getcwd:
        a[0] = any_address(AT_OUT);
        a[1] = one_in(3) ? random_below(8) : 200;
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
        a[1] = any_address(AT_OUT);
        break;
    case STEP_eventfd2:
        a[0] = PICK(((const uint32_t[]){0, 1, 3, UINT32_MAX}));
        a[1] = NO_WAIT | random_below(2) | (one_in(20) ? 2 : 0);
        break;
    case STEP_close_range:
        a[0] = 10 + random_below(10);
        a[1] = a[0] + random_below(4) - one_in(10);
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
    at = random_below(sum);
    while (at >= weights[step->call])
        at -= weights[step->call++];
    put_path(step->path);
    put_path(step->path_2);
    step->fill = (uint8_t)random_below(256);
    pick_arguments(step);
}
