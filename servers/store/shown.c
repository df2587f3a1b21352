/*
 * Hooks after a read: each value of a reply is shown to them, one after the other, and the reply made of what they give back.
 *
 * A page becomes larger or smaller by it. One that would become too large ends before the value that does not fit, and says
 * that there is more; a value by itself always fits, as hooks give back less than a value may have.
 *
 * The reply may be a provider's, so it is input like any other: what is not well-formed is passed back as it came.
 * Crash: the read is delivered again.
 */
#include "servers/store/points.h"

#include <stdlib.h>
#include <string.h>

#include "grove/store_wire.h"

struct showing {
    struct store *store;
    struct grove_request *request;
    char name[GROVE_NAME_MAX + 1];
    uint8_t key[GROVE_STORE_KEY_MAX], key_bytes; /* of a single value; else 0 */
    uint8_t *given; /* the reply as it was */
    size_t given_bytes, at; /* of the record that hooks look at */
    uint32_t left; /* records */
    uint8_t *shown; /* the reply as it will be */
    size_t shown_bytes, shown_room;
    struct grove_store_page page;
};

/* ---- taking records apart ---- */

static bool is_page(const struct showing *showing) {
    return showing->key_bytes == 0;
}

static size_t rounded(const struct showing *showing, size_t bytes) {
    return is_page(showing) ? (bytes + 7) & ~(size_t)7 : bytes;
}

/* The record at ->at; its key and value follow. False: the reply is not well-formed. */
static bool take_record(const struct showing *showing, struct grove_store_record *record, size_t *bytes) {
    if (showing->given_bytes - showing->at < sizeof *record)
        return false;
    memcpy(record, showing->given + showing->at, sizeof *record);
    size_t left = showing->given_bytes - showing->at - sizeof *record;
    size_t value_bytes = record->has_value != 0 ? record->value_bytes : 0;
    if (value_bytes > left || record->key_bytes > left - value_bytes)
        return false;
    *bytes = rounded(showing, sizeof *record + record->key_bytes + value_bytes);
    return *bytes <= showing->given_bytes - showing->at;
}

/* ---- putting the reply together ---- */

static bool make_room(struct showing *showing, size_t bytes) {
    if (showing->shown_bytes + bytes <= showing->shown_room)
        return true;
    size_t room = 2 * showing->shown_room + bytes;
    uint8_t *grown = realloc(showing->shown, room);
    if (grown == NULL)
        return false;
    showing->shown = grown;
    showing->shown_room = room;
    return true;
}

/* GROVE_FULL: it goes to the next page. */
static int append(struct showing *showing, struct grove_store_record *record, const void *value, size_t value_bytes) {
    size_t bytes = rounded(showing, sizeof *record + record->key_bytes + value_bytes);
    if (is_page(showing) && showing->page.count > 0 && showing->shown_bytes + bytes > PAGE_BYTES)
        return GROVE_FULL;
    if (!make_room(showing, bytes))
        return GROVE_NO_MEMORY;
    uint8_t *place = showing->shown + showing->shown_bytes;
    memset(place, 0, bytes);
    if (record->has_value != 0)
        record->value_bytes = (uint32_t)value_bytes;
    memcpy(place, record, sizeof *record);
    memcpy(place + sizeof *record, showing->given + showing->at + sizeof *record, record->key_bytes);
    if (value_bytes > 0)
        memcpy(place + sizeof *record + record->key_bytes, value, value_bytes);
    showing->shown_bytes += bytes;
    showing->page.count++;
    return 0;
}

/* ---- the end ---- */

static void end(struct showing *showing) {
    grove_request_finish(showing->request);
    free(showing->given);
    free(showing->shown);
    free(showing);
}

static void reply(struct showing *showing) {
    if (is_page(showing))
        memcpy(showing->shown, &showing->page, sizeof showing->page);
    (void)reply_bytes(showing->request, showing->shown, showing->shown_bytes);
    end(showing);
}

static void refuse(struct showing *showing, int status, const char *why) {
    (void)grove_fail(showing->request, status, "nothing can be shown: %s", why);
    end(showing);
}

/* ---- asking ---- */

static void show_next(struct showing *showing);

/* The record at ->at with this value, and on to the next one. False: it is at its end. */
static bool pass(struct showing *showing, struct grove_store_record *record, size_t bytes, const void *value,
                 size_t value_bytes) {
    int status = append(showing, record, value, value_bytes);
    if (status == GROVE_NO_MEMORY) {
        refuse(showing, status, "the store has no memory for what the hooks made of it");
        return false;
    }
    showing->page.has_more |= status == GROVE_FULL;
    showing->at += bytes;
    showing->left = status == GROVE_FULL ? 0 : showing->left - 1;
    return true;
}

static void answered(const struct grove_hook_outcome *outcome, void *context) {
    struct showing *showing = context;
    struct grove_store_record record = {0};
    size_t bytes = 0;
    (void)take_record(showing, &record, &bytes); /* as when it was asked about */
    const void *value = showing->given + showing->at + sizeof record + record.key_bytes;
    bool is_changed = outcome->result == GROVE_HOOK_CHANGE;
    if (pass(showing, &record, bytes, is_changed ? outcome->data : value,
             is_changed ? outcome->length_bytes : record.value_bytes))
        show_next(showing);
}

static int ask(struct showing *showing, const struct grove_store_record *record) {
    char subject[GROVE_HOOK_SUBJECT_MAX + 1];
    const uint8_t *place = showing->given + showing->at + sizeof *record;
    points_subject(subject, showing->name, is_page(showing) ? place : showing->key,
                   is_page(showing) ? record->key_bytes : showing->key_bytes);
    const struct grove_hook_question question = {.point = GROVE_HOOK_AFTER_READ,
                                                 .subject = subject,
                                                 .who = grove_request_client(showing->request),
                                                 .data = place + record->key_bytes,
                                                 .length_bytes = record->value_bytes};
    return grove_hooks_run(showing->store->hooks, &question, answered, showing);
}

static void show_next(struct showing *showing) {
    uint64_t deadline_ns = grove_request_deadline_ns(showing->request);
    while (showing->left > 0) {
        struct grove_store_record record;
        size_t bytes = 0;
        if (!take_record(showing, &record, &bytes)) {
            refuse(showing, GROVE_CORRUPT, "the provider's answer is malformed");
            return;
        }
        if (deadline_ns != 0 && grove_now_ns() >= deadline_ns) {
            refuse(showing, GROVE_TIMED_OUT, "the hooks that look at it took all of its time");
            return;
        }
        if (record.has_value != 0 && ask(showing, &record) == 0)
            return;
        const uint8_t *value = showing->given + showing->at + sizeof record + record.key_bytes;
        if (!pass(showing, &record, bytes, value, record.has_value != 0 ? record.value_bytes : 0))
            return;
    }
    reply(showing);
}

/* ---- beginning ---- */

static struct showing *showing_create(const void *message, size_t bytes, bool is_page) {
    struct showing *showing = calloc(1, sizeof *showing);
    if (showing == NULL)
        return NULL;
    showing->given = malloc(bytes);
    showing->shown = malloc(bytes);
    if (showing->given == NULL || showing->shown == NULL) {
        free(showing->given);
        free(showing->shown);
        free(showing);
        return NULL;
    }
    memcpy(showing->given, message, bytes);
    showing->given_bytes = showing->shown_room = bytes;
    showing->left = 1;
    if (!is_page)
        return showing;
    memcpy(&showing->page, message, sizeof showing->page);
    showing->left = showing->page.count;
    showing->page.count = 0;
    showing->at = showing->shown_bytes = sizeof showing->page;
    return showing;
}

bool points_show_reply(struct store *store, struct grove_request *request, const char *name, const uint8_t *key,
                       uint8_t key_bytes, const void *message, size_t bytes) {
    bool is_page = key == NULL;
    if (bytes < (is_page ? sizeof(struct grove_store_page) : sizeof(struct grove_store_record)))
        return false;
    struct showing *showing = showing_create(message, bytes, is_page);
    if (showing == NULL)
        return false; /* as where hooks cannot be asked */
    showing->store = store;
    showing->request = request;
    memcpy(showing->name, name, strlen(name));
    if (!is_page) {
        memcpy(showing->key, key, key_bytes);
        showing->key_bytes = key_bytes;
    }
    (void)request_keep(request);
    show_next(showing);
    return true;
}
