/*
 * Reading values: a look into the map and a copy. No system call, no lock, no allocation; a sentence is written only when
 * something is wrong.
 */
#include "lib/config/client.h"

#include <string.h>

#include "lib/session/error.h"

#define TYPE_MASK 0xffu

static const char *const type_names[GROVE_CONFIG_TYPE_COUNT] = {
    [GROVE_CONFIG_STRING] = "string",     [GROVE_CONFIG_INT] = "int",   [GROVE_CONFIG_FLOAT] = "float",
    [GROVE_CONFIG_BOOL] = "bool",         [GROVE_CONFIG_SIZE] = "size", [GROVE_CONFIG_ADDRESS] = "address",
    [GROVE_CONFIG_DURATION] = "duration",
};

static const char *type_name(uint32_t kind) {
    uint32_t type = kind & TYPE_MASK;
    return type < GROVE_CONFIG_TYPE_COUNT && type_names[type] != NULL ? type_names[type] : "nothing known";
}

static int fail_absent(int status, const char *key) {
    if (status == GROVE_NOT_FOUND)
        return error_set(status, "the configuration has no value for %s; `grove config list` shows what it has", key);
    return error_set(status, "the configuration's map cannot be read for %s: %s", key, grove_status_text(status));
}

static int fail_kind(uint32_t kind, const char *key) {
    return error_set(GROVE_INVALID, "%s is %s%s", key, (kind & GROVE_CONFIG_LIST) != 0 ? "a list of " : "a ",
                     type_name(kind));
}

/* One number of a type, by name. */
static int get_number(struct grove_config *config, const char *key, uint32_t type, uint64_t *number) {
    uint64_t value = 0;
    uint32_t kind;
    int status = map_get(&config->view, key, strlen(key), &value, sizeof value, NULL, &kind);
    if (status < 0)
        return fail_absent(status, key);
    if ((kind & ~GROVE_CONFIG_SECRET) != type)
        return fail_kind(kind, key);
    *number = value;
    return 0;
}

int grove_config_get_int(struct grove_config *config, const char *key, int64_t *value) {
    return get_number(config, key, GROVE_CONFIG_INT, (uint64_t *)value);
}

int grove_config_get_float(struct grove_config *config, const char *key, double *value) {
    uint64_t bits;
    int status = get_number(config, key, GROVE_CONFIG_FLOAT, &bits);
    if (status == 0)
        memcpy(value, &bits, sizeof bits);
    return status;
}

int grove_config_get_bool(struct grove_config *config, const char *key, bool *value) {
    uint64_t bits;
    int status = get_number(config, key, GROVE_CONFIG_BOOL, &bits);
    if (status == 0)
        *value = bits != 0;
    return status;
}

int grove_config_get_duration(struct grove_config *config, const char *key, uint64_t *value_ns) {
    return get_number(config, key, GROVE_CONFIG_DURATION, value_ns);
}

int grove_config_get_size(struct grove_config *config, const char *key, uint64_t *value_bytes) {
    return get_number(config, key, GROVE_CONFIG_SIZE, value_bytes);
}

int grove_config_get_text(struct grove_config *config, const char *key, char *text, size_t text_bytes,
                          size_t *length_bytes) {
    uint32_t kind = 0;
    size_t bytes = 0;
    int status = map_get(&config->view, key, strlen(key), text, text_bytes, &bytes, &kind);
    if (status < 0)
        return fail_absent(status, key);
    uint32_t type = kind & ~GROVE_CONFIG_SECRET;
    if (type != GROVE_CONFIG_STRING && type != GROVE_CONFIG_ADDRESS)
        return fail_kind(kind, key);
    if (length_bytes != NULL)
        *length_bytes = bytes > 0 ? bytes - 1 : 0;
    if (bytes == 0 || bytes > text_bytes)
        return error_set(GROVE_TOO_LARGE, "%s has %zu bytes", key, bytes);
    text[bytes - 1] = '\0';
    return 0;
}

int grove_config_get(struct grove_config *config, const char *key, void *room, size_t room_bytes,
                     struct grove_config_value *value) {
    uint32_t kind = 0;
    size_t bytes = 0;
    int status = map_get(&config->view, key, strlen(key), room, room_bytes, &bytes, &kind);
    if (status < 0)
        return fail_absent(status, key);
    if (bytes > room_bytes) {
        *value = (struct grove_config_value){.kind = kind, .bytes = bytes};
        return error_set(GROVE_TOO_LARGE, "%s has %zu bytes", key, bytes);
    }
    *value = config_value_of(kind, room, bytes);
    return 0;
}

uint64_t grove_config_change_number(struct grove_config *config) {
    return map_version(&config->view);
}

/* ---- keys looked up once ---- */

enum { KEY_OFFSET, KEY_SIZES, KEY_EPOCH, KEY_KIND };

static int look_up(struct grove_config_key *key) {
    struct map_place place;
    int status = map_find(&key->config->view, key->name, strlen(key->name), &place);
    if (status < 0)
        return fail_absent(status, key->name);
    key->internal[KEY_OFFSET] = place.offset_bytes;
    key->internal[KEY_SIZES] = (uint64_t)place.key_bytes << 32 | place.room_bytes;
    key->internal[KEY_EPOCH] = key->config->epoch;
    return 0;
}

static int key_number(struct grove_config_key *key, uint64_t *number) {
    uint64_t value = 0;
    uint32_t kind;
    int status = key->internal[KEY_EPOCH] == key->config->epoch ? 0 : look_up(key);
    if (status < 0)
        return status;
    struct map_place place = {.offset_bytes = key->internal[KEY_OFFSET],
                              .key_bytes = (uint32_t)(key->internal[KEY_SIZES] >> 32),
                              .room_bytes = (uint32_t)key->internal[KEY_SIZES]};
    status = map_read(&key->config->view, &place, &value, sizeof value, NULL, &kind);
    if (status < 0)
        return fail_absent(status, key->name);
    if ((kind & ~GROVE_CONFIG_SECRET) != key->internal[KEY_KIND])
        return fail_kind(kind, key->name);
    *number = value;
    return 0;
}

int grove_config_key_open(struct grove_config *config, const char *name, uint32_t kind, struct grove_config_key *key) {
    struct grove_config_key made = {.config = config, .name = name};
    uint64_t value;
    size_t bytes;
    uint32_t found;
    int status = map_get(&config->view, name, strlen(name), &value, sizeof value, &bytes, &found);
    if (status < 0)
        return fail_absent(status, name);
    if ((found & ~GROVE_CONFIG_SECRET) != kind)
        return fail_kind(found, name);
    made.internal[KEY_KIND] = kind;
    status = look_up(&made);
    if (status == 0)
        *key = made;
    return status;
}

int grove_config_key_int(struct grove_config_key *key, int64_t *value) {
    uint64_t bits;
    int status = key_number(key, &bits);
    if (status == 0)
        *value = (int64_t)bits;
    return status;
}

int grove_config_key_float(struct grove_config_key *key, double *value) {
    uint64_t bits;
    int status = key_number(key, &bits);
    if (status == 0)
        memcpy(value, &bits, sizeof bits);
    return status;
}
