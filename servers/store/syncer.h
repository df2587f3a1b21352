/*
 * The thread that waits for the disk, so that reads need not. It does nothing else: it is told to synchronise the
 * database's log and says when that is done. One synchronisation at a time.
 *
 * The run loop's thread calls everything here; `done` is a descriptor to watch meanwhile, readable when it is over.
 */
#ifndef SERVERS_STORE_SYNCER_H
#define SERVERS_STORE_SYNCER_H

#include <pthread.h>
#include <stdbool.h>

#include "servers/store/database.h"

struct syncer {
    const struct database *database;
    pthread_t thread;
    bool is_running; /* the thread has been made */
    int wanted, done; /* eventfds */
    int result; /* of the last one; written by the thread before is_done */
    bool is_done;
};

/* The thread is made when it is first needed. GROVE_NO_DESCRIPTORS. */
int syncer_init(struct syncer *syncer, const struct database *database);
/* Begin. GROVE_NO_MEMORY: no thread can be made; synchronise in place. */
int syncer_begin(struct syncer *syncer);
/* False: not yet. */
bool syncer_poll(struct syncer *syncer, int *result);
/* Wait for the end. */
void syncer_wait(struct syncer *syncer, int *result);

#endif
