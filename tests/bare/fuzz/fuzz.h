/*
 * What the parts of the fuzzer of system calls share: see README.md.
 *
 * A worker is a process with a few threads. Each thread has random numbers of its own, derived from the seed, the worker's
 * number and its own, so that one can be made again without the others. Descriptors and mappings are the whole worker's.
 */
#ifndef BARE_FUZZ_H
#define BARE_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARGUMENTS 6u
#define ARENA_BYTES ((size_t)64 << 10) /* memory for structures; behind it lies a page that is not there */
#define WINDOW_BYTES ((size_t)1 << 20) /* memory that calls map, unmap and protect as they like */

/* ---- chance ---- */

struct chance {
    uint64_t state;
};

static inline uint64_t chance_next(struct chance *chance) {
    chance->state ^= chance->state << 13;
    chance->state ^= chance->state >> 7;
    chance->state ^= chance->state << 17;
    return chance->state * UINT64_C(0x2545f4914f6cdd1d) >> 1;
}

static inline uint64_t chance_below(struct chance *chance, uint64_t limit) {
    return chance_next(chance) % limit;
}

/* Once in `times`. */
static inline bool chance_is(struct chance *chance, uint64_t times) {
    return chance_below(chance, times) == 0;
}

/* ---- what is called (grammar.c) ---- */

/* What an argument is, and what a call returns. Descriptors come first: RESULT_ is the kind that is remembered. */
enum kind {
    NOTHING,
    FD_FILE,
    FD_FOLDER,
    FD_PIPE,
    FD_SOCKET,
    FD_EPOLL,
    FD_EVENT,
    FD_TIMER,
    FD_SIGNAL,
    FD_PROCESS,
    FD_WATCH,
    FD_TERMINAL,
    FD_ANY,
    FD_AT, /* of a folder, or AT_FDCWD */
    OWN_PATH,
    ANY_PATH,
    NAME,
    BYTES,
    SIZE,
    SMALL,
    ANY,
    ZERO,
    MODE,
    OFFSET,
    OFFSET_AT,
    NUMBER_AT,
    FLAGS, /* of a row's own list */
    PAGES_AT,
    PAGES,
    PROCESS,
    SIGNAL,
    SIGNAL_SET,
    SIGNAL_SET_BYTES,
    SIGNAL_ACTION,
    SIGNAL_INFO,
    SIGNAL_STACK,
    CLOCK,
    TIMER,
    TIME_AT,
    TIMES_AT,
    LIMIT_KIND,
    LIMIT_AT,
    USER,
    PARTS_AT,
    PART_COUNT,
    MESSAGE_AT,
    MESSAGES_AT,
    ADDRESS_AT,
    ADDRESS_BYTES,
    TWO_FDS_AT,
    POLLED_AT,
    SET_AT,
    EVENT_AT,
    WORD_AT,
    WORDS_AT,
    WORD_COUNT,
    WORD_VALUE,
    FUTEX_OPERATION,
    HOW_AT,
    HOW_BYTES,
    SCHEDULE_AT,
    CAPABILITY_HEAD_AT,
    REQUEST,
    STRUCTURE_AT,
};

#define FLAGS_MAX 20u

struct row {
    const char *name;
    long number;
    enum kind arguments[ARGUMENTS];
    enum kind result; /* a kind of descriptor, TIMER, or NOTHING */
    uint32_t weight;
    uint64_t flags[FLAGS_MAX]; /* single bits or values, of which some are joined; until the first 0 behind the first */
};

extern const struct row rows[];
extern const size_t row_count;
const struct row *row_choose(struct chance *chance);

/* ---- arguments (values.c) ---- */

#define FDS 96u

struct resources {
    struct {
        int number;
        enum kind kind;
    } fds[FDS];
    uint32_t fd_count; /* grows; the place is that modulo FDS */
    int timers[8];
    uint32_t timer_count;
    int32_t processes[8];
    uint32_t process_count;
    char *arena, *window;
};

void resources_open(struct resources *resources);
/* Make one argument. */
uint64_t value_make(struct chance *chance, struct resources *resources, const struct row *row, enum kind kind);
/* Remember what a call gave: descriptors, timers, processes. */
void value_note(struct resources *resources, const struct row *row, const uint64_t arguments[ARGUMENTS], long result);
void value_note_fd(struct resources *resources, int fd, enum kind kind);
void value_note_process(struct resources *resources, int32_t process);

/* ---- a worker (worker.c) ---- */

struct tally {
    uint64_t calls, successes; /* atomic */
    uint64_t by_row[512], successes_by_row[512];
};

struct plan {
    uint64_t seed;
    uint32_t worker, calls, threads;
    bool is_root, shows;
    struct tally *tally; /* in shared memory */
};

/* In a process of its own, in whose current folder nobody else has anything to lose. */
_Noreturn void worker_run(const struct plan *plan);

#endif
