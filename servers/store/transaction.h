/*
 * A transaction as it came over the wire, copied and checked: from here on nothing in it can change or be wrong.
 */
#ifndef SERVERS_STORE_TRANSACTION_H
#define SERVERS_STORE_TRANSACTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "grove/abi/port.h"
#include "grove/store.h"
#include "grove/store_wire.h"

struct namespace;

struct operation {
    uint16_t kind; /* enum grove_store_operation_kind */
    uint8_t key_bytes;
    uint32_t value_bytes;
    uint64_t version; /* EXPECT, EXPECT_NAMESPACE */
    uint64_t lifetime_ms; /* SET */
    struct grove_name name; /* empty: the client's own */
    const uint8_t *key, *value; /* into the copy */
    /* Found by the engine: */
    struct namespace *namespace;
    uint32_t old_charge; /* what the key takes before */
    uint64_t expires_ms;
};

struct transaction {
    uint32_t count;
    size_t bytes; /* memory it takes, for bounds */
    struct operation *operations;
    uint64_t origin, number; /* as in the head */
    uint8_t *copy;
    struct changed_value *changed; /* values that hooks have changed */
};

/*
 * GROVE_INVALID, GROVE_TOO_LARGE, GROVE_VERSION, GROVE_NO_MEMORY; *fault is then a constant sentence. `data` may change
 * while it is read. End it with transaction_destroy.
 */
int transaction_create(const void *data, size_t bytes, struct transaction **transaction, const char **fault);
void transaction_destroy(struct transaction *transaction);
/* Give a SET another value, which is copied; of at most GROVE_STORE_VALUE_MAX bytes. GROVE_NO_MEMORY. */
int transaction_change(struct transaction *transaction, struct operation *operation, const void *value, size_t bytes);
static inline bool operation_writes(const struct operation *operation) {
    return operation->kind == GROVE_STORE_SET || operation->kind == GROVE_STORE_ERASE;
}

/* Names of namespaces are full names; a pattern of capabilities has no meaning in them. */
bool namespace_name_is_valid(const struct grove_name *name);

#endif
