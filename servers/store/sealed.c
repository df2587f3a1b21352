/*
 * Encryption of what a service keeps. A value is bound to its namespace and key, so a provider cannot give one for another;
 * not to a version, which the provider makes, so it can give an earlier value of the same key.
 *
 * Nothing is kept here, so there is nothing for a crash to leave.
 */
#include "servers/store/sealed.h"

#include <stdlib.h>
#include <string.h>

static struct seal_binding binding_of(const struct namespace *space, const uint8_t *key, uint8_t key_bytes) {
    return (struct seal_binding){.name = space->name, .key = key, .key_bytes = key_bytes};
}

int sealed_close(struct store *store, struct namespace *space, const struct operation *operation, uint8_t *sealed) {
    struct seal_binding binding = binding_of(space, operation->key, operation->key_bytes);
    int status = namespace_load(&store->engine, space);
    if (status == 0)
        seal_close(&space->keys[0], &binding, operation->value, operation->value_bytes, sealed);
    return status;
}

static int open_value(const struct namespace *space, const uint8_t *key, uint8_t key_bytes, const uint8_t *sealed,
                      size_t bytes, uint8_t *value) {
    struct seal_binding binding = binding_of(space, key, key_bytes);
    const struct seal_key *secret = namespace_key(space, seal_generation(sealed, bytes));
    return secret == NULL || bytes < SEAL_OVERHEAD ? GROVE_CORRUPT : seal_open(secret, &binding, sealed, bytes, value);
}

/* One record from `from` at *at to `to` at *put, which only becomes shorter. `key` NULL: its own. */
static int open_record(const struct namespace *space, const uint8_t *key, uint8_t key_bytes, const uint8_t *from,
                       size_t bytes, size_t *at, uint8_t *to, size_t *put) {
    struct grove_store_record record;
    if (*at > bytes || bytes - *at < sizeof record)
        return GROVE_CORRUPT;
    memcpy(&record, from + *at, sizeof record);
    *at += sizeof record;
    size_t value_bytes = record.has_value != 0 ? record.value_bytes : 0;
    if (record.key_bytes > bytes - *at || value_bytes > bytes - *at - record.key_bytes)
        return GROVE_CORRUPT;
    const uint8_t *own = from + *at;
    uint8_t *place = to + *put + sizeof record;
    int status = record.has_value == 0
                     ? 0
                     : open_value(space, key != NULL ? key : own, key != NULL ? key_bytes : record.key_bytes,
                                  own + record.key_bytes, value_bytes, place + record.key_bytes);
    if (status < 0)
        return status;
    record.value_bytes -= record.value_bytes >= SEAL_OVERHEAD ? SEAL_OVERHEAD : record.value_bytes;
    memcpy(place - sizeof record, &record, sizeof record);
    memcpy(place, own, record.key_bytes);
    *at += record.key_bytes + value_bytes;
    *put += sizeof record + record.key_bytes + (record.has_value != 0 ? record.value_bytes : 0);
    if (key == NULL) { /* in pages each begins at a multiple of 8 */
        *at = (*at + 7) & ~(size_t)7;
        for (; *put % 8 != 0; ++*put)
            to[*put] = 0;
    }
    return 0;
}

int sealed_open(struct store *store, struct namespace *space, const uint8_t *key, uint8_t key_bytes,
                const uint8_t *reply, size_t bytes, uint8_t **opened, size_t *opened_bytes) {
    struct grove_store_page page = {.count = 1};
    size_t at = key == NULL ? sizeof page : 0, put = at;
    int status = bytes < at ? GROVE_CORRUPT : namespace_load(&store->engine, space);
    uint8_t *copy = status == 0 ? malloc(bytes + 8) : NULL; /* the last record is padded, too */
    if (status == 0 && copy == NULL)
        status = GROVE_NO_MEMORY;
    if (status == 0 && key == NULL) {
        memcpy(&page, reply, sizeof page);
        memcpy(copy, reply, sizeof page);
    }
    for (uint32_t index = 0; status == 0 && index < page.count; index++)
        status = open_record(space, key, key_bytes, reply, bytes, &at, copy, &put);
    if (status < 0) {
        free(copy);
        return status;
    }
    *opened = copy;
    *opened_bytes = put;
    return 0;
}
