/*
 * The historian's intake: messages that wait for the disk.
 *
 * A reading is added to the store's batch when it comes and its message is deferred; it is completed only after the
 * commit that covers it. So what a crash takes from memory is delivered again, and when the disk takes nothing, messages
 * stay uncompleted, the lane fills up and the sender notices: back-pressure, and no loss. The commit comes at the latest
 * `commit_ns` after the first waiting message, and earlier when many wait.
 */
#ifndef GRID_HISTORIAN_INTAKE_H
#define GRID_HISTORIAN_INTAKE_H

#include "examples/grid/historian/store.h"
#include "grove/grove.h"

struct intake_entry {
    struct grove_request *request;
    struct reading reading;
};
struct intake {
    struct grove_service *service;
    struct store *store;
    uint64_t commit_ns;
    uint64_t *redelivered; /* counter in the state region */
    bool is_armed; /* a commit is due */
    bool is_blocked; /* the last commit failed */
    unsigned count, capacity, added; /* the first `added` entries are in the store's batch */
    struct intake_entry *entry;
};

/* Handler of HISTORIAN_STORE; the context is the intake. */
int intake_take(struct grove_request *request, void *context);
/* Commit what waits, now; for the end of the service. */
void intake_flush(struct intake *intake);

#endif
