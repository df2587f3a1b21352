/*
 * Refusals in words (law 9): who wanted what, which capability was missing, and what would grant it.
 */
#include <string.h>

#include "lib/text/text.h"
#include "userspace/grove/command.h"

/* What somebody did who needed this kind, in front of the argument. */
static const struct {
    uint16_t kind;
    const char *verb;
} verbs[] = {
    {GROVE_CAP_FS_READ, "may not read"},
    {GROVE_CAP_FS_WRITE, "may not write"},
    {GROVE_CAP_FS_EXEC, "may not execute"},
    {GROVE_CAP_NET_BIND, "may not bind to"},
    {GROVE_CAP_NET_CONNECT, "may not connect to"},
    {GROVE_CAP_IPC_SEND, "may not send to"},
    {GROVE_CAP_IPC_RECV, "may not receive as"},
    {GROVE_CAP_PROC_SPAWN, "may not start"},
    {GROVE_CAP_PROC_CONTROL, "may not control"},
    {GROVE_CAP_BUS_PUB, "may not publish"},
    {GROVE_CAP_BUS_SUB, "may not subscribe to"},
    {GROVE_CAP_STORE_READ, "may not read in the store"},
    {GROVE_CAP_STORE_WRITE, "may not write in the store"},
    {GROVE_CAP_CONFIG_READ, "may not read the configuration of"},
    {GROVE_CAP_SHM_CREATE, "may not create shared memory of"},
    {GROVE_CAP_SCHED_RT, "may not use real-time scheduling with"},
    {GROVE_CAP_AUDIT_READ, "may not read the audit log of"},
};

static const char *find_verb(uint16_t kind) {
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
        if (verbs[i].kind == kind)
            return verbs[i].verb;
    return "may not use";
}

/* The record keeps only the first bytes of a long text; what is cut cannot be granted by it, but can be shown. */
static void record_capability(const struct grove_audit_record *record, struct grove_capability *capability) {
    *capability = (struct grove_capability){.kind = record->kind, .rights = record->rights};
    capability->argument.kind = record->argument_kind;
    size_t length = record->length_bytes;
    if (length > sizeof(record->argument.text))
        length = sizeof(record->argument.text);
    capability->argument.length_bytes = (uint16_t)length;
    if (record->argument_kind == GROVE_ARGUMENT_ADDRESS)
        capability->argument.value.address = record->argument.address;
    else if (record->argument_kind == GROVE_ARGUMENT_QUANTITY)
        capability->argument.value.quantity = record->argument.quantity;
    else
        memcpy(capability->argument.value.text, record->argument.text, length);
}

bool refusal_explain(const struct grove_audit_record *record, char *sentence, size_t sentence_bytes, char *grant,
                     size_t grant_bytes) {
    struct grove_capability capability;
    char text[TEXT_CAPABILITY_MAX];
    bool is_refusal = record->event == GROVE_AUDIT_REFUSE || record->event == GROVE_AUDIT_SYSCALL_REFUSED;
    if (!is_refusal || !text_kind_name(record->kind))
        return false;
    record_capability(record, &capability);
    text_capability_format(&capability, text, sizeof(text));
    const char *argument = strchr(text, ':');
    snprintf(sentence, sentence_bytes, "%.*s %s %s: %s is missing", (int)GROVE_NAME_MAX, record->who.text,
             find_verb(record->kind), argument ? argument + 1 : "anything of the kind", text);
    if (grant)
        snprintf(grant, grant_bytes, "%s", text);
    return true;
}
