/*
 * Opening a namespace, reading one key, and writes of one key.
 */
#include "lib/store/internal.h"

#include <stdlib.h>
#include <string.h>

#include "lib/session/session.h"

/* ---- opening ---- */

/* A tag of its own, so that a program may also connect to the store by itself. */
#define STORE_TAG UINT64_C(0x45524f5453)

/* One channel leads to the store, whatever the number of namespaces: a service has one channel of a tag to an endpoint. */
static int join_channel(struct grove_session *session, struct grove_channel **channel) {
    int status = 0;
    if (session->store_users == 0)
        status =
            grove_connect_with(GROVE_STORE_ENDPOINT,
                               &(struct grove_connect_options){.session = session, .tag = STORE_TAG}, &session->store);
    if (status < 0)
        return status;
    session->store_users++;
    *channel = session->store;
    return 0;
}

int grove_store_open_with(struct grove_session *session, const char *namespace_name, struct grove_store **store) {
    int status = session_or_default(session, &session);
    if (status < 0)
        return status;
    const struct grove_notice_init *self = grove_session_identity(session);
    struct grove_store *opened = calloc(1, sizeof *opened);
    if (opened == NULL)
        return error_set(GROVE_NO_MEMORY, "no memory is left for the store");
    opened->session = session;
    opened->name = self->name;
    if (namespace_name != NULL)
        status = session_full_name(session, namespace_name, &opened->name);
    else if (self->ring == 3)
        status = error_set(GROVE_INVALID, "a shell has no namespace of its own: name one");
    if (status == 0)
        status = join_channel(session, &opened->channel);
    if (status < 0) {
        free(opened);
        return status;
    }
    *store = opened;
    return 0;
}

int grove_store_open(const char *namespace_name, struct grove_store **store) {
    return grove_store_open_with(NULL, namespace_name, store);
}

void grove_store_close(struct grove_store *store) {
    if (store == NULL)
        return;
    if (--store->session->store_users == 0)
        grove_channel_close(store->channel);
    free(store);
}

void grove_store_set_timeout(struct grove_store *store, uint64_t timeout_ns) {
    store->timeout_ns = timeout_ns;
}

const char *grove_store_name(const struct grove_store *store) {
    return store->name.text;
}

/* ---- messages ---- */

static void gather(uint8_t *place, const struct store_part *parts, unsigned count) {
    for (unsigned index = 0; index < count; index++) {
        if (parts[index].bytes > 0)
            memcpy(place, parts[index].data, parts[index].bytes);
        place += parts[index].bytes;
    }
}

static int call_lent(struct grove_store *store, const struct grove_call *call, const struct store_part *parts,
                     unsigned count, size_t bytes, struct grove_answer *answer) {
    struct grove_loan loan;
    int status = grove_loan(store->channel, bytes, call->timeout_ns != 0 ? call->timeout_ns : 5 * GROVE_SECOND, &loan);
    if (status < 0)
        return status;
    gather(loan.data, parts, count);
    struct grove_call lent = *call;
    lent.loan = &loan;
    status = grove_call(store->channel, &lent, answer);
    if (status < 0)
        grove_loan_return(&loan); /* no matter if it was sent: then it is not ours any more */
    return status;
}

int store_call(struct grove_store *store, uint32_t method, const struct store_part *parts, unsigned count,
               uint64_t timeout_ns, struct grove_answer *answer) {
    uint8_t message[STORE_COPIED_MAX];
    size_t bytes = 0;
    struct grove_call call = {.method = method, .timeout_ns = timeout_ns != 0 ? timeout_ns : store->timeout_ns};
    for (unsigned index = 0; index < count; index++)
        bytes += parts[index].bytes;
    if (bytes > sizeof message)
        return call_lent(store, &call, parts, count, bytes, answer);
    gather(message, parts, count);
    call.data = message;
    call.length_bytes = bytes;
    return grove_call(store->channel, &call, answer);
}

int store_call_bytes(struct grove_store *store, uint32_t method, const void *data, size_t bytes, uint64_t timeout_ns,
                     struct grove_answer *answer) {
    struct store_part part = {data, bytes};
    if (bytes > STORE_COPIED_MAX)
        return store_call(store, method, &part, 1, timeout_ns, answer);
    return grove_call(store->channel,
                      &(struct grove_call){.method = method,
                                           .data = data,
                                           .length_bytes = bytes,
                                           .timeout_ns = timeout_ns != 0 ? timeout_ns : store->timeout_ns},
                      answer);
}

int store_answer(const struct grove_answer *answer, void *head, size_t head_bytes, const uint8_t **rest,
                 size_t *rest_bytes) {
    const uint8_t *data = answer->slice != NULL ? answer->slice : answer->data;
    size_t bytes = answer->slice != NULL ? answer->slice_bytes : answer->length_bytes;
    uint32_t version = 0;
    if (data != NULL && bytes >= head_bytes) {
        memcpy(head, data, head_bytes);
        memcpy(&version, head, sizeof version);
    }
    if (version != GROVE_STORE_PROTOCOL_VERSION)
        return error_set(GROVE_CORRUPT, "the store's answer is none of this version");
    *rest = data + head_bytes;
    *rest_bytes = bytes - head_bytes;
    return 0;
}

int store_check_key(const void *key, size_t key_bytes) {
    return key == NULL || key_bytes == 0 || key_bytes > GROVE_STORE_KEY_MAX
               ? error_set(GROVE_INVALID, "a key must have 1 to 255 bytes, not %zu", key_bytes)
               : 0;
}

int store_full_name(const struct grove_store *store, const char *name, struct grove_name *full) {
    if (name != NULL)
        return session_full_name(store->session, name, full);
    *full = store->name;
    return 0;
}

/* ---- reading ---- */

static int take_value(struct grove_answer *answer, struct grove_store_value *value) {
    struct grove_store_record record;
    const uint8_t *rest = NULL;
    size_t rest_bytes = 0;
    int status = store_answer(answer, &record, sizeof record, &rest, &rest_bytes);
    if (status == 0 && record.revision == 0)
        status = error_set(GROVE_NOT_FOUND, "there is no such key");
    if (status == 0 && record.value_bytes != rest_bytes)
        status = error_set(GROVE_CORRUPT, "the store's answer is shorter than it says");
    if (status < 0) {
        grove_answer_release(answer);
        return status;
    }
    *value = (struct grove_store_value){.data = rest,
                                        .length_bytes = rest_bytes,
                                        .version = record.revision,
                                        .expires_ns = record.expires_ms * GROVE_MILLISECOND,
                                        .internal = *answer};
    return 0;
}

static int get(struct grove_store *store, uint64_t snapshot, const struct grove_name *name, const void *key,
               size_t key_bytes, struct grove_store_value *value) {
    struct grove_answer answer;
    int status = store_check_key(key, key_bytes);
    if (status < 0)
        return status;
    size_t name_bytes = strlen(name->text);
    struct grove_store_get_request wanted = {.version = GROVE_STORE_PROTOCOL_VERSION,
                                             .snapshot = snapshot,
                                             .namespace_bytes = (uint8_t)name_bytes,
                                             .key_bytes = (uint8_t)key_bytes};
    struct store_part parts[] = {{&wanted, sizeof wanted}, {name->text, name_bytes}, {key, key_bytes}};
    status = store_call(store, GROVE_STORE_GET, parts, 3, 0, &answer);
    return status < 0 ? status : take_value(&answer, value);
}

int grove_store_get(struct grove_store *store, const void *key, size_t key_bytes, struct grove_store_value *value) {
    return get(store, 0, &store->name, key, key_bytes, value);
}

int grove_store_get_at(struct grove_store *store, const struct grove_store_snapshot *snapshot, const void *key,
                       size_t key_bytes, struct grove_store_value *value) {
    return get(store, snapshot->id, &store->name, key, key_bytes, value);
}

void grove_store_value_release(struct grove_store_value *value) {
    grove_answer_release(&value->internal);
}

/* ---- single writes: transactions of one or two operations ---- */

struct write {
    const void *key;
    size_t key_bytes;
    const void *value; /* with `is_set` */
    size_t value_bytes;
    bool is_set, has_expectation;
    uint64_t expected, lifetime_ns;
};

static int write_one(struct grove_store *store, const struct write *write, uint64_t *version) {
    struct grove_store_transaction *transaction = NULL;
    int status = grove_store_begin(store, &transaction);
    if (status < 0)
        return status;
    if (write->has_expectation)
        status = grove_store_transaction_expect(transaction, NULL, write->key, write->key_bytes, write->expected);
    if (status == 0)
        status = write->is_set ? grove_store_transaction_set(transaction, NULL, write->key, write->key_bytes,
                                                             write->value, write->value_bytes, write->lifetime_ns)
                               : grove_store_transaction_delete(transaction, NULL, write->key, write->key_bytes);
    if (status == 0)
        return grove_store_commit(transaction, version);
    grove_store_rollback(transaction);
    return status;
}

int grove_store_set(struct grove_store *store, const void *key, size_t key_bytes, const void *value, size_t value_bytes,
                    uint64_t *version) {
    return write_one(
        store,
        &(struct write){.key = key, .key_bytes = key_bytes, .value = value, .value_bytes = value_bytes, .is_set = true},
        version);
}

int grove_store_set_for(struct grove_store *store, const void *key, size_t key_bytes, const void *value,
                        size_t value_bytes, uint64_t lifetime_ns, uint64_t *version) {
    if (lifetime_ns < GROVE_MILLISECOND)
        return error_set(GROVE_INVALID, "a lifetime must be at least 1 ms");
    return write_one(store,
                     &(struct write){.key = key,
                                     .key_bytes = key_bytes,
                                     .value = value,
                                     .value_bytes = value_bytes,
                                     .is_set = true,
                                     .lifetime_ns = lifetime_ns},
                     version);
}

int grove_store_delete(struct grove_store *store, const void *key, size_t key_bytes, uint64_t *version) {
    return write_one(store, &(struct write){.key = key, .key_bytes = key_bytes}, version);
}

int grove_store_compare_and_set(struct grove_store *store, const void *key, size_t key_bytes, uint64_t expected,
                                const void *value, size_t value_bytes, uint64_t *version) {
    return write_one(store,
                     &(struct write){.key = key,
                                     .key_bytes = key_bytes,
                                     .value = value,
                                     .value_bytes = value_bytes,
                                     .is_set = true,
                                     .has_expectation = true,
                                     .expected = expected},
                     version);
}
