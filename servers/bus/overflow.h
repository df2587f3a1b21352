/*
 * Queues that spill: what they have no room for in memory waits on disk, and comes back in order.
 *
 *     publication --> [waiting ... out]  <--(spill_read)--  [files]  <--(spill_commit)--  [spilling]
 *                     in memory, first                      on disk                       in memory, last
 *
 * A queue with the policy GROVE_BUS_SPILL takes events into memory while there is room and nothing waits on disk. All else goes
 * behind: into `spilling`, in the state region like any other, and from there into files, many at a time. As soon as there
 * is room the oldest on disk comes back. Each event is in one of the three places, so they come in order.
 *
 * What a crash of the bus leaves. An event is accepted with its place in `spilling`; it leaves that after the files have it,
 * and the next instance finds by its number in the bus those that are in both. The same holds on the way back: an event is
 * kept in memory before `spilled_from` moves on, and the first one read by the next instance is looked for among what is kept.
 * Files of a queue that the state region does not know are of an earlier kernel, and are removed.
 *
 * What is full. Beyond spill_bytes on disk the oldest event becomes a dead letter. When the disk takes nothing, `spilling`
 * fills up to as much as the queue has in memory; then publishers wait as with GROVE_BUS_BLOCK, and after that the oldest of
 * `spilling` becomes a dead letter. The disk is tried again once a second.
 */
#ifndef SERVERS_BUS_OVERFLOW_H
#define SERVERS_BUS_OVERFLOW_H

#include "servers/bus/bus.h"
#include "servers/bus/spill.h"

struct spills; /* all of them; in struct bus */

/* The bus's folder; NULL: none, and nobody may spill. GROVE_NO_MEMORY. After the queues were opened, before the events. */
int overflow_open(struct bus *bus, const char *folder);
/* After the events were opened: what an earlier instance was about to write or to read. */
void overflow_restore(struct bus *bus);
void overflow_close(struct bus *bus);
/* May a subscription have this policy? 0, or a status told with grove_fail. */
int overflow_allow(struct bus *bus, struct grove_request *request);
/* Who spills has changed. */
void overflow_count_anew(struct bus *bus);

/* Does the next event of this queue go behind what is on disk? */
bool queue_spills(const struct queue *queue);
/* Is there no room behind what is on disk? If overflow_move does not change that, the disk takes nothing. */
bool overflow_is_full(const struct queue *queue);
/* See to it that one more can go there. */
void overflow_make_room(struct bus *bus, struct queue *queue);
/* Write what is to be spilled, and take back what there is room for. True: something has moved. */
bool overflow_move(struct bus *bus, struct queue *queue);
/* Where an event of this subject would have to wait, so that nobody waits for room that there is on disk. */
void overflow_move_first(struct bus *bus, struct subject *subject);
/* The same for all. */
bool overflow_rest(struct bus *bus);
/* Events that the queue has on disk. */
uint64_t overflow_count(const struct queue *queue);
/* The queue ends: what it has on disk is given up, and counted as dropped. */
void overflow_end(struct bus *bus, struct queue *queue);

#endif
