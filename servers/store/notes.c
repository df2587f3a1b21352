/*
 * Notes of applied commits; why they suffice stands in notes.h.
 *
 * A note is written field by field with its channel last, so that half a note is a free one.
 */
#include "servers/store/notes.h"

#include <string.h>

void note_drop(struct note *note) {
    if (note != NULL)
        __atomic_store_n(&note->channel, 0, __ATOMIC_RELEASE);
}

int notes_open(struct notes *notes, struct grove_session *session, uint64_t revision) {
    bool is_fresh = false;
    int status = grove_region_state(session, sizeof *notes->data, &notes->region, &is_fresh);
    if (status < 0)
        return status;
    notes->data = grove_region_data(notes->region, NULL);
    if (is_fresh || notes->data->magic != NOTES_MAGIC || notes->data->format != NOTES_FORMAT) {
        memset(notes->data, 0, sizeof *notes->data);
        notes->data->format = NOTES_FORMAT;
        notes->data->magic = NOTES_MAGIC;
    }
    for (unsigned index = 0; index < NOTES_MAX; index++)
        if (notes->data->notes[index].revision > revision)
            note_drop(&notes->data->notes[index]);
    return 0;
}

struct note *notes_find(struct notes *notes, uint64_t channel, uint64_t number) {
    for (unsigned index = 0; index < NOTES_MAX; index++) {
        struct note *note = &notes->data->notes[index];
        if (note->channel == channel && note->number == number)
            return note;
    }
    return NULL;
}

static struct note *find_free(struct notes *notes) {
    uint64_t now_ns = 0;
    for (unsigned step = 0; step < NOTES_MAX; step++) {
        struct note *note = &notes->data->notes[(notes->next + step) % NOTES_MAX];
        if (note->channel != 0 && now_ns == 0)
            now_ns = grove_now_ns();
        if (note->channel != 0 && note->deadline_ns > now_ns)
            continue;
        notes->next = (notes->next + step + 1) % NOTES_MAX;
        return note;
    }
    return NULL;
}

struct note *notes_add(struct notes *notes, const struct note *made) {
    struct note *note = find_free(notes);
    if (note == NULL)
        return NULL;
    note_drop(note);
    note->number = made->number;
    note->revision = made->revision;
    note->deadline_ns = made->deadline_ns;
    __atomic_store_n(&note->channel, made->channel, __ATOMIC_RELEASE);
    return note;
}
