/*
 * An outbox: messages on their way to one receiver, kept in the sender's state region.
 *
 * A service numbers a message and puts it here before it sends it, and moves on only when the channel has accepted it.
 * What the channel accepted is the kernel's to keep (law 4); what it has not is still here when the next instance looks.
 * So a kill at any instruction loses no numbered message; at worst one is sent twice with the same number.
 *
 *     accepted            head
 *        |                  |
 *     ---+------------------+-----------> positions; a position mod capacity is the place
 *        |  still to send   |  free
 *
 * Crash argument. `put` writes the item, then moves head (the item counts from here on), then moves the numbering of its
 * key. A kill before head moves leaves a free place with rubbish in it. A kill between head and the numbering is seen at
 * attach: the newest item then carries the number that its key would give next, and the numbering is moved over it.
 * `accept` is one store. One thread uses an outbox, and the memory is private to the service.
 */
#ifndef GRID_COMMON_OUTBOX_H
#define GRID_COMMON_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OUTBOX_KEYS_MAX 64u

/* Every item begins with this. */
struct outbox_stamp {
    uint64_t epoch, sequence;
};

enum outbox_policy {
    OUTBOX_REFUSE_NEWEST, /* a full outbox takes nothing: the receiver sees no gap */
    OUTBOX_DROP_OLDEST, /* a full outbox forgets the oldest: the receiver sees a gap, `dropped` counts it */
};

struct outbox_header {
    uint32_t magic, version;
    uint32_t item_bytes, capacity;
    uint64_t epoch;
    uint64_t head, accepted;
    uint64_t dropped, refused;
    uint32_t newest_key;
    uint32_t reserved;
    uint64_t next_sequence[OUTBOX_KEYS_MAX];
};

struct outbox {
    struct outbox_header *header;
    unsigned char *items;
    enum outbox_policy policy;
};

size_t outbox_bytes(uint32_t item_bytes, uint32_t capacity);
/*
 * Use 8-aligned memory of outbox_bytes(). Fresh memory, and memory that fails its check, begins a new numbering under
 * `epoch`, which must never have been used before (the wall clock serves).
 */
void outbox_attach(struct outbox *outbox, void *memory, uint32_t item_bytes, uint32_t capacity,
                   enum outbox_policy policy, uint64_t epoch);
/* Begin a new numbering; what still waits keeps the stamps it has. For when the keys get another meaning. */
void outbox_renumber(struct outbox *outbox, uint64_t epoch);
/* Stamp a copy of the item and keep it. GROVE_EXHAUSTED: full, and the policy is to refuse. */
int outbox_put(struct outbox *outbox, unsigned key, const void *item);
/* The oldest item that is still to send, or NULL. */
const void *outbox_next(const struct outbox *outbox);
/* The one that lies `index` places behind it, or NULL. */
const void *outbox_at(const struct outbox *outbox, uint64_t index);
/* The channel has accepted what outbox_next gave. */
void outbox_accept(struct outbox *outbox);
/* Everything before this position (outbox_position, and so many items more) is accepted; what is accepted already stays so. */
void outbox_accept_to(struct outbox *outbox, uint64_t position);
/* Of outbox_next: grows by one with each item that is accepted or forgotten. */
uint64_t outbox_position(const struct outbox *outbox);
uint64_t outbox_waiting(const struct outbox *outbox);
/* The last number given to this key; 0 for none. */
uint64_t outbox_last_sequence(const struct outbox *outbox, unsigned key);

#endif
