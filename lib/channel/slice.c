/*
 * Slices: parts of an arena that a record names, read in place, held past completion, or handed back.
 *
 * The sender may change a slice while it is being looked at. So each function copies it and checks the copy; two calls
 * may see two different slices, each of them inside the arena of whoever would be harmed by it.
 *
 * A hold is stored before its record is completed, and that order is what keeps the block (arena.c).
 */
#include "lib/channel/internal.h"

void slice_read(const uint8_t *record, unsigned index, struct grove_slice *slice) {
    const struct grove_slice *place = (const struct grove_slice *)(const void *)(record + RECORD_HEADER_BYTES) + index;
    slice->offset_bytes = load_plain(&place->offset_bytes);
    slice->length_bytes = load_plain(&place->length_bytes);
    slice->space = __atomic_load_n(&place->space, __ATOMIC_RELAXED);
    slice->reserved = 0;
}

bool range_is_inside(uint64_t offset_bytes, uint64_t length_bytes, uint64_t total_bytes) {
    return length_bytes != 0 && offset_bytes < total_bytes && length_bytes <= total_bytes - offset_bytes;
}

/* Read a slice of a taken record and check it against the arena it names. */
static int slice_check(struct channel_end *end, const struct channel_taken *taken, unsigned index,
                       struct grove_slice *slice, const uint8_t **segment) {
    const struct window_entry *entry = window_find(&end->in[taken->lane], taken->ticket);
    if (entry == NULL || index >= taken->header.slices)
        return GROVE_INVALID;
    slice_read((const uint8_t *)taken->record, index, slice);
    if (!range_is_inside(slice->offset_bytes, slice->length_bytes, end->layout.arena_bytes))
        return channel_broken(end);
    *segment = entry->segment;
    if (slice->space == GROVE_SLICE_SENDER)
        return 0;
    /* The own memory, handed back: only by a reply, and only what has not been given to somebody else meanwhile. */
    if (slice->space != GROVE_SLICE_RECEIVER || taken->header.kind != GROVE_RECORD_REPLY ||
        !arena_has(end, slice->offset_bytes, slice->length_bytes))
        return channel_broken(end);
    *segment = end->own;
    return 0;
}

int channel_end_slice(struct channel_end *end, const struct channel_taken *taken, unsigned index, const void **data,
                      size_t *length_bytes) {
    struct grove_slice slice;
    const uint8_t *segment;
    int status = slice_check(end, taken, index, &slice, &segment);
    if (status < 0)
        return status;
    *data = segment + end->layout.arena_offset_bytes + slice.offset_bytes;
    *length_bytes = slice.length_bytes;
    return 0;
}

int channel_end_slice_back(struct channel_end *end, const struct channel_taken *taken, unsigned index,
                           uint64_t offset_bytes, uint64_t length_bytes, struct grove_slice *slice) {
    struct grove_slice whole;
    const uint8_t *segment;
    int status = slice_check(end, taken, index, &whole, &segment);
    if (status < 0)
        return status;
    if (whole.space != GROVE_SLICE_SENDER || taken->header.kind != GROVE_RECORD_CALL ||
        !range_is_inside(offset_bytes, length_bytes, whole.length_bytes))
        return GROVE_INVALID;
    *slice = (struct grove_slice){
        .offset_bytes = whole.offset_bytes + offset_bytes, .length_bytes = length_bytes, .space = GROVE_SLICE_RECEIVER};
    return 0;
}

/* Holds of the own memory are loans of it: numbers from here on are arena offsets. */
#define HOLD_OWN 0x80000000u

int channel_end_hold(struct channel_end *end, const struct channel_taken *taken, unsigned index, uint32_t *hold) {
    struct grove_slice slice;
    const uint8_t *segment;
    int status = slice_check(end, taken, index, &slice, &segment);
    if (status < 0)
        return status;
    if (slice.space == GROVE_SLICE_RECEIVER) {
        status = arena_keep(end, slice.offset_bytes);
        if (status == 0)
            *hold = HOLD_OWN | (uint32_t)(slice.offset_bytes / GROVE_ARENA_GRANULE);
        return status;
    }
    for (uint32_t i = 0; i < GROVE_HELD_MAX; i++)
        if (end->held_in[i] == NULL) {
            end->held_in[i] = segment;
            /* Before the record is completed, so the owner never sees the block completed and not held. */
            store_release(&end->control->held[i], GROVE_HELD(slice.offset_bytes, slice.length_bytes));
            *hold = i;
            return 0;
        }
    return GROVE_EXHAUSTED;
}

void channel_end_release(struct channel_end *end, uint32_t hold) {
    if (hold & HOLD_OWN) {
        channel_end_loan_return(end, (uint64_t)(hold & ~HOLD_OWN) * GROVE_ARENA_GRANULE);
        return;
    }
    if (hold >= GROVE_HELD_MAX || end->held_in[hold] == NULL)
        return;
    end->held_in[hold] = NULL;
    /* Pairs with the load in arena.c: reading is over; and, with channel_end_must_wake, loses no wake-up. */
    store_ordered(&end->control->held[hold], 0);
}
