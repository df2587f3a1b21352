/*
 * grove store: what the store keeps, and what is done to it.
 */
#include <stdlib.h>
#include <string.h>

#include "userspace/grove/commands/store_verbs.h"

static const struct command_option options[] = {
    {"lifetime", 't', "TIME", "set: the value is gone after this: 10s, 5m, 1h"},
    {"if-version", 'i', "VERSION", "set: only if the key has this version now; 0: only if it is absent"},
    {"keys-only", 'k', NULL, "list: keys and sizes without values"},
    {"number", 'n', "COUNT", "list, watch: at most so many"},
    {"bytes", 'b', "SIZE", "quota: most bytes that the namespace may take, keys and encryption included"},
    {"keys", 'K', "COUNT", "quota: most keys that it may have"},
    {"map", 'm', "on|off", "quota: publish it in a read-only map"},
    {"events", 'e', "on|off", "quota: tell the bus of its changes, as storage.changed.NAMESPACE.KEY"},
    {"encrypt", 'E', "on|off", "quota: with a service as the provider: give it values encrypted only"},
    {"provider", 'P', "NAME",
     "quota: who keeps it, while it is empty: sqlite, memory, or a service, by its endpoint or as a storage extension"},
    {"prefix", 'x', "KEY", "share: only the keys that begin with this"},
    {"rights", 'r', "RIGHTS", "share: read, write, both or none (read)"},
    {0},
};

static const struct store_verb verbs[] = {
    {"get", "NAMESPACE KEY", 2, 2, store_get},
    {"set", "NAMESPACE KEY [VALUE]", 2, 3, store_set},
    {"delete", "NAMESPACE KEY", 2, 2, store_delete},
    {"list", "NAMESPACE [PREFIX]", 1, 2, store_list},
    {"watch", "NAMESPACE [PREFIX]", 1, 2, store_watch},
    {"namespaces", "", 0, 0, store_namespaces},
    {"quota", "NAMESPACE", 1, 1, store_quota},
    {"share", "NAMESPACE PATTERN", 2, 2, store_share},
    {"shares", "NAMESPACE", 1, 1, store_shares},
    {"drop", "NAMESPACE", 1, 1, store_drop},
    {"rotate-key", "[NAMESPACE]", 0, 1, store_rotate_key},
    {"backup", "FILE", 1, 1, store_backup},
    {"restore", "FILE", 1, 1, store_restore},
};
#define VERB_COUNT (sizeof verbs / sizeof verbs[0])

/* ---- what the verbs share ---- */

int store_open(const struct invocation *invocation, const char *name, struct grove_store **store) {
    struct grove_session *session;
    int status = command_connect(invocation, &session);
    if (status == 0 && grove_store_open_with(session, name, store) < 0)
        status = command_fail_kernel(invocation);
    return status;
}

int store_name(const struct invocation *invocation, const char *text, struct grove_name *name) {
    *name = (struct grove_name){0};
    if (strlen(text) > GROVE_NAME_MAX)
        return command_misused(invocation, "\"%s\" is too long for the name of a namespace", text);
    memcpy(name->text, text, strlen(text));
    return 0;
}

int store_call_raw(const struct invocation *invocation, uint32_t method, const void *head, size_t head_bytes,
                   const void *data, size_t data_bytes, uint64_t timeout_ns, struct grove_answer *answer) {
    struct grove_channel *channel;
    struct grove_loan loan;
    int status = system_connect(invocation, GROVE_STORE_ENDPOINT, &channel);
    if (status != 0 || data_bytes == 0)
        return status != 0 ? status : system_call(invocation, channel, method, head, head_bytes, timeout_ns, answer);
    if (grove_loan(channel, head_bytes + data_bytes, timeout_ns, &loan) < 0)
        return command_fail_kernel(invocation);
    memcpy(loan.data, head, head_bytes);
    memcpy((uint8_t *)loan.data + head_bytes, data, data_bytes);
    if (grove_call(channel, &(struct grove_call){.method = method, .timeout_ns = timeout_ns, .loan = &loan}, answer) ==
        0)
        return 0;
    status = command_fail_kernel(invocation);
    grove_loan_return(&loan);
    return status;
}

int store_answer_bytes(const struct invocation *invocation, const struct grove_answer *answer, size_t minimum,
                       const uint8_t **data, size_t *bytes) {
    *data = answer->slice != NULL ? answer->slice : answer->data;
    *bytes = answer->slice != NULL ? answer->slice_bytes : answer->length_bytes;
    return *data == NULL || *bytes < minimum ? command_fail(invocation, "the store answered with too little") : 0;
}

static bool is_text(const uint8_t *bytes, size_t count) {
    for (size_t index = 0; index < count; index++)
        if (bytes[index] < 0x20 || bytes[index] == 0x7f)
            return false;
    return true;
}

void store_bytes_json(json_t *object, const char *text_member, const char *hex_member, const void *data, size_t bytes) {
    static const char digits[] = "0123456789abcdef";
    json_t *text = is_text(data, bytes) ? json_stringn(bytes > 0 ? data : "", bytes) : NULL; /* NULL: no UTF-8 */
    if (text != NULL) {
        (void)json_object_set_new(object, text_member, text);
        return;
    }
    char *hex = malloc(2 * bytes + 1);
    if (hex == NULL)
        return;
    for (size_t index = 0; index < bytes; index++) {
        hex[2 * index] = digits[((const uint8_t *)data)[index] >> 4];
        hex[2 * index + 1] = digits[((const uint8_t *)data)[index] & 15];
    }
    (void)json_object_set_new(object, hex_member, json_stringn(hex, 2 * bytes));
    free(hex);
}

/* ---- the command ---- */

static int run(struct invocation *invocation) {
    const char *name = invocation->arguments[0];
    unsigned count = invocation->argument_count - 1;
    for (size_t index = 0; index < VERB_COUNT; index++) {
        if (strcmp(verbs[index].name, name) != 0)
            continue;
        if (count < verbs[index].minimum || count > verbs[index].maximum)
            return command_misused(invocation, "it is written: grove store %s %s", name, verbs[index].operands);
        return verbs[index].run(invocation, invocation->arguments + 1, count);
    }
    return command_misused(
        invocation,
        "there is no verb \"%s\": it is get, set, delete, list, watch, namespaces, quota, share, shares, "
        "drop, rotate-key, backup or restore",
        name);
}

const struct command command_store = {
    .name = "store",
    .summary = "read and change what the store keeps",
    .usage = "VERB [OPERAND...]",
    .description =
        "The store keeps keys and values in namespaces, one for each service that uses it, encrypted on the disk.\n\n"
        "get NAMESPACE KEY prints a value as it is. set NAMESPACE KEY [VALUE] writes one, from standard input without "
        "VALUE, and prints its version. delete NAMESPACE KEY removes one. list NAMESPACE [PREFIX] lists keys, watch "
        "NAMESPACE [PREFIX] tells of changes from now on.\n\n"
        "namespaces lists them with what they hold. quota NAMESPACE shows or sets what one may hold, who keeps it, and "
        "whether it is published in a read-only map. share NAMESPACE PATTERN lets services whose names match read or "
        "write "
        "it, shares NAMESPACE lists that. drop NAMESPACE removes one with all it holds.\n\n"
        "rotate-key NAMESPACE encrypts a namespace with a new key, in the background; without NAMESPACE the master key "
        "is "
        "replaced. backup FILE copies everything, still encrypted, while the store runs; restore FILE puts a copy in "
        "the "
        "place of everything, and needs the master key of then.",
    .examples = "  grove store list grid.protect              what does it keep?\n"
                "  grove store set grid.protect limit 48.8    change a value\n"
                "  grove store backup /srv/store.backup       copy all of it",
    .operands = COMMAND_OPERANDS_SERVICE,
    .minimum = 1,
    .maximum = 4,
    .options = options,
    .run = run,
};
