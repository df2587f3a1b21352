/*
 * Companions: processes of groved's that do one thing for one container as long as it runs, beside the loop.
 *
 * A companion is a fork of groved that holds what it is given and standard error, and no power of root's but what it is left. It
 * ends by itself when its work is over, and with groved, unless it has something to finish.
 */
#ifndef GROVE_LINUX_COMPANION_H
#define GROVE_LINUX_COMPANION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct companion;
struct grove_usage;
/* It has ended; `is_orderly`: by itself, with status 0. Not called after companion_end. */
typedef void companion_ended(struct companion *companion, bool is_orderly, void *context);

struct companion {
    pid_t process; /* 0: none */
    int descriptor;
    uint64_t processor_ns; /* what one that has ended had used */
    companion_ended *ended;
    void *context;
};

#define COMPANION_DESCRIPTORS_MAX 4u
struct companion_start {
    const char *name; /* as people see it, at most 15 bytes */
    int descriptors[COMPANION_DESCRIPTORS_MAX]; /* kept, beside standard error; -1: fewer */
    bool changes_user; /* as root, become this user */
    uid_t user;
    gid_t group;
    bool outlives; /* it is not killed with groved: it sees that end by itself, and ends soon */
    uint64_t capabilities; /* of Linux, bit n is number n: kept, where it stays root */
    bool (*prepare)(void *context); /* in the child, with all of groved's privileges; NULL: nothing. False: it ends */
    void (*run)(void *context); /* never returns */
    void *run_context;
};

/* 0 or a negative error number. */
int companion_start(struct companion *companion, const struct companion_start *start, companion_ended *ended,
                    void *context);
/* Add the processor time that it has used, also of one that has ended, and the memory that is its alone. */
void companion_usage(const struct companion *companion, struct grove_usage *usage);
/* Kill it and wait for that; nothing happens for one that has ended. */
void companion_end(struct companion *companion);

#endif
