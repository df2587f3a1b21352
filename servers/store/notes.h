/*
 * Which commits were applied and may not have been answered yet, in the state region: what makes a commit happen once.
 *
 * Before a batch is committed to the database, each of its transactions is noted with the version it will have. After a
 * crash the database's own version tells which notes count: those up to it were applied, the others were not. A commit that
 * is delivered again and is noted is answered from its note. A note is dropped when the record of its request has been
 * completed (nobody delivers it again), or when the request's deadline has passed (libgrove answers those itself).
 *
 * Channels live in the kernel, as the region does: if the kernel ends, both are gone.
 */
#ifndef SERVERS_STORE_NOTES_H
#define SERVERS_STORE_NOTES_H

#include "grove/grove.h"

#define NOTES_MAX 2048u
#define NOTES_MAGIC 0x45544f4eu /* "NOTE" */
#define NOTES_FORMAT 1u

struct note {
    uint64_t channel, number; /* of the request; channel 0: free */
    uint64_t revision;
    uint64_t deadline_ns; /* monotonic */
};

struct notes_region {
    uint32_t magic, format;
    uint64_t reserved;
    struct note notes[NOTES_MAX];
};

struct notes {
    struct grove_region *region;
    struct notes_region *data;
    unsigned next; /* where to look for a free one */
};

/* `revision` is the database's: notes of later ones are dropped. */
int notes_open(struct notes *notes, struct grove_session *session, uint64_t revision);
/* NULL: it was not applied. */
struct note *notes_find(struct notes *notes, uint64_t channel, uint64_t number);
/* NULL: all are in use. */
struct note *notes_add(struct notes *notes, const struct note *made);
void note_drop(struct note *note);

#endif
