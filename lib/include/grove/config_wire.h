/*
 * What is said to the configuration service, on the endpoint "system.config". Programs use grove/config.h.
 *
 * Fixed structures in the byte order of the processor, which is little-endian on all machines, each beginning with
 * GROVE_CONFIG_PROTOCOL; a structure of a version never changes, new methods are appended. Some are followed by entries.
 * An error carries a sentence for a person.
 */
#ifndef GROVE_CONFIG_WIRE_H
#define GROVE_CONFIG_WIRE_H

#include "grove/config.h"

#define GROVE_CONFIG_ENDPOINT "system.config"
#define GROVE_CONFIG_PROTOCOL 1u

enum grove_config_method {
    GROVE_CONFIG_ATTACH = 1, /* grove_config_hello -> grove_config_attached; the caller's own map is granted */
    GROVE_CONFIG_WATCH = 2, /* grove_config_watch_request -> grove_config_news, entries; waits until there is news */
    GROVE_CONFIG_VOTE = 3, /* grove_config_vote -> nothing */
    GROVE_CONFIG_GET = 4, /* grove_config_query -> grove_config_page, entries */
    GROVE_CONFIG_CHANGE = 5, /* grove_config_order, entries -> grove_config_outcome */
    GROVE_CONFIG_HISTORY = 6, /* grove_config_query -> grove_config_page, records with entries */
    GROVE_CONFIG_ROLLBACK = 7, /* grove_config_order -> grove_config_outcome */
    GROVE_CONFIG_SOURCE = 8, /* grove_config_order, one entry: the file of a project -> grove_config_outcome */
    GROVE_CONFIG_RELOAD = 9, /* grove_config_order -> grove_config_outcome; read the files again now */
};

struct grove_config_hello {
    uint32_t version, reserved;
};
struct grove_config_attached {
    uint32_t version, reserved;
    grove_object_id region; /* as in the REGION_GRANTED notice */
    uint64_t tag; /* of the map in it */
};

#define GROVE_CONFIG_WAIT_MS_MAX 3600000u
#define GROVE_CONFIG_PATTERN_MAX 191u
struct grove_config_watch_request {
    uint32_t version, wait_ms;
    uint64_t tag; /* of the map that the caller reads */
    uint64_t change; /* the newest change that it has seen there; of a shell, which has no map: in the history */
    uint32_t validates; /* 1: ask it about changes of `keys` */
    uint32_t reserved;
    char keys[GROVE_CONFIG_PATTERN_MAX + 1]; /* pattern over SERVICE.KEY; empty: all its own */
};
enum grove_config_news_kind {
    GROVE_CONFIG_NEWS_NONE = 0, /* the time is over: ask again */
    GROVE_CONFIG_NEWS_CHANGED = 1, /* the map has a newer change */
    GROVE_CONFIG_NEWS_MAP = 2, /* a new map was granted: `region`, `tag` */
    GROVE_CONFIG_NEWS_PROPOSAL = 3, /* entries follow, with values as programs read them; answer with VOTE */
};
struct grove_config_news {
    uint32_t version, kind;
    grove_object_id region;
    uint64_t tag;
    uint64_t change;
    uint64_t proposal;
    uint64_t deadline_ns;
    uint32_t count, reserved;
};

#define GROVE_CONFIG_REASON_MAX 191u
struct grove_config_vote {
    uint32_t version, refuses;
    uint64_t proposal;
    char reason[GROVE_CONFIG_REASON_MAX + 1];
};

/* One key. Behind it: service, key, before, after, note, each with its zero byte and counted with it; 0 bytes: absent. */
struct grove_config_entry {
    uint32_t bytes; /* with all that follows, a multiple of 8 */
    uint32_t flags; /* enum grove_config_entry_flags */
    uint32_t kind; /* type and bits; 0 in requests */
    uint32_t source; /* enum grove_config_source */
    uint32_t line; /* in the file that `note` names; 0 none */
    uint32_t service_bytes, key_bytes, before_bytes, after_bytes, note_bytes;
};
enum grove_config_entry_flags {
    GROVE_CONFIG_ENTRY_MASKED = 1u << 0, /* a secret that is not shown */
    GROVE_CONFIG_ENTRY_REQUIRED = 1u << 1,
    GROVE_CONFIG_ENTRY_RESTART = 1u << 2,
    GROVE_CONFIG_ENTRY_UNSET = 1u << 3, /* CHANGE: take away what was set by hand */
};
/* X(name, number, text). From the weakest to the strongest: STANDING, PROJECT, FILE, STORE, SET. */
#define GROVE_CONFIG_SOURCE_TABLE(X) \
    X(NONE, 0, "none") /* nobody gives it a value */ \
    X(STANDING, 1, "manifest") \
    X(PROJECT, 2, "project") /* the config.yaml beside grove.yaml */ \
    X(FILE, 3, "file") /* one in the folder of the configuration service */ \
    X(SET, 4, "set") /* by grove config set */ \
    X(ROLLBACK, 5, "rollback") /* in history: what caused a change */ \
    X(STORE, 6, "store") /* values/SERVICE/KEY of the namespace system.config */
enum grove_config_source {
#define GROVE_CONFIG_SOURCE_ENUM(name, number, text) GROVE_CONFIG_SOURCE_##name = (number),
    GROVE_CONFIG_SOURCE_TABLE(GROVE_CONFIG_SOURCE_ENUM)
#undef GROVE_CONFIG_SOURCE_ENUM
        GROVE_CONFIG_SOURCE_COUNT,
};

struct grove_config_query {
    uint32_t version, cursor; /* GET: 0, or from the page before */
    uint32_t flags; /* 1: reveal secrets, which needs PROC_CONTROL over the service, or a shell */
    uint32_t limit; /* HISTORY: at most so many records; 0: as many as fit */
    uint64_t before; /* HISTORY: only changes with a smaller number; 0: from the newest on */
    struct grove_name service; /* HISTORY: empty for all */
    char key[GROVE_CONFIG_KEY_MAX + 1]; /* empty: all */
};
#define GROVE_CONFIG_QUERY_REVEAL 1u

#define GROVE_CONFIG_PROBLEM_BYTES 512u
struct grove_config_page {
    uint32_t version, count;
    uint32_t cursor; /* where to go on; 0 at the end */
    uint32_t reserved;
    uint64_t change; /* the newest one */
    char problem[GROVE_CONFIG_PROBLEM_BYTES]; /* why the files do not count as they stand; empty: they do */
};

#define GROVE_CONFIG_WHY_BYTES 128u
/* One change of the history; its entries follow. */
struct grove_config_record {
    uint32_t bytes; /* with the entries */
    uint32_t count;
    uint64_t number;
    uint64_t time_ns; /* wall clock */
    uint32_t source; /* what caused it */
    uint32_t silent; /* so many of those that were asked did not answer */
    struct grove_name who;
    char why[GROVE_CONFIG_WHY_BYTES];
};

struct grove_config_order {
    uint32_t version, flags; /* enum grove_config_order_flags */
    uint32_t count; /* of the entries that follow */
    uint32_t reserved;
    uint64_t number; /* ROLLBACK: make it as it was after this change; 0: undo the newest */
    struct grove_name project; /* SOURCE */
    char why[GROVE_CONFIG_WHY_BYTES];
};
enum grove_config_order_flags {
    GROVE_CONFIG_ORDER_CHECK = 1u << 0, /* only say what would happen */
    GROVE_CONFIG_ORDER_RESTART = 1u << 1, /* restart services where a key asks for it */
};
#define GROVE_CONFIG_NOTE_BYTES 256u
struct grove_config_outcome {
    uint32_t version, count; /* keys whose value changed */
    uint64_t number; /* of the change; 0: nothing had to change, or it was only checked */
    uint32_t silent, restarts;
    char note[GROVE_CONFIG_NOTE_BYTES]; /* who did not answer, and the like; may be empty */
};

/* A page, or a request, is at most so long. */
#define GROVE_CONFIG_MESSAGE_BYTES 16384u

#endif
