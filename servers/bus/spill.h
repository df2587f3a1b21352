/*
 * The events that one queue has on disk: a journal of event images in a folder of its own, written behind and read from the
 * front. overflow.c says which events go there and when they come back.
 *
 * What spill_commit has taken outlives this process, and is not waited for until it is on the disk: the queue it belongs to
 * lies in memory and does not outlive the machine either. A crash in the middle of a commit leaves a part of it, in order.
 *
 * File descriptors only; one thread.
 */
#ifndef SERVERS_BUS_SPILL_H
#define SERVERS_BUS_SPILL_H

#include "grove/bus_protocol.h"
#include "grove/journal.h"

struct spill {
    int folder;
    struct grove_journal *journal;
    struct grove_journal_reader *reader;
};

/* What spill_read found. */
struct spilled {
    uint64_t number; /* in the journal, from 1 on */
    uint64_t lost; /* so many before this one are damaged, or no longer there */
    const struct grove_bus_image *image; /* sound; valid until the spill is used again */
};

/*
 * Open or begin it, in the folder `name` below `parent`. It will have about limit_bytes at most; the caller sees to that.
 * GROVE_FULL, GROVE_READ_ONLY, GROVE_IO, GROVE_NO_MEMORY, GROVE_NO_DESCRIPTORS, GROVE_INVALID (something else stands there).
 */
int spill_open(int parent, const char *name, uint64_t limit_bytes, struct spill *spill,
               struct grove_journal_problem *problem);
void spill_close(struct spill *spill);
/* Into the next commit. GROVE_AGAIN: it is full, commit first. GROVE_TOO_LARGE, GROVE_NO_MEMORY. */
int spill_add(struct spill *spill, const struct grove_bus_image *image);
/* Write what was added. If that fails all of it is dropped, and none of it is there. */
int spill_commit(struct spill *spill, struct grove_journal_problem *problem);
/* The number that comes next; those from 1 up to before it were written. */
uint64_t spill_next(const struct spill *spill);
/* Read from this number on. */
void spill_seek(struct spill *spill, uint64_t number);
/* The next event. GROVE_AGAIN: all were read; `lost` may be set. GROVE_IO, GROVE_NO_MEMORY, GROVE_NO_DESCRIPTORS. */
int spill_read(struct spill *spill, struct spilled *spilled);
/* What follows and cannot be read is lost; the next answer says how much that was. */
void spill_pass(struct spill *spill);
/* Those below this number are not needed any more. */
void spill_forget(struct spill *spill, uint64_t number);
/* Nothing comes for a while: give back memory. */
void spill_rest(struct spill *spill);

#endif
