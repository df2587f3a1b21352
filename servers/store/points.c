/*
 * Hooks before and after writes, and before reads.
 *
 * A commit that hooks look at waits as a request that is kept: its operations are shown one after the other, and when the
 * hooks agree to all of them it goes on as it would have without hooks. Commits of one channel go on in the order in which
 * they came, also where hooks are quicker with the later one. Others are not held up.
 *
 * What was looked at is what happens: a commit's transaction is a copy already, a read is handled again under the copy of its
 * message that the hooks' question was made from.
 *
 * Hooks that cannot be asked stop nothing. Crash: what waits is delivered to the next instance, which asks again. What was
 * committed and not yet told to the hooks after it is not told.
 */
#include "servers/store/points.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HELD_BYTES_MAX (8u << 20)

struct held_commit {
    struct held_commit *next;
    struct store *store;
    struct grove_request *request;
    struct pending pending;
    size_t bytes; /* of its transaction when it came */
    uint32_t index; /* of the operation that hooks look at */
    bool is_over;
    int status; /* negative: it was refused, and answered */
};

struct held_read {
    struct store *store;
    struct grove_request *request;
    grove_handler *handler;
    struct message_copy *copy;
    char subject[GROVE_HOOK_SUBJECT_MAX + 1];
};

void points_open(struct store *store) {
    store->held_tail = &store->held;
    if (grove_hooks_open(store->session, &store->hooks) < 0)
        store->hooks = NULL; /* an installation without one */
}

static const char *name_of(const struct operation *operation, const char *own) {
    return operation->name.text[0] != '\0' ? operation->name.text : own;
}

/* ---- before a write ---- */

static void look_at_next(struct held_commit *held);

static int go_on(struct grove_request *request, void *context) {
    struct held_commit *held = context;
    return commit_go_on(held->store, request, &held->pending);
}

static void let_go(struct held_commit *held) {
    if (held->status == 0) {
        request_again(held->request, go_on, held, NULL);
    } else {
        transaction_destroy(held->pending.transaction);
        grove_request_finish(held->request);
    }
    free(held);
}

static bool is_behind(const struct held_commit *first, const struct held_commit *held) {
    grove_object_id channel = grove_request_channel_id(held->request);
    for (; first != held; first = first->next)
        if (grove_request_channel_id(first->request) == channel)
            return true;
    return false;
}

/* Those that are over and behind nothing. They go on when the list is whole again, as that may hold further ones. */
static void let_go_all(struct store *store) {
    struct held_commit *going = NULL, **last = &going;
    for (struct held_commit **place = &store->held; *place != NULL;) {
        struct held_commit *held = *place;
        if (!held->is_over || is_behind(store->held, held)) {
            place = &held->next;
            continue;
        }
        *place = held->next;
        store->held_bytes -= held->bytes;
        held->next = NULL;
        *last = held;
        last = &held->next;
        place = &store->held; /* what was behind it may go now */
    }
    store->held_tail = &store->held;
    while (*store->held_tail != NULL)
        store->held_tail = &(*store->held_tail)->next;
    while (going != NULL) {
        struct held_commit *held = going;
        going = held->next;
        let_go(held);
    }
}

static void over(struct held_commit *held, int status) {
    held->is_over = true;
    held->status = status;
    let_go_all(held->store);
}

static void write_answered(const struct grove_hook_outcome *outcome, void *context) {
    struct held_commit *held = context;
    struct operation *operation = &held->pending.transaction->operations[held->index];
    char subject[GROVE_HOOK_SUBJECT_MAX + 1];
    int status = 0;
    if (outcome->result == GROVE_HOOK_VETO) {
        points_subject(subject, name_of(operation, held->pending.own), operation->key, operation->key_bytes);
        over(held,
             grove_fail(held->request, GROVE_DENIED, "nothing was written: of %.120s %s", subject, outcome->reason));
        return;
    }
    if (outcome->result == GROVE_HOOK_CHANGE && operation->kind == GROVE_STORE_SET)
        status = transaction_change(held->pending.transaction, operation, outcome->data, outcome->length_bytes);
    if (status < 0) {
        over(held, grove_fail(held->request, status, "the store has no memory for what a hook made of a value"));
        return;
    }
    held->index++;
    look_at_next(held);
}

static bool is_late(const struct grove_request *request) {
    return grove_request_deadline_ns(request) != 0 && grove_now_ns() >= grove_request_deadline_ns(request);
}

static void look_at_next(struct held_commit *held) {
    const struct transaction *transaction = held->pending.transaction;
    char subject[GROVE_HOOK_SUBJECT_MAX + 1];
    for (; held->index < transaction->count; held->index++) {
        const struct operation *operation = &transaction->operations[held->index];
        if (!operation_writes(operation))
            continue;
        if (is_late(held->request)) {
            over(held, grove_fail(held->request, GROVE_TIMED_OUT,
                                  "nothing was written: the hooks that look at it took all of its time"));
            return;
        }
        points_subject(subject, name_of(operation, held->pending.own), operation->key, operation->key_bytes);
        const struct grove_hook_question question = {.point = GROVE_HOOK_BEFORE_WRITE,
                                                     .subject = subject,
                                                     .who = grove_request_client(held->request),
                                                     .data = operation->value,
                                                     .length_bytes = operation->value_bytes};
        if (grove_hooks_run(held->store->hooks, &question, write_answered, held) == 0)
            return;
    }
    over(held, 0);
}

static bool has_writes(const struct transaction *transaction) {
    for (uint32_t index = 0; index < transaction->count; index++)
        if (operation_writes(&transaction->operations[index]))
            return true;
    return false;
}

static bool is_channel_held(const struct store *store, const struct grove_request *request) {
    for (const struct held_commit *held = store->held; held != NULL; held = held->next)
        if (grove_request_channel_id(held->request) == grove_request_channel_id(request))
            return true;
    return false;
}

bool points_ask_commit(struct store *store, struct grove_request *request, const struct pending *pending) {
    bool is_looked_at = points_are_set(store, GROVE_HOOK_BEFORE_WRITE) && has_writes(pending->transaction);
    if (!is_looked_at && (store->held == NULL || !is_channel_held(store, request)))
        return false;
    bool is_too_much = store->held_bytes > HELD_BYTES_MAX;
    struct held_commit *held = is_too_much ? NULL : malloc(sizeof *held);
    if (held == NULL || request_keep(request) < 0) {
        free(held);
        transaction_destroy(pending->transaction);
        (void)grove_fail(request, is_too_much ? GROVE_EXHAUSTED : GROVE_NO_MEMORY, "%s",
                         is_too_much ? "too many commits wait for the hooks that look at them: try again later"
                                     : "the store has no memory for another request");
        return true;
    }
    *held = (struct held_commit){
        .store = store, .request = request, .pending = *pending, .bytes = pending->transaction->bytes};
    *store->held_tail = held;
    store->held_tail = &held->next;
    store->held_bytes += held->bytes;
    if (!is_looked_at)
        held->is_over = true; /* it only keeps its place */
    else
        look_at_next(held);
    return true;
}

/* ---- after a write ---- */

void points_tell_written(struct store *store, const char *who, const char *own, const struct transaction *transaction) {
    char subject[GROVE_HOOK_SUBJECT_MAX + 1];
    for (uint32_t index = 0; index < transaction->count; index++) {
        const struct operation *operation = &transaction->operations[index];
        if (!operation_writes(operation))
            continue;
        points_subject(subject, name_of(operation, own), operation->key, operation->key_bytes);
        (void)grove_hooks_run(store->hooks,
                              &(struct grove_hook_question){.point = GROVE_HOOK_AFTER_WRITE,
                                                            .subject = subject,
                                                            .who = who,
                                                            .data = operation->value,
                                                            .length_bytes = operation->value_bytes},
                              NULL, NULL);
    }
}

/* ---- before a read ---- */

static void read_answered(const struct grove_hook_outcome *outcome, void *context) {
    struct held_read *held = context;
    if (outcome->result == GROVE_HOOK_VETO) {
        (void)grove_fail(held->request, GROVE_DENIED, "nothing was read: of %.120s %s", held->subject, outcome->reason);
        free(held->copy);
        grove_request_finish(held->request);
    } else {
        request_again(held->request, held->handler, held->store, held->copy);
    }
    free(held);
}

static struct message_copy *copy_message(const struct grove_request *request) {
    size_t bytes = 0;
    const void *message = message_of(request, &bytes);
    struct message_copy *copy = malloc(sizeof *copy + bytes);
    if (copy == NULL)
        return NULL;
    copy->bytes = bytes;
    copy->is_agreed = false;
    if (bytes > 0)
        memcpy(copy->data, message, bytes);
    return copy;
}

/* Under a copy, which nobody can change: what is shown to the hooks is what will be read. */
static int copy_first(struct store *store, struct grove_request *request, grove_handler *handler) {
    struct message_copy *copy = copy_message(request);
    if (copy == NULL)
        return grove_fail(request, GROVE_NO_MEMORY, "the store has no memory for another request");
    request_again(request, handler, store, copy);
    return 0;
}

bool points_ask_read(struct store *store, struct grove_request *request, const char *name, const uint8_t *key,
                     uint8_t key_bytes, grove_handler *handler) {
    struct message_copy *copy = request_copy(request);
    if (copy != NULL && copy->is_agreed)
        return false;
    if (copy == NULL) {
        (void)copy_first(store, request, handler);
        return true;
    }
    struct held_read *held = calloc(1, sizeof *held);
    if (held == NULL) {
        (void)grove_fail(request, GROVE_NO_MEMORY, "the store has no memory for another request");
        return true;
    }
    *held = (struct held_read){.store = store, .request = request, .handler = handler, .copy = copy};
    points_subject(held->subject, name, key, key_bytes);
    const struct grove_hook_question question = {
        .point = GROVE_HOOK_BEFORE_READ, .subject = held->subject, .who = grove_request_client(request)};
    copy->is_agreed = true; /* unless the answer says something else, or they cannot be asked */
    if (grove_hooks_run(store->hooks, &question, read_answered, held) < 0) {
        free(held);
        return false;
    }
    (void)request_keep(request); /* answers come from the run loop only, so not before this */
    (void)request_take_copy(request);
    return true;
}
