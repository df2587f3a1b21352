/*
 * The state region's tables and the arena: see state.h for the layout and what a crash leaves.
 *
 * What is found at the start is this program's own, written by an earlier instance; it is checked all the same, entry by
 * entry, because that instance may have died of a fault of its own. An entry that makes no sense is dropped, and said.
 */
#include "servers/bus/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORD_BITS 64u

static uint64_t align_up(uint64_t value, uint64_t to) {
    return (value + to - 1) / to * to;
}

static uint64_t tables_bytes(void) {
    return align_up(sizeof(struct state_head), 64) + STATE_QUEUES * sizeof(struct saved_queue) +
           STATE_MEMBERS * sizeof(struct saved_member) + STATE_SUBJECTS * sizeof(struct saved_subject) +
           STATE_EVENTS * sizeof(struct saved_event) + STATE_PUBLICATIONS * sizeof(struct saved_publication);
}

uint64_t state_bytes(uint64_t arena_bytes) {
    return align_up(align_up(tables_bytes(), 4096) + arena_bytes, 4096);
}

static void lay_out(struct state *state, uint8_t *memory, uint64_t size_bytes) {
    uint8_t *at = memory + align_up(sizeof(struct state_head), 64);
    state->head = (struct state_head *)(void *)memory;
    state->queues = (struct saved_queue *)(void *)at;
    at += STATE_QUEUES * sizeof(struct saved_queue);
    state->members = (struct saved_member *)(void *)at;
    at += STATE_MEMBERS * sizeof(struct saved_member);
    state->subjects = (struct saved_subject *)(void *)at;
    at += STATE_SUBJECTS * sizeof(struct saved_subject);
    state->events = (struct saved_event *)(void *)at;
    at += STATE_EVENTS * sizeof(struct saved_event);
    state->publications = (struct saved_publication *)(void *)at;
    state->arena = memory + align_up(tables_bytes(), 4096);
    state->granules = (size_bytes - align_up(tables_bytes(), 4096)) / STATE_GRANULE;
}

/* ---- the arena ---- */

static void mark(struct state *state, uint64_t first, uint64_t count, bool is_used) {
    for (uint64_t at = first; at < first + count; at++) {
        uint64_t bit = UINT64_C(1) << at % WORD_BITS;
        if (is_used)
            state->used[at / WORD_BITS] |= bit;
        else
            state->used[at / WORD_BITS] &= ~bit;
    }
    state->used_granules += is_used ? count : -count;
}

/* How many granules from `first` on are free, up to `wanted`; *next is where to look when they are too few. */
static uint64_t free_run(const struct state *state, uint64_t first, uint64_t wanted, uint64_t *next) {
    uint64_t at = first;
    while (at < state->granules && at - first < wanted && (state->used[at / WORD_BITS] >> at % WORD_BITS & 1) == 0)
        at++;
    *next = at + 1;
    return at - first;
}

static bool find_room(const struct state *state, uint64_t from, uint64_t to, uint64_t wanted, uint64_t *found) {
    for (uint64_t at = from, next; at < to; at = next) {
        if (at % WORD_BITS == 0 && state->used[at / WORD_BITS] == UINT64_MAX) {
            next = at + WORD_BITS;
            continue;
        }
        if (free_run(state, at, wanted, &next) == wanted) {
            *found = at;
            return true;
        }
    }
    return false;
}

static uint64_t granules_of(const struct saved_event *event) {
    return align_up(event->size_bytes, STATE_GRANULE) / STATE_GRANULE;
}

/* ---- what an earlier instance left ---- */

static bool text_is_whole(const char *text, size_t room_bytes) {
    return memchr(text, '\0', room_bytes) != NULL;
}

static bool image_is_whole(const struct grove_bus_image *image, uint64_t room_bytes) {
    uint64_t texts = (uint64_t)image->subject_bytes + image->publisher_bytes + image->reply_bytes + 3;
    uint64_t trace_bytes = (image->flags & GROVE_BUS_IMAGE_TRACED) != 0 ? sizeof(struct grove_trace_context) : 0;
    return image->size_bytes <= room_bytes && image->subject_bytes <= GROVE_SUBJECT_MAX &&
           image->publisher_bytes <= GROVE_NAME_MAX && image->reply_bytes <= GROVE_SUBJECT_MAX &&
           image->headers_bytes <= GROVE_BUS_DATA_MAX && image->data_bytes <= GROVE_BUS_DATA_MAX &&
           align_up(sizeof *image + texts + image->headers_bytes, 8) + image->data_bytes + trace_bytes <=
               image->size_bytes;
}

static bool event_is_whole(const struct state *state, uint32_t index) {
    const struct saved_event *event = &state->events[index];
    uint64_t arena_bytes = state->granules * STATE_GRANULE;
    uint64_t deliveries_bytes = (uint64_t)event->deliveries * sizeof(struct saved_delivery);
    if (event->subject >= STATE_SUBJECTS || state->subjects[event->subject].state != STATE_USED ||
        event->deliveries > STATE_QUEUES || event->offset_bytes % STATE_GRANULE != 0 ||
        event->offset_bytes >= arena_bytes || event->size_bytes > arena_bytes - event->offset_bytes ||
        event->size_bytes < deliveries_bytes + sizeof(struct grove_bus_image))
        return false;
    return image_is_whole(state_image(state, index), event->size_bytes - deliveries_bytes);
}

static bool queue_is_whole(const struct saved_queue *queue) {
    return text_is_whole(queue->pattern, sizeof queue->pattern) && text_is_whole(queue->group, sizeof queue->group) &&
           text_is_whole(queue->name, sizeof queue->name);
}

static bool member_is_whole(const struct state *state, const struct saved_member *member) {
    return member->queue <= STATE_QUEUES &&
           (member->queue == 0 || state->queues[member->queue - 1].state == STATE_USED) && member->lane < GROVE_LANES &&
           text_is_whole(member->client_name.text, sizeof member->client_name.text) &&
           text_is_whole(member->pattern, sizeof member->pattern);
}

static unsigned check_tables(struct state *state) {
    const struct state_head *head = state->head;
    unsigned dropped = 0;
    for (uint32_t i = 0; i < head->queues_used; i++)
        if (state->queues[i].state != STATE_FREE && !queue_is_whole(&state->queues[i]))
            state->queues[i].state = STATE_FREE, dropped++;
    for (uint32_t i = 0; i < head->members_used; i++)
        if (state->members[i].state != STATE_FREE && !member_is_whole(state, &state->members[i]))
            state->members[i].state = STATE_FREE, dropped++;
    for (uint32_t i = 0; i < head->subjects_used; i++)
        if (state->subjects[i].state != STATE_FREE &&
            !text_is_whole(state->subjects[i].text, sizeof state->subjects[i].text))
            state->subjects[i].state = STATE_FREE, dropped++;
    for (uint32_t i = 0; i < head->events_used; i++) {
        struct saved_event *event = &state->events[i];
        if (event->state == STATE_FREE)
            continue;
        if (event_is_whole(state, i))
            mark(state, event->offset_bytes / STATE_GRANULE, granules_of(event), true);
        else
            event->state = STATE_FREE, dropped++;
    }
    return dropped;
}

static bool head_is_known(const struct state_head *head, uint64_t size_bytes) {
    return head->magic == STATE_MAGIC && head->version == STATE_VERSION && head->size_bytes == size_bytes &&
           head->queues_used <= STATE_QUEUES && head->members_used <= STATE_MEMBERS &&
           head->subjects_used <= STATE_SUBJECTS && head->events_used <= STATE_EVENTS &&
           head->publications_used <= STATE_PUBLICATIONS;
}

/* The head last: a crash in the middle leaves a region that is not known, and is emptied again. */
static void begin_anew(struct state *state, uint64_t size_bytes) {
    const struct state_head *old = state->head;
    bool is_blank = old->magic == 0 && old->queues_used == 0;
    state->head->magic = 0;
    if (!is_blank) /* a blank region is not touched, so that its pages cost nothing */
        memset(state->head, 0, align_up(tables_bytes(), 4096));
    state->head->version = STATE_VERSION;
    state->head->size_bytes = size_bytes;
    state->head->arena_bytes = state->granules * STATE_GRANULE;
    state_store(&state->head->magic, STATE_MAGIC);
}

int state_open(struct state *state, void *memory, uint64_t size_bytes, bool is_fresh) {
    lay_out(state, memory, size_bytes);
    state->next = state->used_granules = 0;
    state->free_event = state->free_publication = 0;
    state->used = calloc(state->granules / WORD_BITS + 1, sizeof *state->used);
    if (state->used == NULL)
        return GROVE_NO_MEMORY;
    bool is_known = !is_fresh && head_is_known(state->head, size_bytes);
    if (!is_known)
        begin_anew(state, size_bytes);
    unsigned dropped = is_known ? check_tables(state) : 0;
    if (dropped > 0)
        (void)fprintf(stderr, "bus: %u entries that an earlier instance left make no sense and are dropped\n", dropped);
    struct state_head *head = state->head;
    /* Nobody else gets that number: who looks for this publication by it must not find another one. */
    if (head->doubt.is_done == 0 && head->doubt.sequence > head->sequence)
        head->sequence = head->doubt.sequence;
    head->earlier[head->instances % STATE_DOUBTS] = head->doubt;
    head->instances++;
    return is_known || is_fresh ? 0 : GROVE_VERSION;
}

void state_close(struct state *state) {
    free(state->used);
    *state = (struct state){0};
}

/* ---- entries ---- */

int state_new_queue(struct state *state, uint32_t *index) {
    uint32_t at = 0;
    while (at < STATE_QUEUES && state->queues[at].state != STATE_FREE)
        at++;
    if (at == STATE_QUEUES)
        return GROVE_EXHAUSTED;
    if (at >= state->head->queues_used)
        state->head->queues_used = at + 1;
    state->queues[at] = (struct saved_queue){.serial = ++state->head->serial};
    *index = at;
    return 0;
}

int state_new_member(struct state *state, uint32_t *index) {
    uint32_t at = 0;
    while (at < STATE_MEMBERS && state->members[at].state != STATE_FREE)
        at++;
    if (at == STATE_MEMBERS)
        return GROVE_EXHAUSTED;
    if (at >= state->head->members_used)
        state->head->members_used = at + 1;
    state->members[at] = (struct saved_member){.serial = ++state->head->serial};
    *index = at;
    return 0;
}

int state_new_event(struct state *state, uint32_t deliveries, uint64_t image_bytes, uint32_t *index) {
    uint64_t size_bytes = deliveries * sizeof(struct saved_delivery) + image_bytes;
    uint64_t wanted = align_up(size_bytes, STATE_GRANULE) / STATE_GRANULE, found = 0;
    uint32_t at = state->free_event;
    if (wanted > state->granules - state->used_granules)
        return GROVE_EXHAUSTED;
    while (at < STATE_EVENTS && state->events[at].state != STATE_FREE)
        at++;
    state->free_event = at;
    if (at == STATE_EVENTS)
        return GROVE_EXHAUSTED;
    if (!find_room(state, state->next, state->granules, wanted, &found) &&
        !find_room(state, 0, state->next, wanted, &found))
        return GROVE_EXHAUSTED;
    mark(state, found, wanted, true);
    state->next = found + wanted;
    state->free_event = at + 1;
    if (at >= state->head->events_used)
        state->head->events_used = at + 1;
    state->events[at] = (struct saved_event){.serial = ++state->head->serial,
                                             .deliveries = deliveries,
                                             .offset_bytes = found * STATE_GRANULE,
                                             .size_bytes = size_bytes};
    *index = at;
    return 0;
}

void state_commit_event(struct state *state, uint32_t index) {
    state_store(&state->events[index].state, STATE_USED);
}

void state_free_event(struct state *state, uint32_t index) {
    struct saved_event *event = &state->events[index];
    state_store(&event->state, STATE_FREE);
    mark(state, event->offset_bytes / STATE_GRANULE, granules_of(event), false);
    if (index < state->free_event)
        state->free_event = index;
    if (state->used_granules == 0) /* from the start again: an arena that is hardly used stays small */
        state->next = 0;
}
