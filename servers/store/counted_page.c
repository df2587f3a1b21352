/*
 * A page of keys, as a service that keeps namespaces gives it: input like any other. It is read in place and nothing of it is trusted.
 */
#include "servers/store/counted.h"

#include <string.h>

static void note_old(const struct counted *counted, const uint8_t *key, uint8_t key_bytes, uint32_t charge) {
    for (uint32_t index = 0; index < counted->transaction->count; index++) {
        struct operation *operation = &counted->transaction->operations[index];
        if (operation->namespace == counted->space && operation->key_bytes == key_bytes &&
            memcmp(operation->key, key, key_bytes) == 0)
            operation->old_charge = charge;
    }
}

static bool ascends(const struct counted *counted, const uint8_t *key, uint8_t key_bytes) {
    uint8_t common = key_bytes < counted->last_bytes ? key_bytes : counted->last_bytes;
    int order = memcmp(key, counted->last, common);
    return key_bytes > 0 && (order > 0 || (order == 0 && key_bytes > counted->last_bytes));
}

static int take_key(struct counted *counted, const uint8_t *bytes, size_t length, size_t *at) {
    struct grove_store_record record;
    if (*at > length || length - *at < sizeof record)
        return GROVE_CORRUPT;
    memcpy(&record, bytes + *at, sizeof record);
    const uint8_t *key = bytes + *at + sizeof record;
    size_t left = length - *at - sizeof record, value_bytes = record.has_value != 0 ? record.value_bytes : 0;
    if (record.key_bytes > left || value_bytes > left - record.key_bytes ||
        record.value_bytes > 2 * GROVE_STORE_VALUE_MAX || !ascends(counted, key, record.key_bytes))
        return GROVE_CORRUPT;
    uint32_t charge = stored_charge(record.key_bytes, record.value_bytes);
    note_old(counted, key, record.key_bytes, charge);
    counted->bytes += charge;
    counted->keys++;
    counted->last_bytes = record.key_bytes;
    memcpy(counted->last, key, record.key_bytes);
    *at = (*at + sizeof record + record.key_bytes + value_bytes + 7) & ~(size_t)7;
    return 0;
}

int counted_page(struct counted *counted, const void *page, size_t bytes, bool *has_more) {
    struct grove_store_page head;
    size_t at = sizeof head;
    if (bytes < sizeof head)
        return GROVE_CORRUPT;
    memcpy(&head, page, sizeof head);
    int status = head.has_more != 0 && head.count == 0 ? GROVE_CORRUPT : 0;
    for (uint32_t index = 0; status == 0 && index < head.count; index++)
        status = take_key(counted, page, bytes, &at);
    if (status == 0)
        *has_more = head.has_more != 0;
    return status;
}
