/*
 * Lanes: single-producer rings of records, published and completed by position.
 *
 *         read_position          taken               write_position
 *     ----------|------------------|----------------------|---------------- (mod lane size)
 *      completed   being handled     visible, not taken      free, or a reservation being filled
 *
 * A record never wraps. Where it does not fit before the end of the lane, a PAD record fills the rest, or nothing where
 * not even a header fits; producer and consumer step over both in the same way, so a position means the same place
 * to both. A PAD becomes visible together with the record behind it, so no lane ends in one.
 *
 * Invariants: read <= taken <= peer_write <= read + lane size, all multiples of 16. Positions of the peer are loaded
 * when the last value seen is used up, and never used before they have been checked against these.
 *
 * A crash leaves the reservation invisible, and taken records uncompleted: the next instance takes them again.
 */
#include "lib/channel/internal.h"

#include "prefetch.h"

#include <string.h>
#include <time.h>

#define CACHE_LINE_BYTES 64u
/* A header and a small payload. */
#define RECORD_USUAL_BYTES 128u
/* A peer that was woken comes within this, or is woken again: with the next record, or by who waits for its answer. */
#define WAKE_AGAIN_MS 900u

static uint64_t align_record(uint64_t size_bytes) {
    return (size_bytes + GROVE_RECORD_ALIGN - 1u) & ~(uint64_t)(GROVE_RECORD_ALIGN - 1u);
}

int lane_out_refresh(struct channel_end *end, unsigned lane) {
    struct lane_out *out = &end->out[lane];
    if (end->peer_control == NULL)
        return 0;
    /* Pairs with the ordered store in channel_end_complete: what the peer has completed it no longer reads. */
    uint64_t read = load_acquire(&end->peer_control->in[lane].read_position);
    if (read == out->peer_read)
        return 0;
    if (read < out->peer_read || read > out->write || read % GROVE_RECORD_ALIGN != 0)
        return channel_broken(end);
    out->peer_read = read;
    if (out->sliced_count != 0)
        arena_reclaim(end, lane);
    return end->is_broken ? GROVE_CORRUPT : 0;
}

int lane_in_refresh(struct channel_end *end, unsigned lane) {
    struct lane_in *in = &end->in[lane];
    if (end->peer_control == NULL)
        return 0;
    /* Pairs with the ordered store in channel_end_publish: records below it are complete. */
    uint64_t write = load_acquire(&end->peer_control->out[lane].write_position);
    if (write < in->peer_write || write - in->read > in->lane_bytes || write % GROVE_RECORD_ALIGN != 0)
        return channel_broken(end);
    in->peer_write = write;
    return 0;
}

/* ---- produce ---- */

int channel_end_reserve(struct channel_end *end, enum grove_lane lane, size_t payload_bytes,
                        struct grove_record **record) {
    struct lane_out *out = &end->out[lane];
    if (payload_bytes > out->lane_bytes / 2u - RECORD_HEADER_BYTES)
        return GROVE_TOO_LARGE;
    if (end->is_broken)
        return GROVE_CORRUPT;
    uint64_t size = align_record(RECORD_HEADER_BYTES + payload_bytes);
    uint64_t to_end = out->lane_bytes - (out->write & (out->lane_bytes - 1u));
    uint64_t pad = size <= to_end ? 0 : to_end;
    if (pad + size > out->lane_bytes - (out->write - out->peer_read)) {
        int status = lane_out_refresh(end, lane);
        if (status < 0)
            return status;
        if (pad + size > out->lane_bytes - (out->write - out->peer_read)) {
            lane_out_refused(out);
            return GROVE_AGAIN;
        }
    }
    struct grove_record *place =
        (struct grove_record *)(void *)(out->base + ((out->write + pad) & (out->lane_bytes - 1u)));
    place->size_bytes = (uint32_t)size;
    place->length_bytes = (uint32_t)payload_bytes;
    out->pad_bytes = (uint32_t)pad;
    out->size_bytes = (uint32_t)size;
    out->length_bytes = (uint32_t)payload_bytes;
    *record = place;
    return 0;
}

int channel_end_reserve_traced(struct channel_end *end, enum grove_lane lane, size_t payload_bytes,
                               const struct grove_trace_context *span, struct grove_record **record) {
    struct lane_out *out = &end->out[lane];
    if (payload_bytes > SIZE_MAX - sizeof *span)
        return GROVE_TOO_LARGE;
    int status = channel_end_reserve(end, lane, payload_bytes + sizeof *span, record);
    if (status < 0)
        return status;
    out->length_bytes = (*record)->length_bytes = (uint32_t)payload_bytes;
    memcpy((uint8_t *)*record + out->size_bytes - sizeof *span, span, sizeof *span);
    return 0;
}

bool channel_taken_trace(const struct channel_taken *taken, struct grove_trace_context *span) {
    const struct grove_record *header = &taken->header;
    if ((header->flags & GROVE_RECORD_TRACED) == 0 ||
        header->size_bytes - RECORD_HEADER_BYTES - header->length_bytes < sizeof *span)
        return false;
    memcpy(span, (const uint8_t *)taken->record + header->size_bytes - sizeof *span, sizeof *span);
    return span->trace != 0 && span->span != 0;
}

static void fill_pad(struct lane_out *out) {
    if (out->pad_bytes < RECORD_HEADER_BYTES)
        return;
    struct grove_record *pad = (struct grove_record *)(void *)(out->base + (out->write & (out->lane_bytes - 1u)));
    *pad = (struct grove_record){.size_bytes = out->pad_bytes,
                                 .length_bytes = out->pad_bytes - (uint32_t)RECORD_HEADER_BYTES,
                                 .kind = GROVE_RECORD_PAD};
    CHANNEL_STORED();
}

/* Whole milliseconds that pass for every process alike; cheaper than the exact time. */
static uint64_t coarse_ms(void) {
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/*
 * Must the peer be woken for what was just made visible? Once for each of its sleeps; and once more when it has not come for
 * so long that the wake-up may not have reached it. Else one that is lost would end the channel in silence.
 */
static bool must_wake(struct channel_end *end, bool by_room, enum grove_waiting *waiting) {
    if (end->peer_control == NULL)
        return false;
    /* After the ordered store of a position; pairs with the peer's ordered store in channel_end_prepare_sleep. */
    uint64_t word = load_ordered(&end->peer_control->waiting);
    if (LIKELY((word & GROVE_WAITING_HOW) == GROVE_AWAKE))
        return false;
    if (by_room && (word & GROVE_WAITING_FOR_ROOM) == 0)
        return false;
    if (word == end->woken && coarse_ms() - end->woken_ms < WAKE_AGAIN_MS)
        return false;
    end->woken = word;
    end->woken_ms = coarse_ms();
    *waiting = (word & GROVE_WAITING_HOW) == GROVE_WAITING_BELL ? GROVE_WAITING_BELL : GROVE_WAITING_FUTEX;
    return true;
}

bool channel_end_must_wake(struct channel_end *end, enum grove_waiting *waiting) {
    return must_wake(end, false, waiting);
}

bool channel_end_publish(struct channel_end *end, enum grove_lane lane, enum grove_waiting *waiting) {
    struct lane_out *out = &end->out[lane];
    if (out->size_bytes == 0)
        return false;
    if (out->pad_bytes != 0)
        fill_pad(out);
    uint8_t *place = out->base + ((out->write + out->pad_bytes) & (out->lane_bytes - 1u));
    struct grove_record *record = (struct grove_record *)(void *)place;
    /* The caller may have assigned the whole header. */
    record->size_bytes = out->size_bytes;
    record->length_bytes = out->length_bytes;
    uint64_t end_position = out->write + out->pad_bytes + out->size_bytes;
    if (record->flags & GROVE_RECORD_SLICES)
        arena_carry(end, lane, place, record);
    if (record->kind == GROVE_RECORD_REPLY || record->kind == GROVE_RECORD_ERROR)
        reply_marks_add(end, lane, record->number, end_position);
    out->write = end_position;
    out->size_bytes = 0;
    /* Pairs with the load in lane_in_refresh; and, with the load in must_wake, loses no wake-up. */
    store_ordered(&end->control->out[lane].write_position, end_position);
    return must_wake(end, false, waiting);
}

uint64_t channel_end_next_number(struct channel_end *end) {
    uint64_t number = end->next_number++;
    store_plain(&end->control->next_number, end->next_number);
    return number;
}

int channel_end_pending(struct channel_end *end, enum grove_lane lane, uint64_t *bytes) {
    if (end->is_broken)
        return GROVE_CORRUPT;
    int status = lane_out_refresh(end, lane);
    if (status < 0)
        return status;
    lane_out_refused(&end->out[lane]);
    *bytes = end->out[lane].write - end->out[lane].peer_read;
    return 0;
}

/* ---- consume ---- */

/* Word by word into its place: a copy of a copy in wider words would wait for the first one's stores. */
static inline void header_copy(const uint8_t *place, struct grove_record *header) {
    const uint64_t *from = (const uint64_t *)(const void *)place;
    for (unsigned i = 0; i < sizeof *header / sizeof *from; i++) {
        uint64_t word = load_plain(&from[i]);
        __builtin_memcpy((uint8_t *)header + i * sizeof word, &word, sizeof word);
    }
}

static bool header_is_valid(const struct grove_record *header, uint64_t room_bytes) {
    if (header->size_bytes < RECORD_HEADER_BYTES || header->size_bytes > room_bytes ||
        header->size_bytes % GROVE_RECORD_ALIGN != 0 || header->length_bytes > header->size_bytes - RECORD_HEADER_BYTES)
        return false;
    if (header->kind < GROVE_RECORD_PAD || header->kind > GROVE_RECORD_CANCEL ||
        (header->flags & ~(GROVE_RECORD_SLICES | GROVE_RECORD_TRACED)) != 0)
        return false;
    if ((header->flags & GROVE_RECORD_SLICES) == 0)
        return header->slices == 0;
    return header->slices != 0 && (uint64_t)header->slices * sizeof(struct grove_slice) <= header->length_bytes;
}

int record_read(const uint8_t *base, uint64_t lane_bytes, uint64_t *position, uint64_t limit,
                struct grove_record *header) {
    uint64_t at = *position;
    for (unsigned step = 0; step < 2u; step++) {
        if (at == limit)
            return GROVE_AGAIN;
        uint64_t to_end = lane_bytes - (at & (lane_bytes - 1u));
        uint64_t room = to_end < limit - at ? to_end : limit - at;
        if (to_end >= RECORD_HEADER_BYTES) {
            if (room < RECORD_HEADER_BYTES)
                return GROVE_CORRUPT;
            header_copy(base + (at & (lane_bytes - 1u)), header);
            if (!header_is_valid(header, room))
                return GROVE_CORRUPT;
            if (LIKELY(header->kind != GROVE_RECORD_PAD)) {
                *position = at;
                return 0;
            }
            if (header->size_bytes != to_end)
                return GROVE_CORRUPT;
        }
        if (room < to_end)
            return GROVE_CORRUPT;
        at += to_end;
    }
    return GROVE_CORRUPT; /* after a PAD comes the start of the lane, and there is no PAD there */
}

/*
 * What was taken is answered soon, or followed by the next request, in the same lane. The peer has read these lines last;
 * asked for now, they are here when they are written to, one after the other, in the time that the handler takes.
 */
static void prefetch_next_record(const struct channel_end *end, enum grove_lane lane) {
    const struct lane_out *out = &end->out[lane];
    prefetch_to_write(&end->control->out[lane].write_position);
    for (uint64_t at = 0; at < RECORD_USUAL_BYTES; at += CACHE_LINE_BYTES)
        prefetch_to_write(out->base + ((out->write + at) & (out->lane_bytes - 1u)));
}

int channel_end_take(struct channel_end *end, enum grove_lane lane, struct channel_taken *taken) {
    struct lane_in *in = &end->in[lane];
    if (end->is_broken)
        return GROVE_CORRUPT;
    if (in->taken == in->peer_write) {
        int status = lane_in_refresh(end, lane);
        if (status < 0)
            return status;
        if (in->taken == in->peer_write)
            return GROVE_AGAIN;
    }
    if (in->window_next - in->window_first == GROVE_REPLY_MARKS)
        return GROVE_AGAIN;
    prefetch_next_record(end, lane);
    uint64_t position = in->taken;
    int status = record_read(in->base, in->lane_bytes, &position, in->peer_write, &taken->header);
    if (status < 0)
        return channel_broken(end); /* a PAD with nothing behind it is as wrong as the rest */
    taken->record = (const struct grove_record *)(const void *)(in->base + (position & (in->lane_bytes - 1u)));
    taken->payload = taken->record + 1;
    taken->end_position = position + taken->header.size_bytes;
    taken->lane = (uint8_t)lane;
    taken->ticket = in->window_next;
    taken->is_redelivered = position < in->redelivered_below;
    taken->is_answered = taken->is_redelivered && taken->header.kind == GROVE_RECORD_CALL &&
                         reply_marks_has(end, lane, taken->header.number);
    in->window[in->window_next++ % GROVE_REPLY_MARKS] = (struct window_entry){end->peer, taken->end_position};
    in->taken = taken->end_position;
    /* Before the handler's first effect: the next instance marks what lies below as redelivered. */
    if (in->taken > in->redelivered_below)
        store_plain(&end->control->in[lane].taken_position, in->taken);
    return 0;
}

bool channel_end_has_record(const struct channel_end *end, enum grove_lane lane) {
    return end->peer_control != NULL && load_plain(&end->peer_control->out[lane].write_position) != end->in[lane].taken;
}

struct window_entry *window_find(struct lane_in *in, uint32_t ticket) {
    if (ticket - in->window_first >= in->window_next - in->window_first)
        return NULL;
    struct window_entry *entry = &in->window[ticket % GROVE_REPLY_MARKS];
    return entry->segment == NULL ? NULL : entry;
}

bool channel_end_complete(struct channel_end *end, const struct channel_taken *taken, enum grove_waiting *waiting) {
    struct lane_in *in = &end->in[taken->lane];
    struct window_entry *entry = window_find(in, taken->ticket);
    if (entry == NULL)
        return false;
    entry->segment = NULL;
    if (taken->ticket != in->window_first)
        return false; /* one before it is still being handled */
    uint64_t read = in->read;
    while (in->window_first != in->window_next) {
        const struct window_entry *first = &in->window[in->window_first % GROVE_REPLY_MARKS];
        if (first->segment != NULL)
            break;
        read = first->end_position;
        in->window_first++;
    }
    in->read = read;
    /* Pairs with the load in lane_out_refresh; and, with the load in must_wake, loses no wake-up. */
    store_ordered(&end->control->in[taken->lane].read_position, read);
    return must_wake(end, true, waiting);
}
