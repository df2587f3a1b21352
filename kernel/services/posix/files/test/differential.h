/*
 * The same system calls here and on Linux. A call is a number, six arguments and bytes that lie in the program's memory
 * before it; that memory is at the same address on both sides, so the arguments are the same to the last bit. What came of it
 * is the result and what lies in that memory after.
 */
#ifndef GROVE_POSIX_FILES_TEST_DIFFERENTIAL_H
#define GROVE_POSIX_FILES_TEST_DIFFERENTIAL_H

#include <stdbool.h>
#include <stdint.h>

/* Where in the arena things lie. */
#define AT_PATH 0x0000u
#define AT_PATH_2 0x1000u
#define AT_IN 0x2000u /* structures for the call, up to 128 bytes */
#define AT_OUT 0x3000u /* what it writes */
#define AT_DATA 0x4000u /* contents */
#define OUT_BYTES 0x100u
#define DATA_BYTES 0x3000u

#define PATH_BYTES 32u
#define IN_BYTES 128u
#define ROUND_PAGES 24
#define ROUND_INODES 40
#define ROUND_DESCRIPTORS 40

struct step {
    uint32_t call; /* of enum call_kind */
    uint64_t arguments[6];
    char path[PATH_BYTES], path_2[PATH_BYTES];
    uint8_t in[IN_BYTES];
    uint8_t fill; /* contents before the call */
    bool is_left_out;
};

struct outcome {
    int64_t result;
    uint8_t in[IN_BYTES], out[OUT_BYTES];
    uint64_t data_sum;
    bool is_broken; /* SIGPIPE came */
};

/* X(name, how often) */
#define STEP_CALLS(X) \
    X(read, 8) \
    X(write, 10) \
    X(openat, 14) \
    X(close, 6) \
    X(fstat, 4) \
    X(newfstatat, 3) \
    X(statx, 2) \
    X(poll, 6) \
    X(lseek, 4) \
    X(ioctl, 3) \
    X(pread64, 3) \
    X(pwrite64, 3) \
    X(readv, 2) \
    X(writev, 2) \
    X(preadv2, 1) \
    X(pwritev2, 1) \
    X(faccessat2, 2) \
    X(pipe2, 3) \
    X(select, 3) \
    X(pselect6, 1) \
    X(dup, 2) \
    X(dup2, 2) \
    X(dup3, 2) \
    X(sendfile, 3) \
    X(fcntl, 8) \
    X(flock, 4) \
    X(fsync, 1) \
    X(truncate, 1) \
    X(ftruncate, 3) \
    X(getcwd, 2) \
    X(chdir, 2) \
    X(fchdir, 1) \
    X(renameat2, 2) \
    X(mkdirat, 3) \
    X(linkat, 2) \
    X(unlinkat, 3) \
    X(symlinkat, 2) \
    X(readlinkat, 2) \
    X(fchmodat, 1) \
    X(fchmod, 1) \
    X(umask, 1) \
    X(utimensat, 1) \
    X(mknodat, 2) \
    X(copy_file_range, 2) \
    X(epoll_create1, 2) \
    X(epoll_ctl, 12) \
    X(epoll_wait, 10) \
    X(epoll_pwait2, 1) \
    X(timerfd_create, 2) \
    X(timerfd_settime, 3) \
    X(timerfd_gettime, 1) \
    X(eventfd2, 3) \
    X(fallocate, 3) \
    X(close_range, 1) \
    X(openat2, 3) \
    X(ppoll, 1) \
    X(fadvise64, 1) \
    X(sync_file_range, 1) \
    X(readahead, 1)

enum call_kind {
#define STEP_CALL_ENUM(name, weight) STEP_##name,
    STEP_CALLS(STEP_CALL_ENUM)
#undef STEP_CALL_ENUM
        STEP_KINDS
};

extern const char *const step_names[STEP_KINDS];

/* The next steps of a random round. */
void steps_begin(uint64_t seed);
void steps_pick(struct step *step);

/* A tmpfs of the same limits as the root, in this process, which ends after it. False: this computer does not let us. */
bool theirs_begin(void);
void theirs_apply(const struct step *step, struct outcome *outcome);
void ours_begin(void);
void ours_apply(const struct step *step, struct outcome *outcome);
void ours_end(void);
/*
 * Asked before a step: is it one that is not made, because answers differ for good reasons? Locks on files without an inode,
 * of which some share one on Linux; sendfile to or from what is no file, or within one; and pipes that are nearly full, since
 * Linux counts pages of theirs and we count bytes.
 */
bool ours_is_odd(const struct step *step);

/* Put the step's bytes into the arena; and take what came of it, without what may differ (times, numbers of inodes). */
void step_lay_out(const struct step *step, uint8_t *arena);
void step_take(const struct step *step, const uint8_t *arena, int64_t result, struct outcome *outcome);

#endif
