/*
 * Subjects: their numbers, and who gets what is published under them.
 *
 * Whom a subject goes to is looked up in the trie once, and kept until a subscription comes or goes anywhere. So an event
 * on a subject that was used before costs one look-up by hash. The table is bounded: when it is full a subject that no
 * event kept in a queue names, and that was not used of late, makes room; its numbers begin anew then.
 */
#include "servers/bus/bus.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS (STATE_SUBJECTS << 1)

struct subject_slot {
    uint32_t hash;
    uint32_t index; /* + 1; 0: free */
};

static bool is_named(const struct subject *subject, const char *text, uint16_t length_bytes) {
    return subject->saved->length_bytes == length_bytes && memcmp(subject->saved->text, text, length_bytes) == 0;
}

static struct subject *find(const struct bus *bus, const char *text, uint16_t length_bytes, uint32_t hash) {
    if (bus->last_subject != NULL && bus->last_subject->hash == hash && is_named(bus->last_subject, text, length_bytes))
        return bus->last_subject;
    for (uint32_t at = hash % SLOTS; bus->subject_slots[at].index != 0; at = (at + 1) % SLOTS) {
        if (bus->subject_slots[at].hash != hash)
            continue;
        struct subject *subject = bus->subjects[bus->subject_slots[at].index - 1];
        if (is_named(subject, text, length_bytes))
            return subject;
    }
    return NULL;
}

static void enter(struct bus *bus, const struct subject *subject) {
    uint32_t at = subject->hash % SLOTS;
    while (bus->subject_slots[at].index != 0)
        at = (at + 1) % SLOTS;
    bus->subject_slots[at] = (struct subject_slot){.hash = subject->hash, .index = subject->index + 1};
}

/* Removal shifts back what follows, so that there are no tombstones. */
static void leave(struct bus *bus, const struct subject *subject) {
    uint32_t hole = subject->hash % SLOTS;
    while (bus->subject_slots[hole].index != subject->index + 1)
        hole = (hole + 1) % SLOTS;
    for (uint32_t at = (hole + 1) % SLOTS; bus->subject_slots[at].index != 0; at = (at + 1) % SLOTS) {
        uint32_t home = bus->subject_slots[at].hash % SLOTS;
        if ((at - home) % SLOTS < (at - hole) % SLOTS)
            continue;
        bus->subject_slots[hole] = bus->subject_slots[at];
        hole = at;
    }
    bus->subject_slots[hole] = (struct subject_slot){0};
}

static struct subject *make(struct bus *bus, uint32_t index) {
    struct subject *subject = calloc(1, sizeof *subject);
    if (subject == NULL)
        return NULL;
    subject->saved = &bus->state.subjects[index];
    subject->index = index;
    subject->hash = subject_hash(subject->saved->text, subject->saved->length_bytes);
    subject->is_reserved = subject_is_reserved(subject->saved->text);
    subject->is_inbox = subject_is_inbox(subject->saved->text);
    bus->subjects[index] = subject;
    bus->subject_count++;
    enter(bus, subject);
    return subject;
}

static void forget(struct bus *bus, struct subject *subject) {
    leave(bus, subject);
    state_store(&subject->saved->state, STATE_FREE);
    bus->subjects[subject->index] = NULL;
    bus->subject_count--;
    if (bus->last_subject == subject)
        bus->last_subject = NULL;
    free(subject->targets);
    free(subject);
}

/* A free place: a new one, or that of a subject that was not used since the hand passed it. */
static int free_place(struct bus *bus, uint32_t *index) {
    struct state_head *head = bus->state.head;
    if (head->subjects_used < STATE_SUBJECTS) {
        *index = head->subjects_used++;
        return 0;
    }
    for (unsigned turn = 0; turn < 2 * STATE_SUBJECTS; turn++) {
        uint32_t at = bus->subject_hand++ % STATE_SUBJECTS;
        struct subject *subject = bus->subjects[at];
        if (subject != NULL && (subject->users > 0 || subject->is_recent)) {
            subject->is_recent = false;
            continue;
        }
        if (subject != NULL)
            forget(bus, subject);
        *index = at;
        return 0;
    }
    return GROVE_EXHAUSTED;
}

int subjects_open(struct bus *bus) {
    bus->subject_slots = calloc(SLOTS, sizeof *bus->subject_slots);
    if (bus->subject_slots == NULL)
        return GROVE_NO_MEMORY;
    for (uint32_t index = 0; index < bus->state.head->subjects_used; index++) {
        struct saved_subject *saved = &bus->state.subjects[index];
        if (saved->state != STATE_USED)
            continue;
        saved->length_bytes = (uint32_t)strlen(saved->text);
        if (make(bus, index) == NULL)
            return GROVE_NO_MEMORY;
    }
    return 0;
}

/* ---- whom it goes to ---- */

struct gathering {
    struct subject *subject;
    bool is_short;
};

static void gather(void *value, void *context) {
    struct gathering *gathering = context;
    struct subject *subject = gathering->subject;
    const struct queue *queue = *(enum target_kind *)value == TARGET_QUEUE ? value : NULL;
    if (queue != NULL && queue->saved->quality == GROVE_BUS_DURABLE)
        return; /* it is fed from the log */
    if (subject->target_count == subject->target_room) {
        unsigned room = subject->target_room == 0 ? 2 : subject->target_room * 2;
        enum target_kind **targets = realloc(subject->targets, room * sizeof *targets);
        gathering->is_short |= targets == NULL;
        if (targets == NULL)
            return;
        subject->targets = targets;
        subject->target_room = room;
    }
    enum target_kind *target = value;
    subject->targets[subject->target_count++] = target;
    if (*target == TARGET_QUEUE)
        subject->queue_count++;
    else
        subject->feed_count++;
}

int subject_refresh(struct bus *bus, struct subject *subject) {
    struct gathering gathering = {.subject = subject};
    if (subject->pattern_epoch == bus->pattern_epoch)
        return 0;
    subject->target_count = subject->queue_count = subject->feed_count = 0;
    trie_match(&bus->patterns, subject->saved->text, gather, &gathering);
    subject->pattern_epoch = gathering.is_short ? 0 : bus->pattern_epoch;
    return gathering.is_short ? GROVE_NO_MEMORY : 0;
}

void subjects_changed(struct bus *bus) {
    bus->pattern_epoch += bus->pattern_epoch == UINT32_MAX ? 2 : 1;
}

int subject_find(struct bus *bus, const char *text, uint16_t length_bytes, uint32_t hash, struct subject **found) {
    struct subject *subject = find(bus, text, length_bytes, hash);
    if (subject == NULL) {
        uint32_t index = 0;
        int status = free_place(bus, &index);
        if (status < 0)
            return status;
        struct saved_subject *saved = &bus->state.subjects[index];
        memcpy(saved->text, text, length_bytes);
        saved->text[length_bytes] = '\0';
        saved->length_bytes = length_bytes;
        saved->sequence = 0;
        state_store(&saved->state, STATE_USED);
        subject = make(bus, index);
        if (subject == NULL) {
            state_store(&saved->state, STATE_FREE);
            return GROVE_NO_MEMORY;
        }
    }
    subject->is_recent = true;
    bus->last_subject = subject;
    *found = subject;
    return subject_refresh(bus, subject);
}
