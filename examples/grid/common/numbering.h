/*
 * The receiver's side of an outbox: which numbered messages are new, which came before, which never came.
 *
 * A sender numbers from 1 without gaps under one epoch; a sender that lost its numbering begins another epoch, an
 * arbitrary number. The epoch before the present one is remembered, because its last messages may be delivered again
 * after the first of the new one. Plain data, for a state region or a file.
 */
#ifndef GRID_COMMON_NUMBERING_H
#define GRID_COMMON_NUMBERING_H

#include <stdbool.h>
#include <stdint.h>

struct numbering {
    uint64_t epoch, sequence; /* of the last one taken */
    uint64_t previous_epoch, previous_sequence;
    uint64_t taken, repeated, missing;
};

/*
 * Epochs before the previous one, for a receiver to whom a log is read again from far back: a sender that was started
 * anew several times within that has begun as many epochs.
 */
#define NUMBERING_PAST_EPOCHS 32u
struct numbering_past {
    struct {
        uint64_t epoch, sequence; /* the last one taken; sequence 0: unused */
    } entry[NUMBERING_PAST_EPOCHS];
    unsigned next;
};

/* Was it taken in an epoch before the previous one? */
bool numbering_is_past(const struct numbering_past *past, uint64_t epoch, uint64_t sequence);
/* Before numbering_take: keep in mind the epoch that it is going to forget, if it is. */
void numbering_remember(struct numbering_past *past, const struct numbering *numbering, uint64_t epoch);
/* Has this one been taken before? Changes nothing. */
bool numbering_is_repeated(const struct numbering *numbering, uint64_t epoch, uint64_t sequence);
/* Count one that is dealt with; what was skipped counts as missing. Returns false if it was a repetition. */
bool numbering_take(struct numbering *numbering, uint64_t epoch, uint64_t sequence);

#endif
