/*
 * Configuration: what a service's manifest declares under `config:`, given by files, by `grove config set`, or by the
 * standing value in the manifest, and read from shared memory.
 *
 *     struct grove_config *config;
 *     double limit;
 *     if (grove_config_open(NULL, &config) < 0 || grove_config_get_float(config, "frequency-limit", &limit) < 0)
 *         return grove_report("protect");
 *
 * Reading makes no system call: the configuration service keeps a map for each service, which it alone writes and which
 * that service alone reads. A change of several keys appears in it at once. While the configuration service is dead reading
 * goes on, and nothing changes.
 *
 * With grove_config_watch the run loop (or grove_session_dispatch) calls a handler for each key that changed, with its
 * old and its new value. With grove_config_validate it is asked before a change applies, and may refuse it.
 *
 * All functions return 0 or a negative status; grove_last_error() has the sentence. A configuration belongs to the thread of
 * its session.
 */
#ifndef GROVE_CONFIG_H
#define GROVE_CONFIG_H

#include "grove/grove.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- values ---- */

enum grove_config_type {
    GROVE_CONFIG_STRING = 1,
    GROVE_CONFIG_INT = 2, /* int64_t */
    GROVE_CONFIG_FLOAT = 3, /* double, finite */
    GROVE_CONFIG_BOOL = 4,
    GROVE_CONFIG_DURATION = 5, /* uint64_t nanoseconds */
    GROVE_CONFIG_SIZE = 6, /* uint64_t bytes */
    GROVE_CONFIG_ADDRESS = 7, /* "host:port", as in NET_CONNECT */
    GROVE_CONFIG_TYPE_COUNT,
};
/* Bits beside the type. */
#define GROVE_CONFIG_LIST 0x100u
#define GROVE_CONFIG_SECRET 0x200u

/* Longest name of a key, and most keys of a service. */
#define GROVE_CONFIG_KEY_MAX 63u
#define GROVE_CONFIG_KEYS_MAX 256u

/*
 * A value as it lies in memory. One number is 8 bytes; one text is its bytes with a zero byte; a list is its number of
 * items in 8 bytes, then the items. Use the functions below, which check everything they read.
 */
struct grove_config_value {
    uint32_t kind; /* enum grove_config_type with the bits above */
    uint32_t count; /* of items; 1 if it is no list */
    const void *data;
    size_t bytes;
};

/* Item `index` of a value. GROVE_INVALID: it has another type; GROVE_NOT_FOUND: it has fewer items; GROVE_CORRUPT. */
GROVE_PUBLIC int grove_config_item_int(const struct grove_config_value *value, uint32_t index, int64_t *item);
GROVE_PUBLIC int grove_config_item_float(const struct grove_config_value *value, uint32_t index, double *item);
GROVE_PUBLIC int grove_config_item_bool(const struct grove_config_value *value, uint32_t index, bool *item);
GROVE_PUBLIC int grove_config_item_duration(const struct grove_config_value *value, uint32_t index, uint64_t *item_ns);
GROVE_PUBLIC int grove_config_item_size(const struct grove_config_value *value, uint32_t index, uint64_t *item_bytes);
/* STRING and ADDRESS; points into the value. */
GROVE_PUBLIC int grove_config_item_text(const struct grove_config_value *value, uint32_t index, const char **item);

/* ---- the own configuration ---- */

struct grove_config;
struct grove_config_options {
    struct grove_session *session; /* NULL: the default one */
    uint64_t timeout_ns; /* 0: 10 s; for a configuration service that is just coming up */
};
/*
 * Find the own configuration. GROVE_NOT_FOUND: the manifest has no `config:`; GROVE_INVALID: what the sources give does not
 * satisfy the schema, and the sentence names the key, the file and the line; GROVE_TIMED_OUT, GROVE_DENIED (IPC_SEND:system.config
 * is missing; a `config:` in the manifest implies it).
 */
GROVE_PUBLIC int grove_config_open(const struct grove_config_options *options, struct grove_config **config);
/*
 * The same without waiting, for a program that can begin with values of its own: until the configuration service has
 * answered no key has a value (GROVE_NOT_FOUND) and grove_config_change_number is 0. Then watchers are told of every key as
 * of one that had no value before; so a watch on all keys, set right after this, is all that such a program needs:
 *
 *     static void changed(struct grove_config *config, const struct grove_config_change *change, void *context) {
 *         ... take change->after, or the own value where it is NULL ...
 *     }
 *     if (grove_config_open_later(NULL, &config) == 0)
 *         (void)grove_config_watch(config, ">", changed, context);
 *
 * It needs the run loop, or grove_session_dispatch. While what the sources give does not satisfy the schema nothing comes;
 * the configuration service says why in its log, and it comes with the change that mends it. `timeout_ns` does not count.
 * GROVE_NOT_FOUND: there is no configuration service at all; GROVE_DENIED, GROVE_NO_MEMORY.
 */
GROVE_PUBLIC int grove_config_open_later(const struct grove_config_options *options, struct grove_config **config);
/* Not from its own handlers. */
GROVE_PUBLIC void grove_config_close(struct grove_config *config);

/*
 * The value of a key that is no list. GROVE_NOT_FOUND: the schema has no such key, or it has no value; GROVE_INVALID: it
 * has another type, or is a list; GROVE_TOO_LARGE (texts): *length_bytes, which may be NULL, says what it needs, without
 * the zero byte.
 */
GROVE_PUBLIC int grove_config_get_int(struct grove_config *config, const char *key, int64_t *value);
GROVE_PUBLIC int grove_config_get_float(struct grove_config *config, const char *key, double *value);
GROVE_PUBLIC int grove_config_get_bool(struct grove_config *config, const char *key, bool *value);
GROVE_PUBLIC int grove_config_get_duration(struct grove_config *config, const char *key, uint64_t *value_ns);
GROVE_PUBLIC int grove_config_get_size(struct grove_config *config, const char *key, uint64_t *value_bytes);
GROVE_PUBLIC int grove_config_get_text(struct grove_config *config, const char *key, char *text, size_t text_bytes,
                                       size_t *length_bytes);
/* Any value, copied into `room` (GROVE_TOO_LARGE if it does not fit; value->bytes says what it needs). */
GROVE_PUBLIC int grove_config_get(struct grove_config *config, const char *key, void *room, size_t room_bytes,
                                  struct grove_config_value *value);

/* A key looked up once, for places where every nanosecond counts. Good as long as its configuration is open. */
struct grove_config_key {
    struct grove_config *config;
    const char *name; /* the caller's, kept */
    uint64_t internal[4];
};
/* GROVE_NOT_FOUND, GROVE_INVALID as above. `kind` is a type, with GROVE_CONFIG_LIST if a list is meant. */
GROVE_PUBLIC int grove_config_key_open(struct grove_config *config, const char *name, uint32_t kind,
                                       struct grove_config_key *key);
/* INT, DURATION, SIZE and BOOL as they are; the type was checked by grove_config_key_open. */
GROVE_PUBLIC int grove_config_key_int(struct grove_config_key *key, int64_t *value);
GROVE_PUBLIC int grove_config_key_float(struct grove_config_key *key, double *value);

/*
 * Number of the newest change; 0 as long as nothing has come (grove_config_open_later). Values read between two calls that return the same belong together:
 *
 *     do {
 *         before = grove_config_change_number(config);
 *         ... read several keys ...
 *     } while (grove_config_change_number(config) != before);
 */
GROVE_PUBLIC uint64_t grove_config_change_number(struct grove_config *config);

/* ---- changes ---- */

/* NULL: it had, or has, no value. Valid during the handler. */
struct grove_config_change {
    const char *key;
    const struct grove_config_value *before, *after;
};
typedef void grove_config_watcher(struct grove_config *config, const struct grove_config_change *change, void *context);
/*
 * Call the handler from the run loop for each own key that has changed; all those of one change one after the other, when
 * all can be read. Nothing is missed and nothing told twice; what changed several times meanwhile is told once. `keys` is a
 * pattern of tokens ("limits.*", ">"). GROVE_EXHAUSTED: more than 16 watches.
 */
GROVE_PUBLIC int grove_config_watch(struct grove_config *config, const char *keys, grove_config_watcher *watcher,
                                    void *context);

struct grove_config_proposal {
    uint32_t count;
    const struct grove_config_proposed *changes;
    uint64_t deadline_ns; /* monotonic: after it the answer does not count */
};
struct grove_config_proposed {
    const char *service, *key;
    const struct grove_config_value *before, *after; /* NULL: none, or a secret of another service */
};
/* 0 lets it pass. Negative refuses it, with the reason for whoever wanted the change written to `reason`. */
typedef int grove_config_validator(struct grove_config *config, const struct grove_config_proposal *proposal,
                                   char *reason, size_t reason_bytes, void *context);
/*
 * Be asked before a change of what `keys` matches applies: NULL for all own keys, or a pattern over SERVICE.KEY
 * ("grid.substation.>"), which needs CONFIG_READ covering it. Whoever does not answer in time is cut off: the change goes
 * on without it, and history and `grove config set` say so. One validator for each configuration (GROVE_EXISTS).
 */
GROVE_PUBLIC int grove_config_validate(struct grove_config *config, const char *keys, grove_config_validator *validator,
                                       void *context);

/*
 * A key of another service, by a call: its value as text, items of a list on lines of their own. Needs CONFIG_READ covering
 * SERVICE.KEY (GROVE_DENIED); secrets are denied always. GROVE_NOT_FOUND, GROVE_TOO_LARGE.
 */
GROVE_PUBLIC int grove_config_fetch(struct grove_session *session, const char *service, const char *key, char *text,
                                    size_t text_bytes);

#ifdef __cplusplus
}
#endif

#endif
