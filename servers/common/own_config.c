/* See own_config.h. One thread, one table. */
#include "servers/common/own_config.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/journal/crc32c.h"

#define KEPT_NAME ".config" /* no service can be named so, where folders of services lie beside it */
#define KEPT_NAME_NEW ".config.new"
#define KEPT_BYTES_MAX (sizeof(struct own_config_head) + OWN_CONFIG_KEYS_MAX * sizeof(struct own_config_value))

static struct {
    const struct own_key *keys;
    unsigned count;
    int folder; /* -1: nothing is kept */
    own_config_changed *changed;
    void *context;
} followed = {.folder = -1};

/* ---- places ---- */

static uint64_t place_read(const struct own_key *key) {
    uint64_t bits = 0;
    if (key->type == GROVE_CONFIG_FLOAT)
        memcpy(&bits, key->to.real, sizeof bits);
    else
        bits = key->type == GROVE_CONFIG_BOOL ? *key->to.is_set : *key->to.amount;
    return bits;
}

static void place_write(const struct own_key *key, uint64_t bits) {
    if (key->type == GROVE_CONFIG_FLOAT)
        memcpy(key->to.real, &bits, sizeof bits);
    else if (key->type == GROVE_CONFIG_BOOL)
        *key->to.is_set = bits != 0;
    else
        *key->to.amount = bits;
}

static const struct own_key *find(const struct own_key *keys, unsigned count, const char *name) {
    for (unsigned index = 0; index < count; index++)
        if (strcmp(keys[index].name, name) == 0)
            return &keys[index];
    return NULL;
}

/* ---- changes ---- */

static int value_bits(const struct own_key *key, const struct grove_config_value *value, uint64_t *bits) {
    double real = 0;
    bool is_set = false;
    int64_t whole = 0;
    int status;
    switch (key->type) {
    case GROVE_CONFIG_FLOAT:
        status = grove_config_item_float(value, 0, &real);
        memcpy(bits, &real, sizeof *bits);
        return status;
    case GROVE_CONFIG_BOOL:
        status = grove_config_item_bool(value, 0, &is_set);
        *bits = is_set;
        return status;
    case GROVE_CONFIG_DURATION:
        return grove_config_item_duration(value, 0, bits);
    case GROVE_CONFIG_SIZE:
        return grove_config_item_size(value, 0, bits);
    default:
        status = grove_config_item_int(value, 0, &whole);
        *bits = (uint64_t)whole;
        return status == 0 && whole < 0 ? GROVE_INVALID : status;
    }
}

bool own_config_take(const struct own_key *keys, unsigned count, const struct grove_config_change *change) {
    const struct own_key *key = find(keys, count, change->key);
    uint64_t bits;
    if (key == NULL || change->after == NULL || value_bits(key, change->after, &bits) < 0 || bits == place_read(key))
        return false;
    place_write(key, bits);
    return true;
}

/* ---- the file ---- */

size_t own_config_encode(const struct own_key *keys, unsigned count, void *bytes) {
    struct own_config_head head = {.magic = OWN_CONFIG_MAGIC, .version = OWN_CONFIG_VERSION, .count = count};
    char *at = (char *)bytes + sizeof head;
    for (unsigned index = 0; index < count; index++) {
        struct own_config_value value = {.type = keys[index].type, .bits = place_read(&keys[index])};
        (void)snprintf(value.name, sizeof value.name, "%s", keys[index].name);
        memcpy(at + index * sizeof value, &value, sizeof value);
    }
    head.check = crc32c(0, at, count * sizeof(struct own_config_value));
    memcpy(bytes, &head, sizeof head);
    return sizeof head + count * sizeof(struct own_config_value);
}

static bool is_whole(const void *bytes, size_t length_bytes) {
    struct own_config_head head;
    if (length_bytes < sizeof head)
        return false;
    memcpy(&head, bytes, sizeof head);
    return head.magic == OWN_CONFIG_MAGIC && head.version == OWN_CONFIG_VERSION && head.count <= OWN_CONFIG_KEYS_MAX &&
           length_bytes == sizeof head + head.count * sizeof(struct own_config_value) &&
           head.check == crc32c(0, (const char *)bytes + sizeof head, length_bytes - sizeof head);
}

bool own_config_decode(const struct own_key *keys, unsigned count, const void *bytes, size_t length_bytes) {
    struct own_config_value value;
    if (!is_whole(bytes, length_bytes))
        return false;
    for (size_t at = sizeof(struct own_config_head); at < length_bytes; at += sizeof value) {
        memcpy(&value, (const char *)bytes + at, sizeof value);
        value.name[sizeof value.name - 1] = '\0';
        const struct own_key *key = find(keys, count, value.name);
        if (key != NULL && (uint32_t)key->type == value.type)
            place_write(key, value.bits);
    }
    return true;
}

static int write_file(const void *bytes, size_t length_bytes) {
    int file = openat(followed.folder, KEPT_NAME_NEW, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file < 0)
        return GROVE_IO;
    bool is_written = write(file, bytes, length_bytes) == (ssize_t)length_bytes && fsync(file) == 0;
    (void)close(file);
    return is_written && renameat(followed.folder, KEPT_NAME_NEW, followed.folder, KEPT_NAME) == 0 ? 0 : GROVE_IO;
}

static void keep(void) {
    static uint64_t room[KEPT_BYTES_MAX / 8 + 1];
    if (followed.folder < 0)
        return;
    if (write_file(room, own_config_encode(followed.keys, followed.count, room)) < 0)
        (void)fprintf(stderr, "the own configuration holds, but is not kept for the next start: the state folder "
                              "cannot be written\n");
}

void own_config_begin(const char *folder, const struct own_key *keys, unsigned count) {
    static uint64_t room[KEPT_BYTES_MAX / 8 + 1];
    followed.keys = keys;
    followed.count = count;
    followed.folder = folder != NULL ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    int file = followed.folder < 0 ? -1 : openat(followed.folder, KEPT_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (file < 0)
        return; /* nothing has ever been changed */
    ssize_t length = read(file, room, sizeof room);
    (void)close(file);
    if (length < 0 || !own_config_decode(keys, count, room, (size_t)length))
        (void)fprintf(stderr,
                      "the own configuration that held last is damaged; what the manifest says holds for now\n");
}

/* ---- following ---- */

static void on_change(struct grove_config *config, const struct grove_config_change *change, void *context) {
    (void)config;
    (void)context;
    if (!own_config_take(followed.keys, followed.count, change))
        return;
    keep();
    if (followed.changed != NULL)
        followed.changed(followed.context);
}

void own_config_follow(struct grove_session *session, own_config_changed *changed, void *context) {
    const struct grove_config_options options = {.session = session};
    struct grove_config *config = NULL;
    followed.changed = changed;
    followed.context = context;
    int status = grove_config_open_later(&options, &config);
    if (status == GROVE_NOT_FOUND)
        return; /* a system without configuration */
    if (status == 0)
        status = grove_config_watch(config, ">", on_change, NULL);
    if (status < 0)
        (void)fprintf(stderr, "the own configuration cannot be followed, what held last holds: %s\n",
                      grove_last_error());
}
