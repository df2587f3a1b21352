/*
 * Group commit: what waits is applied together, synchronised once, and answered together.
 *
 *     handlers -> queue -> [one batch: apply each, note each, commit] -> unsynced -> [synchronise] -> answers
 *
 * While a synchronisation is under way (in syncer.c's thread) requests gather in the queue; when it is over its batch is
 * answered and the next one is applied. A single transaction that nobody reads beside is synchronised in place, which
 * saves two changes of threads; readers then wait for one synchronisation at most.
 *
 * Crash: before the database's commit nothing has happened, and all of it is delivered again. After it, what is delivered
 * again is found in the notes and only answered; database_open has synchronised it by then. A request's record is completed
 * after its answer is published, and its note dropped after that.
 *
 * When a batch fails, each of it is tried alone, so that one that does not fit the disk costs itself only.
 */
#include "servers/store/declared.h"
#include "servers/store/points.h"
#include "servers/store/remote.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Reads that came within this time before a commit are taken as a sign that more will. */
#define READS_LATELY_NS (5 * GROVE_MILLISECOND)

/* ---- answers ---- */

static void answer(struct pending *pending) {
    if (pending->request == NULL)
        return;
    if (pending->status < 0)
        (void)grove_fail(pending->request, pending->status, "%s", pending->sentence);
    else
        (void)grove_reply(pending->request, &pending->outcome, sizeof pending->outcome);
}

static void finish(struct pending *pending) {
    struct grove_request *request = pending->request;
    *(pending->status == 0 ? &pending->store->commits : &pending->store->failures) += 1;
    if (pending->done != NULL)
        pending->done(pending);
    else
        answer(pending);
    if (request != NULL && pending->transaction != NULL && pending->status == 0 && pending->outcome.is_conflict == 0)
        points_written(pending->store, grove_request_client(request), pending->own, pending->transaction);
    bool is_final = request == NULL || grove_request_is_answered(request);
    if (request != NULL)
        grove_request_finish(request);
    if (is_final) /* else it is kept until the deadline: a reply that waits for room is not published yet */
        note_drop(pending->note);
    transaction_destroy(pending->transaction);
    free(pending->detail);
    free(pending);
}

static void finish_all(struct pending *list) {
    while (list != NULL) {
        struct pending *pending = list;
        list = pending->next;
        finish(pending);
    }
}

/* ---- synchronising ---- */

static void synchronised(struct store *store, int result) {
    struct pending *list = store->unsynced;
    store->unsynced = NULL;
    store->durable = store->syncing;
    for (struct pending *pending = list; result < 0 && pending != NULL; pending = pending->next)
        if (pending->status == 0) {
            pending->status = GROVE_IO;
            (void)snprintf(pending->sentence, sizeof pending->sentence,
                           "the disk reported an error: it is not known whether this outlives the machine");
        }
    if (result < 0)
        (void)fprintf(stderr, "store: the database's log could not be synchronised\n");
    finish_all(list);
    changes_durable(store);
    reads_again(store);
}

static void on_done(struct grove_service *service, int descriptor, short events, void *context) {
    (void)service;
    (void)descriptor;
    (void)events;
    commits_poll(context);
}

static void sync_over(struct store *store, int result) {
    (void)grove_service_watch(store->service, store->syncer.done, 0, NULL, NULL);
    store->is_syncing = false;
    synchronised(store, result);
}

void commits_poll(struct store *store) {
    int result = 0;
    if (store->is_syncing && syncer_poll(&store->syncer, &result))
        sync_over(store, result);
}

static bool may_stay_in_place(const struct store *store) {
    return store->unsynced->next == NULL && store->queue == NULL && grove_now_ns() - store->read_ns > READS_LATELY_NS;
}

static void synchronise(struct store *store) {
    store->syncing = store->engine.revision;
    if (may_stay_in_place(store) || syncer_begin(&store->syncer) < 0) {
        synchronised(store, database_synchronise(&store->engine.database));
        return;
    }
    store->is_syncing = true;
    if (grove_service_watch(store->service, store->syncer.done, POLLIN, on_done, store) == 0)
        return;
    int result = 0;
    syncer_wait(&store->syncer, &result);
    sync_over(store, result);
}

/* ---- batches ---- */

static int note_it(struct pending *pending) {
    struct store *store = pending->store;
    if (pending->request == NULL || pending->transaction == NULL || pending->outcome.is_conflict != 0)
        return 0;
    pending->note =
        notes_add(&store->notes, &(struct note){.channel = grove_request_channel_id(pending->request),
                                                .number = grove_request_number(pending->request),
                                                .revision = pending->outcome.revision,
                                                .deadline_ns = grove_request_deadline_ns(pending->request)});
    if (pending->note != NULL)
        return 0;
    (void)snprintf(pending->sentence, sizeof pending->sentence,
                   "the store waits for too many clients that do not read their answers: try again later");
    return GROVE_EXHAUSTED;
}

/* Apply one as part of the batch. What it says in ->status holds unless the batch is broken. */
static void apply(struct pending *pending) {
    struct engine *engine = &pending->store->engine;
    pending->status = pending->transaction != NULL ? engine_apply(engine, pending->own, pending->transaction,
                                                                  &pending->outcome, pending->sentence)
                                                   : pending->act(pending);
    if (pending->status < 0 || note_it(pending) == 0)
        return;
    pending->status = GROVE_EXHAUSTED;
    engine->is_broken = true;
}

static void drop_notes(struct pending *list) {
    for (struct pending *pending = list; pending != NULL; pending = pending->next) {
        note_drop(pending->note);
        pending->note = NULL;
    }
}

/* Apply and commit a list. Returns whether it is committed, and what it needs. */
static bool commit_list(struct store *store, struct pending *list, bool *is_durable) {
    struct engine *engine = &store->engine;
    store->change_mark = store->change_count;
    for (struct pending *pending = list; pending != NULL && !engine->is_broken; pending = pending->next)
        apply(pending);
    bool was_broken = engine->is_broken;
    int status = was_broken ? GROVE_IO : engine_commit(engine, is_durable);
    if (status == 0)
        return true;
    if (was_broken)
        engine_rollback(engine);
    drop_notes(list);
    changes_rolled_back(store);
    for (struct pending *pending = list; pending != NULL && !was_broken; pending = pending->next) {
        pending->status = status;
        (void)snprintf(pending->sentence, sizeof pending->sentence, "%s",
                       status == GROVE_FULL ? "the disk under the state folder is full: make room and say it again"
                                            : "the store could not commit to its database");
    }
    return false;
}

/* Each alone, after they could not be committed together. */
static bool commit_one_by_one(struct store *store, struct pending *list) {
    bool is_any_durable = false;
    for (struct pending *pending = list, *next; pending != NULL; pending = next) {
        bool is_durable = false;
        next = pending->next;
        pending->next = NULL;
        (void)commit_list(store, pending, &is_durable);
        is_any_durable = is_any_durable || is_durable;
        pending->next = next;
    }
    return is_any_durable;
}

static void run(struct store *store) {
    struct pending *list = store->queue;
    bool is_durable = false;
    store->queue = NULL;
    store->queue_tail = &store->queue;
    store->queue_count = 0;
    store->queue_bytes = 0;
    if (list == NULL)
        return;
    if (!commit_list(store, list, &is_durable) && list->next != NULL)
        is_durable = commit_one_by_one(store, list);
    if (store->engine.earliest_end_ms != UINT64_MAX)
        expiry_note(store, store->engine.earliest_end_ms);
    store->engine.earliest_end_ms = UINT64_MAX;
    store->unsynced = list;
    store->batches++;
    if (is_durable) {
        synchronise(store);
        return;
    }
    store->syncing = store->engine.revision; /* nothing of it needs the disk */
    synchronised(store, 0);
}

/* When nothing more has come: so what clients send at once is one batch. */
static bool on_rest(struct grove_service *service, void *context) {
    struct store *store = context;
    (void)service;
    commits_poll(store);
    if (store->queue == NULL || store->is_syncing)
        return false;
    run(store);
    return true;
}

/* The queue is full: the disk has to be waited for, here. */
static void make_room(struct store *store) {
    int result = 0;
    if (store->is_syncing) {
        syncer_wait(&store->syncer, &result);
        sync_over(store, result);
    }
    if (!store->is_syncing)
        run(store);
}

static struct pending *copy_of(const struct pending *made) {
    struct pending *pending = malloc(sizeof *pending);
    if (pending != NULL)
        *pending = *made;
    return pending;
}

static int no_memory(struct grove_request *request, const struct pending *made) {
    transaction_destroy(made->transaction);
    free(made->detail);
    return request == NULL ? GROVE_NO_MEMORY
                           : grove_fail(request, GROVE_NO_MEMORY, "the store has no memory for another request");
}

static void append(struct store *store, struct grove_request *request, struct pending *pending) {
    if (store->queue_count >= QUEUE_MAX || store->queue_bytes >= QUEUE_BYTES_MAX)
        make_room(store);
    pending->store = store;
    pending->request = request;
    pending->next = NULL;
    *store->queue_tail = pending;
    store->queue_tail = &pending->next;
    store->queue_count++;
    store->queue_bytes += sizeof *pending + (pending->transaction != NULL ? pending->transaction->bytes : 0);
    commits_poll(store);
}

int pending_add(struct store *store, struct grove_request *request, const struct pending *made) {
    struct pending *pending = copy_of(made);
    if (pending == NULL || (request != NULL && request_keep(request) < 0)) {
        free(pending);
        return no_memory(request, made);
    }
    append(store, request, pending);
    return 0;
}

int pending_add_deferred(struct store *store, struct grove_request *request, const struct pending *made) {
    struct pending *pending = copy_of(made);
    if (pending == NULL) {
        int status = no_memory(request, made);
        grove_request_finish(request);
        return status;
    }
    append(store, request, pending);
    return 0;
}

int commits_open(struct store *store) {
    store->queue_tail = &store->queue;
    store->durable = store->syncing = store->engine.revision;
    grove_service_on_rest(store->service, on_rest, store);
    int status = syncer_init(&store->syncer, &store->engine.database);
    return status < 0 ? status : notes_open(&store->notes, store->session, store->engine.revision);
}

/* ---- the method ---- */

int commit_go_on(struct store *store, struct grove_request *request, struct pending *pending) {
    if (remote_commits(store, request, pending))
        return 0;
    return declared_holds(store, request, pending) ? 0 : pending_add(store, request, pending);
}

static int check_rights(struct store *store, struct grove_request *request, const struct transaction *transaction,
                        const char *own) {
    int status = 0;
    for (uint32_t index = 0; status == 0 && index < transaction->count; index++) {
        const struct operation *operation = &transaction->operations[index];
        const char *name = operation->name.text[0] != '\0' ? operation->name.text : own;
        if (own[0] == '\0' && operation->name.text[0] == '\0')
            return grove_fail(request, GROVE_INVALID, "a shell has no namespace of its own: name one");
        status = access_check(store, request, name, operation_writes(operation) ? ACCESS_WRITE : ACCESS_READ,
                              operation->key_bytes > 0 ? operation->key : NULL, operation->key_bytes);
    }
    return status;
}

/* An earlier instance has applied it, and its answer was lost. */
static bool was_applied(struct store *store, struct grove_request *request) {
    struct note *note =
        grove_request_is_redelivered(request)
            ? notes_find(&store->notes, grove_request_channel_id(request), grove_request_number(request))
            : NULL;
    if (note == NULL)
        return false;
    struct grove_store_outcome outcome = {.version = GROVE_STORE_PROTOCOL_VERSION, .revision = note->revision};
    (void)grove_reply(request, &outcome, sizeof outcome);
    return true; /* the note goes with its deadline */
}

int on_commit(struct grove_request *request, void *context) {
    struct store *store = context;
    struct pending pending = {0};
    const char *fault = NULL;
    size_t bytes = 0;
    const void *message = message_of(request, &bytes);
    commits_poll(store);
    if (!grove_request_wants_reply(request) || grove_request_deadline_ns(request) == 0)
        return grove_fail(request, GROVE_INVALID, "a commit is a call, with a deadline");
    if (was_applied(store, request))
        return 0;
    int status = transaction_create(message, bytes, &pending.transaction, &fault);
    if (status < 0)
        return grove_fail(request, status, "%s", fault);
    if (grove_request_client_ring(request) != 3)
        (void)snprintf(pending.own, sizeof pending.own, "%s", grove_request_client(request));
    status = check_rights(store, request, pending.transaction, pending.own);
    if (status < 0) {
        transaction_destroy(pending.transaction);
        return status;
    }
    return points_hold_commit(store, request, &pending) ? 0 : commit_go_on(store, request, &pending);
}
