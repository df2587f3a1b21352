/*
 * Namespaces that a service keeps: the store checks who may, and passes on what is asked, in its own protocol.
 *
 *     client -> COMMIT, GET, SCAN -> store (rights, names) -> the same, to the provider's endpoint -> its answer, passed back
 *
 * The provider does the rest: expectations and durability; quotas are the store's (counted.c). Names of namespaces are always spelled out for it, and a commit
 * carries who asked and under which number, so that it can tell a commit that comes again: after a crash of the store the
 * client's request is passed on anew. Values are encrypted first where that was said with the provider (sealed.c). Snapshots,
 * watches and maps are the store's own and not to be had here.
 */
#include "servers/store/remote.h"
#include "servers/store/counted.h"
#include "servers/store/points.h"
#include "servers/store/sealed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A message that is longer is lent. */
#define SENT_MAX 4096u

/* A provider's endpoint, for as long as the store runs. */
struct remote {
    struct remote *next;
    struct grove_channel *channel;
    char endpoint[GROVE_STORE_PROVIDER_BYTES];
};

struct passed {
    struct store *store;
    struct grove_request *request;
    struct remote *remote;
    struct transaction *transaction; /* of a commit */
    char own[GROVE_NAME_MAX + 1]; /* of a commit: the client's own namespace; else the namespace that is read */
    uint8_t key_bytes, key[GROVE_STORE_KEY_MAX]; /* of a get */
};

static int remote_of(struct store *store, const char *endpoint, struct remote **remote) {
    struct remote *found = store->remotes;
    while (found != NULL && strcmp(found->endpoint, endpoint) != 0)
        found = found->next;
    if (found == NULL) {
        found = calloc(1, sizeof *found);
        if (found == NULL)
            return GROVE_NO_MEMORY;
        (void)snprintf(found->endpoint, sizeof found->endpoint, "%s", endpoint);
        found->next = store->remotes;
        store->remotes = found;
    }
    *remote = found;
    return found->channel != NULL ? 0 : grove_connect(endpoint, &found->channel);
}

int remote_call(struct store *store, const char *endpoint, const struct grove_call *call, grove_answer_handler *done,
                void *context) {
    struct remote *remote = NULL;
    int status = remote_of(store, endpoint, &remote);
    if (status == 0)
        status = grove_call_start(remote->channel, call, done, context);
    if (status == GROVE_CLOSED && remote != NULL) {
        grove_channel_close(remote->channel);
        remote->channel = NULL;
    }
    return status;
}

/* ---- passing on ---- */

static struct passed *passed_new(struct store *store, struct grove_request *request, const char *own) {
    struct passed *passed = calloc(1, sizeof *passed);
    if (passed == NULL)
        return NULL;
    passed->store = store;
    passed->request = request;
    (void)snprintf(passed->own, sizeof passed->own, "%s", own);
    return passed;
}

static void passed_end(struct passed *passed) {
    if (passed->transaction != NULL)
        counted_answered(passed->store, passed->transaction, passed->own);
    transaction_destroy(passed->transaction);
    free(passed);
}

static bool is_written(const void *message, size_t bytes) {
    struct grove_store_outcome outcome;
    if (bytes < sizeof outcome)
        return false;
    memcpy(&outcome, message, sizeof outcome);
    return outcome.is_conflict == 0;
}

static bool pass_message(struct passed *passed, const void *message, size_t bytes);

/* True: hooks look at it first. */
static bool pass_back(struct passed *passed, const struct grove_answer *answer) {
    const void *message = answer->slice != NULL ? answer->slice : answer->data;
    size_t bytes = answer->slice != NULL ? answer->slice_bytes : answer->length_bytes;
    struct namespace *space = namespace_find(&passed->store->engine, passed->own);
    uint8_t *opened = NULL;
    if (passed->transaction != NULL || !is_sealed(space))
        return pass_message(passed, message, bytes);
    int status = sealed_open(passed->store, space, passed->key_bytes > 0 ? passed->key : NULL, passed->key_bytes,
                             message, bytes, &opened, &bytes);
    if (status < 0) {
        (void)grove_fail(passed->request, status,
                         "the provider %s gave back for the namespace %s what was not given to it",
                         passed->remote->endpoint, passed->own);
        return false;
    }
    bool is_kept = pass_message(passed, opened, bytes);
    free(opened);
    return is_kept;
}

static bool pass_message(struct passed *passed, const void *message, size_t bytes) {
    struct grove_request *request = passed->request;
    if (passed->transaction == NULL &&
        points_hold_reply(passed->store, request, passed->own, passed->key_bytes > 0 ? passed->key : NULL,
                          passed->key_bytes, message, bytes))
        return true;
    if (passed->transaction != NULL && is_written(message, bytes))
        points_written(passed->store, grove_request_client(request), passed->own, passed->transaction);
    (void)reply_bytes(request, message, bytes);
    return false;
}

static void on_answer(int status, const struct grove_answer *answer, void *context) {
    struct passed *passed = context;
    struct grove_request *request = passed->request;
    if (status < 0)
        (void)grove_fail(request, status, "the provider %s: %s", passed->remote->endpoint, grove_last_error());
    if (status < 0 || !pass_back(passed, answer))
        grove_request_finish(request);
    passed_end(passed);
}

static int start(struct remote *remote, const struct grove_call *asked, const void *message, size_t bytes,
                 struct passed *passed) {
    struct grove_call call = *asked;
    struct grove_loan loan;
    bool is_lent = bytes > SENT_MAX;
    int status = is_lent ? grove_loan(remote->channel, bytes, 1, &loan) : 0;
    if (status < 0)
        return status;
    if (is_lent) {
        memcpy(loan.data, message, bytes);
        call.loan = &loan;
    } else {
        call.data = message;
        call.length_bytes = bytes;
    }
    status = grove_call_start(remote->channel, &call, on_answer, passed);
    if (status < 0 && is_lent)
        grove_loan_return(&loan);
    return status;
}

/* Calls the provider for a request, which is kept. Answers on failure. Takes `passed`. */
static int pass_on(struct passed *passed, const char *endpoint, const void *message, size_t bytes) {
    struct remote *remote = NULL;
    struct store *store = passed->store;
    struct grove_request *request = passed->request;
    uint64_t now_ns = grove_now_ns(), deadline_ns = grove_request_deadline_ns(request);
    struct grove_call call = {.method = grove_request_method(request),
                              .timeout_ns = deadline_ns > now_ns ? deadline_ns - now_ns : 1};
    int status = remote_of(store, endpoint, &remote);
    if (status == 0) {
        passed->remote = remote;
        status = start(remote, &call, message, bytes, passed);
    }
    if (status == 0)
        return request_keep(request); /* answers come from the run loop only, so not before this */
    if (status == GROVE_CLOSED && remote != NULL) {
        grove_channel_close(remote->channel);
        remote->channel = NULL;
    }
    passed_end(passed);
    return grove_fail(request, status, "the provider %s cannot be asked: %s", endpoint, grove_last_error());
}

/* ---- commits ---- */

static const char *name_of(const struct operation *operation, const char *own) {
    return operation->name.text[0] != '\0' ? operation->name.text : own;
}

static size_t put(uint8_t *message, size_t at, const void *bytes, size_t length) {
    if (length > 0)
        memcpy(message + at, bytes, length);
    return at + length;
}

static uint32_t overhead_of(const struct store *store, const struct operation *operation, const char *name) {
    return operation->kind == GROVE_STORE_SET && is_sealed(namespace_find(&store->engine, name)) ? SEAL_OVERHEAD : 0;
}

/* The value as the provider is to keep it. */
static int put_value(struct store *store, const struct operation *operation, const char *name, uint8_t *message,
                     size_t *at) {
    struct namespace *space = namespace_find(&store->engine, name);
    if (operation->kind != GROVE_STORE_SET || !is_sealed(space)) {
        *at = put(message, *at, operation->value, operation->value_bytes);
        return 0;
    }
    int status = sealed_close(store, space, operation, message + *at);
    *at += operation->value_bytes + SEAL_OVERHEAD;
    return status;
}

static int encode(struct store *store, const struct pending *pending, struct grove_request *request, uint8_t *message,
                  size_t *bytes) {
    int status = 0;
    const struct transaction *transaction = pending->transaction;
    struct grove_store_transaction_head head = {.version = GROVE_STORE_PROTOCOL_VERSION,
                                                .count = transaction->count,
                                                .origin = grove_request_channel_id(request),
                                                .number = grove_request_number(request)};
    size_t at = sizeof head;
    for (uint32_t index = 0; index < transaction->count; index++) {
        const struct operation *operation = &transaction->operations[index];
        const char *name = name_of(operation, pending->own);
        struct grove_store_operation wire = {.kind = operation->kind,
                                             .namespace_bytes = (uint8_t)strlen(name),
                                             .key_bytes = operation->key_bytes,
                                             .value_bytes =
                                                 operation->value_bytes + overhead_of(store, operation, name),
                                             .version = operation->version,
                                             .lifetime_ms = operation->lifetime_ms};
        at = put(message, at, &wire, sizeof wire);
        at = put(message, at, name, wire.namespace_bytes);
        at = put(message, at, operation->key, operation->key_bytes);
        if (status == 0)
            status = put_value(store, operation, name, message, &at);
        for (; at % 8 != 0; at++)
            message[at] = 0;
    }
    head.total_bytes = (uint32_t)at;
    memcpy(message, &head, sizeof head);
    *bytes = at;
    return status;
}

/* The provider of all its namespaces; NULL: none of them is a service's. *is_mixed: they are of several. */
static const char *provider_of(const struct store *store, const struct pending *pending, bool *is_mixed) {
    const char *provider = NULL;
    unsigned remotes = 0;
    *is_mixed = false;
    for (uint32_t index = 0; index < pending->transaction->count; index++) {
        const struct namespace *space =
            namespace_find(&store->engine, name_of(&pending->transaction->operations[index], pending->own));
        if (!is_remote(space))
            continue;
        remotes++;
        *is_mixed = *is_mixed || (provider != NULL && strcmp(provider, space->provider_name) != 0);
        provider = space->provider_name;
    }
    *is_mixed = *is_mixed || (remotes > 0 && remotes < pending->transaction->count);
    return provider;
}

bool remote_commits(struct store *store, struct grove_request *request, struct pending *pending) {
    bool is_mixed;
    if (provider_of(store, pending, &is_mixed) == NULL)
        return false;
    if (is_mixed || !counted_holds(store, request, pending))
        remote_pass(store, request, pending);
    return true;
}

void remote_pass(struct store *store, struct grove_request *request, struct pending *pending) {
    bool is_mixed;
    const char *provider = provider_of(store, pending, &is_mixed);
    /* Every operation may grow by its namespace's name, encryption and padding. */
    size_t growth_bytes = GROVE_NAME_MAX + 8 + SEAL_OVERHEAD;
    size_t most_bytes = pending->transaction->bytes + pending->transaction->count * growth_bytes;
    uint8_t *message = is_mixed || provider == NULL ? NULL : malloc(most_bytes);
    struct passed *passed = message != NULL ? passed_new(store, request, pending->own) : NULL;
    if (passed != NULL) {
        size_t bytes = 0;
        passed->transaction = pending->transaction;
        int status = encode(store, pending, request, message, &bytes);
        if (status == 0) {
            (void)pass_on(passed, provider, message, bytes);
        } else {
            (void)grove_fail(request, status, "the key of a namespace cannot be read");
            passed_end(passed);
        }
    } else {
        counted_answered(store, pending->transaction, pending->own);
        transaction_destroy(pending->transaction);
        (void)grove_fail(
            request, is_mixed || provider == NULL ? GROVE_WRONG_STATE : GROVE_NO_MEMORY, "%s",
            provider == NULL ? "the namespace has another provider since this came: do it again"
            : is_mixed ? "a transaction is of one provider: a namespace that a service keeps changes by itself only"
                       : "the store has no memory for another request");
    }
    free(message);
}

/* ---- reads ---- */

int remote_reads(struct store *store, struct grove_request *request, const struct namespace *space, const void *head,
                 size_t head_bytes, const void *rest, size_t rest_bytes) {
    uint8_t message[sizeof(struct grove_store_scan_request) + GROVE_NAME_MAX + 2ul * GROVE_STORE_KEY_MAX];
    size_t at = put(message, 0, head, head_bytes);
    at = put(message, at, space->name, strlen(space->name));
    at = put(message, at, rest, rest_bytes);
    struct passed *passed = passed_new(store, request, space->name);
    if (passed == NULL)
        return grove_fail(request, GROVE_NO_MEMORY, "the store has no memory for another request");
    if (grove_request_method(request) == GROVE_STORE_GET) {
        memcpy(passed->key, rest, rest_bytes);
        passed->key_bytes = (uint8_t)rest_bytes;
    }
    return pass_on(passed, space->provider_name, message, at);
}
