/*
 * Transactions: operations gathered in the bytes in which they will be sent.
 *
 * The buffer begins on the stack's scale inside the structure and moves to the heap when it grows. A write to a key that is
 * in it already takes the earlier one out.
 */
#include "lib/store/internal.h"

#include <stdlib.h>
#include <string.h>

struct grove_store_transaction {
    struct grove_store *store;
    uint8_t *bytes; /* head, operations */
    size_t used, size;
    uint32_t count;
    grove_store_commit_handler *done;
    void *context;
    uint8_t small[512];
};

int grove_store_begin(struct grove_store *store, struct grove_store_transaction **transaction) {
    struct grove_store_transaction *made = malloc(sizeof *made);
    if (made == NULL)
        return error_set(GROVE_NO_MEMORY, "no memory is left for a transaction");
    made->store = store;
    made->bytes = made->small;
    made->size = sizeof made->small;
    made->used = sizeof(struct grove_store_transaction_head);
    made->count = 0;
    *transaction = made;
    return 0;
}

void grove_store_rollback(struct grove_store_transaction *transaction) {
    if (transaction == NULL)
        return;
    if (transaction->bytes != transaction->small)
        free(transaction->bytes);
    free(transaction);
}

/* ---- gathering ---- */

static int reserve(struct grove_store_transaction *transaction, size_t bytes) {
    if (transaction->count == GROVE_STORE_OPERATIONS_MAX || transaction->used + bytes > GROVE_STORE_TRANSACTION_MAX)
        return error_set(GROVE_TOO_LARGE, "a transaction has at most %u operations and %u bytes",
                         GROVE_STORE_OPERATIONS_MAX, GROVE_STORE_TRANSACTION_MAX);
    if (transaction->used + bytes <= transaction->size)
        return 0;
    size_t size = 2 * (transaction->used + bytes);
    bool is_small = transaction->bytes == transaction->small;
    uint8_t *grown = realloc(is_small ? NULL : transaction->bytes, size);
    if (grown == NULL)
        return error_set(GROVE_NO_MEMORY, "no memory is left for a transaction");
    if (is_small)
        memcpy(grown, transaction->small, transaction->used);
    transaction->bytes = grown;
    transaction->size = size;
    return 0;
}

static size_t size_of(const struct grove_store_operation *operation) {
    size_t bytes = sizeof *operation + operation->namespace_bytes + operation->key_bytes + operation->value_bytes;
    return (bytes + 7) & ~(size_t)7;
}

static bool writes(uint16_t kind) {
    return kind == GROVE_STORE_SET || kind == GROVE_STORE_ERASE;
}

/* Take out an earlier write to the same key. */
static void replace(struct grove_store_transaction *transaction, const struct grove_store_operation *made,
                    const char *name, const void *key) {
    size_t at = sizeof(struct grove_store_transaction_head);
    while (at < transaction->used) {
        struct grove_store_operation operation;
        uint8_t *place = transaction->bytes + at;
        memcpy(&operation, place, sizeof operation);
        size_t bytes = size_of(&operation);
        const uint8_t *text = place + sizeof operation;
        if (writes(operation.kind) && operation.namespace_bytes == made->namespace_bytes &&
            operation.key_bytes == made->key_bytes && memcmp(text, name, made->namespace_bytes) == 0 &&
            memcmp(text + made->namespace_bytes, key, made->key_bytes) == 0) {
            memmove(place, place + bytes, transaction->used - at - bytes);
            transaction->used -= bytes;
            transaction->count--;
            return;
        }
        at += bytes;
    }
}

static int add(struct grove_store_transaction *transaction, struct grove_store_operation *operation,
               const char *namespace_name, const void *key, const void *value) {
    struct grove_name name;
    int status = store_full_name(transaction->store, namespace_name, &name);
    if (status < 0)
        return status;
    operation->namespace_bytes = (uint8_t)strlen(name.text);
    if (writes(operation->kind))
        replace(transaction, operation, name.text, key);
    size_t bytes = size_of(operation);
    status = reserve(transaction, bytes);
    if (status < 0)
        return status;
    uint8_t *place = transaction->bytes + transaction->used;
    memset(place + bytes - 8, 0, 8);
    memcpy(place, operation, sizeof *operation);
    place += sizeof *operation;
    memcpy(place, name.text, operation->namespace_bytes);
    place += operation->namespace_bytes;
    if (operation->key_bytes > 0)
        memcpy(place, key, operation->key_bytes);
    if (operation->value_bytes > 0 && value != NULL)
        memcpy(place + operation->key_bytes, value, operation->value_bytes);
    transaction->used += bytes;
    transaction->count++;
    return 0;
}

int grove_store_transaction_set(struct grove_store_transaction *transaction, const char *namespace_name,
                                const void *key, size_t key_bytes, const void *value, size_t value_bytes,
                                uint64_t lifetime_ns) {
    int status = store_check_key(key, key_bytes);
    if (status == 0 && value_bytes > GROVE_STORE_VALUE_MAX)
        status = error_set(GROVE_TOO_LARGE, "a value must have at most %u bytes, not %zu", GROVE_STORE_VALUE_MAX,
                           value_bytes);
    if (status == 0 && value == NULL && value_bytes > 0)
        status = error_set(GROVE_INVALID, "a value of %zu bytes was not given", value_bytes);
    if (status < 0)
        return status;
    struct grove_store_operation operation = {.kind = GROVE_STORE_SET,
                                              .key_bytes = (uint8_t)key_bytes,
                                              .value_bytes = (uint32_t)value_bytes,
                                              .lifetime_ms = lifetime_ns / GROVE_MILLISECOND};
    return add(transaction, &operation, namespace_name, key, value);
}

int grove_store_transaction_delete(struct grove_store_transaction *transaction, const char *namespace_name,
                                   const void *key, size_t key_bytes) {
    int status = store_check_key(key, key_bytes);
    struct grove_store_operation operation = {.kind = GROVE_STORE_ERASE, .key_bytes = (uint8_t)key_bytes};
    return status < 0 ? status : add(transaction, &operation, namespace_name, key, NULL);
}

int grove_store_transaction_expect(struct grove_store_transaction *transaction, const char *namespace_name,
                                   const void *key, size_t key_bytes, uint64_t version) {
    int status = store_check_key(key, key_bytes);
    struct grove_store_operation operation = {
        .kind = GROVE_STORE_EXPECT, .key_bytes = (uint8_t)key_bytes, .version = version};
    return status < 0 ? status : add(transaction, &operation, namespace_name, key, NULL);
}

int grove_store_transaction_expect_namespace(struct grove_store_transaction *transaction, const char *namespace_name,
                                             uint64_t version) {
    struct grove_store_operation operation = {.kind = GROVE_STORE_EXPECT_NAMESPACE, .version = version};
    return add(transaction, &operation, namespace_name, NULL, NULL);
}

int grove_store_transaction_get(struct grove_store_transaction *transaction, const char *namespace_name,
                                const void *key, size_t key_bytes, struct grove_store_value *value) {
    struct grove_store other = *transaction->store;
    struct grove_store_value found;
    int status = store_full_name(transaction->store, namespace_name, &other.name);
    if (status < 0)
        return status;
    int result = grove_store_get(&other, key, key_bytes, &found);
    if (result < 0 && result != GROVE_NOT_FOUND)
        return result;
    status =
        grove_store_transaction_expect(transaction, other.name.text, key, key_bytes, result == 0 ? found.version : 0);
    if (status < 0 && result == 0)
        grove_store_value_release(&found);
    if (status < 0)
        return status;
    if (result < 0)
        return error_set(GROVE_NOT_FOUND, "there is no such key");
    *value = found;
    return 0;
}

/* ---- committing ---- */

static void end_message(struct grove_store_transaction *transaction) {
    struct grove_store_transaction_head head = {.version = GROVE_STORE_PROTOCOL_VERSION,
                                                .count = transaction->count,
                                                .total_bytes = (uint32_t)transaction->used};
    memcpy(transaction->bytes, &head, sizeof head);
}

static int take_outcome(const struct grove_answer *answer, uint64_t *version) {
    struct grove_store_outcome outcome;
    const uint8_t *rest;
    size_t rest_bytes;
    int status = store_answer(answer, &outcome, sizeof outcome, &rest, &rest_bytes);
    if (status < 0)
        return status;
    if (outcome.is_conflict != 0)
        return error_set(
            GROVE_AGAIN,
            "operation %u of the transaction expected another version: somebody else was faster, and it is "
            "%llu now; read again, and do it again",
            outcome.operation, (unsigned long long)outcome.revision);
    if (version != NULL)
        *version = outcome.revision;
    return 0;
}

int grove_store_commit(struct grove_store_transaction *transaction, uint64_t *version) {
    struct grove_answer answer;
    if (transaction->count == 0) {
        grove_store_rollback(transaction);
        return error_set(GROVE_INVALID, "this transaction is empty");
    }
    end_message(transaction);
    int status =
        store_call_bytes(transaction->store, GROVE_STORE_COMMIT, transaction->bytes, transaction->used, 0, &answer);
    if (status == 0) {
        status = take_outcome(&answer, version);
        grove_answer_release(&answer);
    }
    grove_store_rollback(transaction); /* only our copy of it */
    return status;
}

static void on_answer(int status, const struct grove_answer *answer, void *context) {
    struct grove_store_transaction *transaction = context;
    uint64_t version = 0;
    if (status == 0)
        status = take_outcome(answer, &version);
    transaction->done(status, version, transaction->context);
    grove_store_rollback(transaction);
}

int grove_store_commit_start(struct grove_store_transaction *transaction, grove_store_commit_handler *done,
                             void *context) {
    struct grove_store *store = transaction->store;
    struct grove_loan loan;
    struct grove_call call = {.method = GROVE_STORE_COMMIT, .timeout_ns = store->timeout_ns};
    int status = transaction->count == 0 || done == NULL
                     ? error_set(GROVE_INVALID, "this transaction is empty, or nobody is told of its end")
                     : 0;
    bool is_lent = transaction->used > STORE_COPIED_MAX;
    transaction->done = done;
    transaction->context = context;
    end_message(transaction);
    if (status == 0 && is_lent)
        status = grove_loan(store->channel, transaction->used, GROVE_SECOND, &loan);
    if (status == 0 && is_lent) {
        memcpy(loan.data, transaction->bytes, transaction->used);
        call.loan = &loan;
    } else {
        call.data = transaction->bytes;
        call.length_bytes = transaction->used;
    }
    if (status == 0) {
        status = grove_call_start(store->channel, &call, on_answer, transaction);
        if (status < 0 && is_lent)
            grove_loan_return(&loan);
    }
    if (status < 0)
        grove_store_rollback(transaction);
    return status;
}
