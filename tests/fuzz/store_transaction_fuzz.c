/*
 * Fuzz target: a transaction off the wire. Whatever comes is refused with a sentence, or is a transaction of which every
 * part lies inside its own copy and is within its limits.
 */
#include <stdlib.h>
#include <string.h>

#include "servers/store/transaction.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

static void expect(int is_true) {
    if (!is_true)
        abort();
}

static void check(const struct transaction *transaction, size_t bytes, const struct operation *operation) {
    expect(operation->kind >= GROVE_STORE_SET && operation->kind <= GROVE_STORE_EXPECT_NAMESPACE);
    expect(operation->key >= transaction->copy && operation->value >= operation->key);
    expect(operation->value + operation->value_bytes <= transaction->copy + bytes);
    expect(operation->key + operation->key_bytes == operation->value);
    expect(operation->value_bytes <= GROVE_STORE_VALUE_MAX);
    expect((operation->key_bytes == 0) == (operation->kind == GROVE_STORE_EXPECT_NAMESPACE));
    expect(operation->name.text[0] == '\0' || namespace_name_is_valid(&operation->name));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes) {
    struct transaction *transaction = NULL;
    const char *fault = NULL;
    if (transaction_create(data, size_bytes, &transaction, &fault) < 0) {
        expect(fault != NULL && strlen(fault) > 10);
        return 0;
    }
    expect(transaction->count > 0 && transaction->count <= GROVE_STORE_OPERATIONS_MAX);
    for (uint32_t index = 0; index < transaction->count; index++)
        check(transaction, size_bytes, &transaction->operations[index]);
    transaction_destroy(transaction);
    return 0;
}
