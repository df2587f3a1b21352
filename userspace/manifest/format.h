/*
 * The manifest format as one table. The reader, its checks and its error messages, the JSON schema, the reference in
 * docs/manifest.md and `grove cat` all follow it: a field that is not here does not exist, and what stands here cannot be
 * missing anywhere.
 *
 * A group is a set of named fields that are decoded into one C structure. A field says what its value looks like, where
 * it goes, what counts when it is absent, and how it is explained to people.
 */
#ifndef GROVE_MANIFEST_FORMAT_H
#define GROVE_MANIFEST_FORMAT_H

#include "userspace/manifest/node.h"

enum field_type {
    FIELD_TEXT, /* const char * */
    FIELD_NAME, /* const char *: one or more parts of letters, digits, "_" and "-", with dots between */
    FIELD_VERSION, /* struct grove_version */
    FIELD_RANGE, /* struct version_range: ">=1.2 <2" */
    FIELD_NUMBER, /* int64_t, from minimum to maximum */
    FIELD_SIZE, /* uint64_t bytes, "64M" */
    FIELD_SHARE, /* uint64_t parts per million, "50%" */
    FIELD_DURATION, /* uint64_t nanoseconds, "250ms" */
    FIELD_FACTOR, /* uint64_t percent, "2", "1.5" or "150%" */
    FIELD_FLAG, /* bool */
    FIELD_CHOICE, /* uint32_t, one of `choices` */
    FIELD_TEXTS, /* struct text_list: a list of texts; one text is a list of one */
    FIELD_VARIABLES, /* struct variable_list: a map from names to texts */
    FIELD_GROUP, /* the structure of `group`, in place */
    FIELD_GROUPS, /* struct group_list: a list of `group` */
    FIELD_ONE_OR_MORE, /* the same; a single entry may stand there without a list */
    FIELD_NAMED, /* struct group_list: a map from names to `group`; the name is the key of the item's node */
};

struct choice {
    const char *name; /* NULL ends the list */
    uint32_t number;
};

struct group;
struct field {
    const char *name; /* NULL ends the list */
    enum field_type type;
    size_t offset; /* of the value in the group's structure */
    bool required;
    int64_t minimum, maximum; /* FIELD_NUMBER */
    const struct choice *choices; /* FIELD_CHOICE */
    const struct group *group; /* FIELD_GROUP, FIELD_GROUPS, FIELD_NAMED, FIELD_ONE_OR_MORE */
    bool is_all_or_nothing; /* FIELD_GROUP: absent it is absent, and its fields have no defaults */
    const char *standing; /* what counts when it is absent, in the written form; NULL: zero, empty, no */
    const char *example; /* a value, for the reference */
    const char *help; /* one sentence or two */
};

struct group {
    const char *name; /* as errors and the reference call it: "an entry of provides" */
    const struct field *fields;
    size_t bytes; /* of the structure; it begins with `const struct node *node` */
    /*
     * An entry that is a text alone is short for the field `short_field`; with `short_rest`, what stands behind the first
     * space goes there: "historian >=1.2".
     */
    const char *short_field, *short_rest;
};

/* ---- values ---- */

struct text_list {
    const struct node **nodes; /* of the items; their text is the value */
    unsigned count;
};
struct variable_list {
    const struct node **nodes; /* key is the name, text the value */
    unsigned count;
};
struct group_list {
    void *items; /* group->bytes each */
    unsigned count;
};
struct version_range {
    struct grove_version from, below; /* 0.0.0: no bound */
};

struct capability_item {
    const struct node *node;
    const char *allow;
    bool optional;
};
struct method_item {
    const struct node *node;
    const char *name;
    int64_t number;
    const char *request, *reply;
};
struct provided_item {
    const struct node *node;
    const char *name;
    struct grove_version version;
    struct group_list methods; /* struct method_item */
};
struct required_item {
    const struct node *node;
    const char *name;
    struct version_range version;
    bool optional;
};
struct resources {
    const struct node *node;
    uint64_t memory, processor, file_size, scratch, shared, disk, network, network_total;
    int64_t processes, descriptors, scratch_files, channels;
};
struct probe {
    const struct node *node;
    uint32_t kind;
    const char *argument;
    uint64_t timeout, interval;
    int64_t failures;
};
struct health_item {
    const struct node *node;
    const char *name, *argument;
    uint32_t kind, severity;
    uint64_t timeout, interval;
    int64_t failures;
};
struct recovery_policy {
    const struct node *node;
    int64_t restarts;
    uint64_t first_delay, delay, factor, delay_cap, heal;
    struct text_list then;
};
struct recovery {
    const struct node *node; /* NULL: not written down */
    struct recovery_policy crash, hang, check, budget;
};
struct restart {
    const struct node *node;
    uint32_t policy;
    uint64_t first_delay, delay, factor, delay_cap, window;
    int64_t give_up;
};
struct schedule {
    const struct node *node;
    uint32_t class;
    int64_t priority;
    uint64_t runtime, deadline, period;
};
struct config_item {
    const struct node *node; /* node->key is the key's name */
    uint32_t type; /* enum grove_config_type */
    bool list, required, secret, restart_only;
    struct text_list standing; /* nodes NULL: none */
    const char *minimum, *maximum; /* "": none */
    struct text_list choices;
    const char *pattern, *description;
};
struct streams {
    const struct node *node;
    uint32_t in, out, error;
};
struct limit {
    const struct node *node;
    uint32_t policy;
    uint64_t after, lasting, to;
};
struct limits {
    const struct node *node;
    struct limit memory, processor, processes, shared, channels, disk, network, network_total;
};
struct stored {
    const struct node *node;
    uint64_t bytes;
    int64_t keys;
    bool map, events;
};
struct manifest_values {
    const struct node *node;
    const char *name, *description, *directory;
    struct grove_version version;
    struct text_list tags, exec;
    struct group_list capabilities, grants; /* struct capability_item */
    struct group_list provides, requires;
    struct resources resources;
    struct limits limits;
    struct variable_list environment;
    struct probe readiness;
    struct group_list health; /* struct health_item */
    struct restart restart;
    struct recovery recovery;
    struct schedule schedule;
    struct streams streams;
    struct stored store;
    struct group_list config; /* struct config_item */
    int64_t ring, phase;
    uint64_t stop_timeout;
    bool essential, on_demand, native, system_files, listen_fds, explain;
    uint32_t identity;
};
struct project_values {
    const struct node *node;
    const char *name, *description;
    struct text_list services;
    struct resources budget;
    struct variable_list variables;
};

extern const struct group format_manifest, format_project;

/* Readiness that was not written down. */
#define FORMAT_READINESS_UNSAID 0xffffu
enum format_identity { FORMAT_IDENTITY_OWN, FORMAT_IDENTITY_CALLER };

#endif
