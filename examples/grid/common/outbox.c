/* An outbox in a state region; see outbox.h for the crash argument that the order of the stores below follows. */
#include "examples/grid/common/outbox.h"

#include "grove/abi/status.h"

#include <string.h>

#define OUTBOX_MAGIC 0x584f4247u /* "GBOX" */
#define OUTBOX_VERSION 1u

/* A kill must not find the stores in another order than they are written in: the compiler may not move them. */
static void store_ordered(uint64_t *field, uint64_t value) {
    __atomic_store_n(field, value, __ATOMIC_RELEASE);
}

size_t outbox_bytes(uint32_t item_bytes, uint32_t capacity) {
    return sizeof(struct outbox_header) + (size_t)item_bytes * capacity;
}

static unsigned char *item_at(const struct outbox *outbox, uint64_t position) {
    return outbox->items + position % outbox->header->capacity * outbox->header->item_bytes;
}

static bool header_is_sound(const struct outbox_header *header, uint32_t item_bytes, uint32_t capacity) {
    return header->magic == OUTBOX_MAGIC && header->version == OUTBOX_VERSION && header->item_bytes == item_bytes &&
           header->capacity == capacity && header->accepted <= header->head &&
           header->head - header->accepted <= capacity && header->newest_key < OUTBOX_KEYS_MAX;
}

/* Finish a put that a kill cut between its last two stores. */
static void finish_put(struct outbox *outbox) {
    struct outbox_header *header = outbox->header;
    if (header->head == 0)
        return;
    struct outbox_stamp stamp;
    memcpy(&stamp, item_at(outbox, header->head - 1), sizeof stamp);
    uint64_t *next = &header->next_sequence[header->newest_key];
    if (stamp.epoch == header->epoch && stamp.sequence == *next)
        *next = stamp.sequence + 1;
}

void outbox_attach(struct outbox *outbox, void *memory, uint32_t item_bytes, uint32_t capacity,
                   enum outbox_policy policy, uint64_t epoch) {
    struct outbox_header *header = memory;
    *outbox = (struct outbox){header, (unsigned char *)memory + sizeof *header, policy};
    if (header_is_sound(header, item_bytes, capacity)) {
        finish_put(outbox);
        return;
    }
    *header = (struct outbox_header){
        .version = OUTBOX_VERSION, .item_bytes = item_bytes, .capacity = capacity, .epoch = epoch};
    outbox_renumber(outbox, epoch);
    __atomic_store_n(&header->magic, OUTBOX_MAGIC, __ATOMIC_RELEASE);
}

void outbox_renumber(struct outbox *outbox, uint64_t epoch) {
    for (unsigned i = 0; i < OUTBOX_KEYS_MAX; i++)
        outbox->header->next_sequence[i] = 1;
    /* Last: a kill before this store leaves an epoch whose numbers are given again, so the caller renumbers again. */
    store_ordered(&outbox->header->epoch, epoch);
}

int outbox_put(struct outbox *outbox, unsigned key, const void *item) {
    struct outbox_header *header = outbox->header;
    if (outbox_waiting(outbox) == header->capacity) {
        if (outbox->policy == OUTBOX_REFUSE_NEWEST) {
            header->refused++;
            return GROVE_EXHAUSTED;
        }
        header->dropped++;
        store_ordered(&header->accepted, header->accepted + 1);
    }
    unsigned char *place = item_at(outbox, header->head);
    struct outbox_stamp stamp = {header->epoch, header->next_sequence[key]};
    memcpy(place, item, header->item_bytes);
    memcpy(place, &stamp, sizeof stamp);
    header->newest_key = key;
    store_ordered(&header->head, header->head + 1);
    store_ordered(&header->next_sequence[key], stamp.sequence + 1);
    return 0;
}

const void *outbox_next(const struct outbox *outbox) {
    return outbox_at(outbox, 0);
}

const void *outbox_at(const struct outbox *outbox, uint64_t index) {
    return index >= outbox_waiting(outbox) ? NULL : item_at(outbox, outbox->header->accepted + index);
}

void outbox_accept(struct outbox *outbox) {
    store_ordered(&outbox->header->accepted, outbox->header->accepted + 1);
}

void outbox_accept_to(struct outbox *outbox, uint64_t position) {
    if (position > outbox->header->accepted && position <= outbox->header->head)
        store_ordered(&outbox->header->accepted, position);
}

uint64_t outbox_position(const struct outbox *outbox) {
    return outbox->header->accepted;
}

uint64_t outbox_waiting(const struct outbox *outbox) {
    return outbox->header->head - outbox->header->accepted;
}

uint64_t outbox_last_sequence(const struct outbox *outbox, unsigned key) {
    return outbox->header->next_sequence[key] - 1;
}
