/*
 * Taking a transaction off the wire (docs/formats.md, "store"). The message lies in memory that its sender can change at
 * any time, so it is copied first, and the copy is checked.
 */
#include "servers/store/transaction.h"

#include <stdlib.h>
#include <string.h>

#include "servers/common/names.h"

bool namespace_name_is_valid(const struct grove_name *name) {
    return service_name_is_valid(name) && strchr(name->text, '.') != NULL;
}

/* What is wrong with an operation by itself, or NULL. */
static const char *operation_fault(const struct operation *operation) {
    bool has_value = operation->kind == GROVE_STORE_SET;
    bool has_key = operation->kind != GROVE_STORE_EXPECT_NAMESPACE;
    if (operation->kind < GROVE_STORE_SET || operation->kind > GROVE_STORE_EXPECT_NAMESPACE)
        return "an operation is none of set, erase and expect";
    if (operation->name.text[0] != '\0' && !namespace_name_is_valid(&operation->name))
        return "a namespace is named like a service: project.service";
    if (has_key != (operation->key_bytes > 0))
        return "a key must have 1 to 255 bytes";
    if (!has_value && (operation->value_bytes > 0 || operation->lifetime_ms > 0))
        return "only what is set has a value and a lifetime";
    if (operation->value_bytes > GROVE_STORE_VALUE_MAX)
        return "a value must have at most 1048576 bytes";
    if (operation->lifetime_ms > UINT64_C(1) << 42)
        return "a lifetime must be shorter than a century";
    return NULL;
}

/* One operation at *offset of the copy. */
static const char *take_operation(const uint8_t *copy, size_t bytes, size_t *offset, struct operation *operation) {
    struct grove_store_operation wire;
    if (bytes - *offset < sizeof wire)
        return "the message ends within an operation";
    memcpy(&wire, copy + *offset, sizeof wire);
    size_t at = *offset + sizeof wire, left = bytes - at;
    if (wire.namespace_bytes > GROVE_NAME_MAX || wire.value_bytes > left ||
        (size_t)wire.namespace_bytes + wire.key_bytes > left - wire.value_bytes)
        return "an operation says that it is longer than the message";
    *operation = (struct operation){.kind = wire.kind,
                                    .key_bytes = wire.key_bytes,
                                    .value_bytes = wire.value_bytes,
                                    .version = wire.version,
                                    .lifetime_ms = wire.lifetime_ms};
    memcpy(operation->name.text, copy + at, wire.namespace_bytes);
    if (strlen(operation->name.text) != wire.namespace_bytes)
        return "a namespace holds a zero byte";
    operation->key = copy + at + wire.namespace_bytes;
    operation->value = operation->key + wire.key_bytes;
    at += (size_t)wire.namespace_bytes + wire.key_bytes + wire.value_bytes;
    at = (at + 7) & ~(size_t)7;
    *offset = at < bytes ? at : bytes;
    return operation_fault(operation);
}

static bool is_same_key(const struct operation *a, const struct operation *b) {
    return a->key_bytes == b->key_bytes && memcmp(a->key, b->key, a->key_bytes) == 0 &&
           strcmp(a->name.text, b->name.text) == 0;
}

/* Two writes to a key would make its accounts depend on their order. */
static const char *writes_fault(const struct transaction *transaction) {
    for (uint32_t i = 0; i < transaction->count; i++)
        for (uint32_t j = 0; j < i; j++)
            if (operation_writes(&transaction->operations[i]) && operation_writes(&transaction->operations[j]) &&
                is_same_key(&transaction->operations[i], &transaction->operations[j]))
                return "a transaction writes a key at most once";
    return NULL;
}

static const char *take_all(struct transaction *transaction, size_t bytes) {
    size_t offset = sizeof(struct grove_store_transaction_head);
    for (uint32_t index = 0; index < transaction->count; index++) {
        const char *fault = take_operation(transaction->copy, bytes, &offset, &transaction->operations[index]);
        if (fault != NULL)
            return fault;
    }
    return writes_fault(transaction);
}

static int head_check(const struct grove_store_transaction_head *head, size_t bytes, const char **fault) {
    *fault = "the message is no transaction of this version";
    if (head->version != GROVE_STORE_PROTOCOL_VERSION)
        return GROVE_VERSION;
    *fault = "the message is malformed";
    if (head->flags != 0 || head->total_bytes != bytes || head->count == 0)
        return GROVE_INVALID;
    *fault = "a transaction has at most 256 operations";
    return head->count > GROVE_STORE_OPERATIONS_MAX ? GROVE_TOO_LARGE : 0;
}

int transaction_create(const void *data, size_t bytes, struct transaction **transaction, const char **fault) {
    struct grove_store_transaction_head head;
    *fault = "the message is too short, or longer than a transaction may be";
    if (data == NULL || bytes < sizeof head || bytes > GROVE_STORE_TRANSACTION_MAX)
        return GROVE_INVALID;
    memcpy(&head, data, sizeof head);
    int status = head_check(&head, bytes, fault);
    if (status < 0)
        return status;
    size_t table_bytes = head.count * sizeof(struct operation);
    struct transaction *made = malloc(sizeof *made + table_bytes + bytes);
    *fault = "the store has no memory for another transaction";
    if (made == NULL)
        return GROVE_NO_MEMORY;
    *made = (struct transaction){.count = head.count,
                                 .bytes = sizeof *made + table_bytes + bytes,
                                 .operations = (struct operation *)(made + 1),
                                 .origin = head.origin,
                                 .number = head.number};
    made->copy = (uint8_t *)made->operations + table_bytes;
    memcpy(made->copy, data, bytes);
    *fault = take_all(made, bytes);
    if (*fault != NULL) {
        free(made);
        return GROVE_INVALID;
    }
    *transaction = made;
    return 0;
}

struct changed_value {
    struct changed_value *next;
    uint8_t bytes[];
};

int transaction_change(struct transaction *transaction, struct operation *operation, const void *value, size_t bytes) {
    struct changed_value *changed = malloc(sizeof *changed + bytes);
    if (changed == NULL)
        return GROVE_NO_MEMORY;
    changed->next = transaction->changed;
    transaction->changed = changed;
    transaction->bytes += sizeof *changed + bytes;
    if (bytes > 0)
        memcpy(changed->bytes, value, bytes);
    operation->value = changed->bytes;
    operation->value_bytes = (uint32_t)bytes;
    return 0;
}

void transaction_destroy(struct transaction *transaction) {
    while (transaction != NULL && transaction->changed != NULL) {
        struct changed_value *changed = transaction->changed;
        transaction->changed = changed->next;
        free(changed);
    }
    free(transaction);
}
