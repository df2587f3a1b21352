/*
 * The configuration of a system service itself (`grove config set system.bus ...`).
 *
 * System services start before there is a configuration service, and go on while it is dead. So each begins with the values
 * that held last, which it keeps in its state folder, or with those in its table, which are those of its manifest. It takes
 * others when they come, and each change from then on.
 *
 *     FOLDER/.config: struct own_config_head | struct own_config_value, `count` of them
 *
 * The file is written under another name, synchronised and renamed; one that fails its check counts as none. What a crash
 * takes from it comes again from the configuration service.
 */
#ifndef SERVERS_OWN_CONFIG_H
#define SERVERS_OWN_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "grove/config.h"

#define OWN_CONFIG_MAGIC 0x4e574f47u /* "GOWN" */
#define OWN_CONFIG_VERSION 1u
#define OWN_CONFIG_KEYS_MAX 32u

/* A key of the manifest's section `config:`, and where its value goes. */
struct own_key {
    const char *name;
    enum grove_config_type type; /* INT, DURATION and SIZE: *amount; FLOAT: *real; BOOL: *is_set */
    union {
        uint64_t *amount; /* INT: the manifest allows nothing below 0 */
        double *real;
        bool *is_set;
    } to;
};

struct own_config_head {
    uint32_t magic, version, count;
    uint32_t check; /* CRC-32C of the values */
};
struct own_config_value {
    char name[GROVE_CONFIG_KEY_MAX + 1];
    uint32_t type, reserved;
    uint64_t bits; /* of the number */
};
_Static_assert(sizeof(struct own_config_value) == 80, "a kept value has one size on every machine");

/*
 * First of all: the values that held last, from the state folder (NULL: none is kept). The table has at most
 * OWN_CONFIG_KEYS_MAX keys; there is one for a process, which outlives it.
 */
void own_config_begin(const char *folder, const struct own_key *keys, unsigned count);
typedef void own_config_changed(void *context);
/*
 * From on_init on: take the values when they come, and each change. `changed` (may be NULL) is called after each key that
 * has another value now. Where there is no configuration service nothing happens.
 */
void own_config_follow(struct grove_session *session, own_config_changed *changed, void *context);

/* ---- pure ---- */

/*
 * Take a change into its key's place. Returns whether that holds another value now. What is of another type than the table
 * says, is below 0 or has no value leaves what is there.
 */
bool own_config_take(const struct own_key *keys, unsigned count, const struct grove_config_change *change);
/* The bytes of a file into the places of the keys it names. False: it is damaged or no such file, and nothing is changed. */
bool own_config_decode(const struct own_key *keys, unsigned count, const void *bytes, size_t length_bytes);
/* The bytes for a file, into room for OWN_CONFIG_KEYS_MAX values. Returns how many. */
size_t own_config_encode(const struct own_key *keys, unsigned count, void *bytes);

#endif
