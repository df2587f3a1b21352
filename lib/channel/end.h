/*
 * One end of a channel: the protocol of abi/channel.h, and nothing else.
 *
 * An end knows its own segment (mapped for writing) and its peer's (read-only, and hostile: every value read from it is
 * checked before use). It does not sleep, open or map anything; lib/session does. One thread uses an end.
 *
 * What a crash leaves behind is argued in end.c, and tests/channel kills both sides after every single store.
 */
#ifndef GROVE_CHANNEL_END_H
#define GROVE_CHANNEL_END_H

#include "grove/abi/channel.h"
#include "grove/abi/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct channel_end;

size_t channel_end_bytes(void);
/*
 * Set up an end over its own mapped segment. If the segment carries an earlier instance's work (`resumed`), positions,
 * numbers, arena blocks in use and reply marks are taken from it, each checked. Memory is the caller's. GROVE_INVALID
 * (layout), GROVE_CORRUPT (the earlier instance left nonsense: the channel must be closed).
 */
int channel_end_init(struct channel_end *end, enum grove_channel_role role, const struct grove_channel_layout *layout,
                     void *own_segment, bool resumed);
void channel_end_deinit(struct channel_end *end);
/*
 * The peer's segment, or that of its next instance; until the first call the peer's positions count as 0. A record that
 * is being read stays valid where it is: the caller keeps the old mapping until channel_end_is_reading(end) is false for it.
 */
int channel_end_attach_peer(struct channel_end *end, const void *peer_segment);
/*
 * Must the peer be woken (as channel_end_publish says)? Call it after each attach and each release. The peer's next instance may have gone to sleep before this end looked at its segment, so
 * what was published or completed meanwhile did not wake it.
 */
bool channel_end_must_wake(struct channel_end *end, enum grove_waiting *waiting);
bool channel_end_has_peer(const struct channel_end *end);
/* Is some taken and uncompleted record, or some held block, inside this mapping of the peer? */
bool channel_end_is_reading(const struct channel_end *end, const void *peer_segment);

/* ---- produce ---- */

/*
 * Room for a record with this payload; *record points into the lane, header not yet filled in but for size and length.
 * GROVE_AGAIN: no room now. GROVE_TOO_LARGE: never (over half the lane). GROVE_CORRUPT: the peer's position is nonsense.
 */
int channel_end_reserve(struct channel_end *end, enum grove_lane lane, size_t payload_bytes,
                        struct grove_record **record);
/* The same with room for a span, which is stored. The caller sets GROVE_RECORD_TRACED in the header's flags. */
int channel_end_reserve_traced(struct channel_end *end, enum grove_lane lane, size_t payload_bytes,
                               const struct grove_trace_context *span, struct grove_record **record);
/*
 * Make the reserved record visible. Returns true if the peer sleeps and must be woken (channel_end_signal, then by
 * *waiting: futex on the own signal word, or the doorbell). A REPLY or ERROR first gets its reply mark.
 */
bool channel_end_publish(struct channel_end *end, enum grove_lane lane, enum grove_waiting *waiting);
/* The number for the next request; stored in the segment before it returns, so no instance uses it twice. */
uint64_t channel_end_next_number(struct channel_end *end);
/* Bytes published on a lane that the peer has not completed. */
int channel_end_pending(struct channel_end *end, enum grove_lane lane, uint64_t *bytes);

/* ---- consume ---- */

struct channel_taken {
    const struct grove_record *record; /* in the peer's memory: may change under the reader */
    struct grove_record header; /* private copy, checked: trust this one */
    const void *payload;
    uint64_t end_position;
    uint32_t ticket; /* for channel_end_complete */
    uint8_t lane;
    bool is_redelivered; /* an earlier instance may have begun to handle it */
    bool is_answered; /* call whose reply an earlier instance published: complete it, do not run the handler */
};
/*
 * The next record of a lane that this instance has not taken yet. GROVE_AGAIN: nothing there, or GROVE_REPLY_MARKS taken
 * ones are uncompleted. GROVE_CORRUPT: the peer broke the protocol; stop using the channel.
 */
int channel_end_take(struct channel_end *end, enum grove_lane lane, struct channel_taken *taken);
/* May there be something to take in this lane? For whoever looks again and again: it costs a few loads. */
bool channel_end_has_record(const struct channel_end *end, enum grove_lane lane);
/*
 * The handler has returned. Any order; the read position moves over the completed prefix. Returns whether to wake the
 * peer as channel_end_publish does (only if it waits for room).
 */
bool channel_end_complete(struct channel_end *end, const struct channel_taken *taken, enum grove_waiting *waiting);
/* The span that a taken record carries. False: none. */
bool channel_taken_trace(const struct channel_taken *taken, struct grove_trace_context *span);
/* A slice of a taken record, checked against the arena it names. GROVE_CORRUPT. */
int channel_end_slice(struct channel_end *end, const struct channel_taken *taken, unsigned index, const void **data,
                      size_t *length_bytes);
/*
 * The slice that hands back to the caller this part (offset within the slice) of what a taken CALL brought, for its
 * reply. GROVE_INVALID: outside of it, or not a call. Publish the reply before completing the call.
 */
int channel_end_slice_back(struct channel_end *end, const struct channel_taken *taken, unsigned index,
                           uint64_t offset_bytes, uint64_t length_bytes, struct grove_slice *slice);
/* Keep a slice's blocks past completion. GROVE_EXHAUSTED after GROVE_HELD_MAX. */
int channel_end_hold(struct channel_end *end, const struct channel_taken *taken, unsigned index, uint32_t *hold);
/* End a hold. The peer may be waiting for the block: call channel_end_must_wake after it. */
void channel_end_release(struct channel_end *end, uint32_t hold);

/* ---- arena ---- */

/*
 * A block in the own arena. Publishing a record with a slice of it (space SENDER) takes the loan over: the block comes
 * back when that record is completed and the peer does not hold it. GROVE_AGAIN: none free now, or, after a take-over,
 * the peer is not attached yet. GROVE_TOO_LARGE: larger than the arena.
 */
int channel_end_loan(struct channel_end *end, size_t length_bytes, void **data, uint64_t *offset_bytes);
/* Loan the block around this offset once more, so that it can go out in several records. GROVE_INVALID, GROVE_EXHAUSTED. */
int channel_end_loan_keep(struct channel_end *end, uint64_t offset_bytes);
/* Not published after all, or kept and no longer needed. */
void channel_end_loan_return(struct channel_end *end, uint64_t offset_bytes);

/* ---- sleeping ---- */

/*
 * Say that this end is about to sleep, and how; returns false if there is something to do after all (then nothing was
 * said). *signal is the value of the peer's signal word to sleep on; if it has GROVE_SIGNAL_CLOSED, nobody will change
 * that word again: sleep on the kernel's notices. The same without a peer, where *signal is 0. After the sleep,
 * whatever ended it, channel_end_awake. What for: records to take; or room, when what channel_end_reserve,
 * channel_end_loan or channel_end_pending last answered no longer suits, so that a completion or a release by the peer
 * ends the sleep (try that again then); or both. In a sleep for room only, records that wait do not count; one that
 * is published may still end it, once.
 */
enum channel_sleep { CHANNEL_FOR_RECORDS = 1, CHANNEL_FOR_ROOM = 2, CHANNEL_FOR_BOTH = 3 };
bool channel_end_prepare_sleep(struct channel_end *end, enum grove_waiting how, enum channel_sleep what,
                               uint32_t *signal);
void channel_end_awake(struct channel_end *end);
/* The word that the peer of this end sleeps on (own) and that this end sleeps on (peer's; NULL without a peer). */
uint32_t *channel_end_own_signal(struct channel_end *end);
const uint32_t *channel_end_peer_signal(const struct channel_end *end);
void channel_end_signal(struct channel_end *end); /* change the own signal word */
bool channel_end_peer_is_closed(const struct channel_end *end);
/* Does the peer step its word so that the kernel may count in it as well? */
bool channel_end_peer_steps(const struct channel_end *end);
/* Where the peer last ran, + 1; 0 unknown. And where this end runs. */
uint32_t channel_end_peer_processor(const struct channel_end *end);
void channel_end_set_processor(struct channel_end *end, uint32_t processor_plus_one);

#endif
