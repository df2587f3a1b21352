/* Durable publications under way, in the state region; see durable.h. An entry counts while its state is not free. */
#include "servers/bus/durable.h"

enum publication_state { PUBLICATION_FREE = 0, PUBLICATION_NOTED = 1, PUBLICATION_DELIVERED = 2 };

int doubt_note(struct state *state, const struct grove_request *request, uint64_t sequence, uint32_t *index) {
    uint32_t at = state->free_publication;
    while (at < STATE_PUBLICATIONS && state->publications[at].state != PUBLICATION_FREE)
        at++;
    state->free_publication = at;
    if (at == STATE_PUBLICATIONS)
        return GROVE_EXHAUSTED;
    if (at >= state->head->publications_used)
        state->head->publications_used = at + 1;
    struct saved_publication *saved = &state->publications[at];
    saved->channel = grove_request_channel(request);
    saved->number = grove_request_number(request);
    saved->sequence = sequence;
    state_store(&saved->state, PUBLICATION_NOTED);
    *index = at;
    return 0;
}

/* The entry may be another's by now: those of a channel that is gone are dropped. */
static bool is_of(const struct saved_publication *saved, const struct grove_request *request) {
    return saved->state != PUBLICATION_FREE && saved->channel == grove_request_channel(request) &&
           saved->number == grove_request_number(request);
}

static void forget(struct state *state, uint32_t index) {
    state_store(&state->publications[index].state, PUBLICATION_FREE);
    if (index < state->free_publication)
        state->free_publication = index;
}

void doubt_delivered(struct state *state, uint32_t index, const struct grove_request *request) {
    if (is_of(&state->publications[index], request))
        state_store(&state->publications[index].state, PUBLICATION_DELIVERED);
}

void doubt_end(struct state *state, uint32_t index, const struct grove_request *request) {
    if (is_of(&state->publications[index], request))
        forget(state, index);
}

void doubts_settle(struct state *state, uint64_t next_sequence, bool (*deliver)(uint64_t sequence, void *context),
                   void *context) {
    for (uint32_t at = 0; at < state->head->publications_used; at++) {
        struct saved_publication *saved = &state->publications[at];
        if (saved->state == PUBLICATION_FREE)
            continue;
        if (saved->sequence >= next_sequence) {
            forget(state, at); /* it did not reach the log: when it comes again it is new */
            continue;
        }
        if (saved->state == PUBLICATION_NOTED && !deliver(saved->sequence, context)) {
            forget(state, at);
            continue;
        }
        state_store(&saved->state, PUBLICATION_DELIVERED);
    }
}

uint64_t doubt_find(const struct state *state, const struct grove_request *request, uint32_t *index) {
    if (!grove_request_is_redelivered(request))
        return 0;
    for (uint32_t at = 0; at < state->head->publications_used; at++) {
        if (!is_of(&state->publications[at], request))
            continue;
        *index = at;
        return state->publications[at].sequence;
    }
    return 0;
}

void doubts_drop(struct state *state, grove_handle channel) {
    for (uint32_t at = 0; at < state->head->publications_used; at++)
        if (state->publications[at].state != PUBLICATION_FREE && state->publications[at].channel == channel)
            forget(state, at);
}
