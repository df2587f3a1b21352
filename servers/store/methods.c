/*
 * The methods, and what all of them do with a message.
 */
#include <stdio.h>
#include <string.h>

#include "grove/store_wire.h"
#include "servers/common/names.h"
#include "servers/store/copies.h"
#include "servers/store/maps.h"

/* More than this is lent instead of copied into the lane. */
#define REPLY_COPIED_MAX 4096u

const struct store_method store_methods[] = {
    {GROVE_STORE_COMMIT, on_commit},
    {GROVE_STORE_GET, on_get},
    {GROVE_STORE_SCAN, on_scan},
    {GROVE_STORE_SNAPSHOT, on_snapshot},
    {GROVE_STORE_SNAPSHOT_END, on_snapshot_end},
    {GROVE_STORE_WATCH, on_watch},
    {GROVE_STORE_NAMESPACES, on_namespaces},
    {GROVE_STORE_CONFIGURE, on_configure},
    {GROVE_STORE_DROP, on_drop},
    {GROVE_STORE_ROTATE, on_rotate},
    {GROVE_STORE_SHARE, on_share},
    {GROVE_STORE_SHARES, on_shares},
    {GROVE_STORE_MAP, on_map},
    {GROVE_STORE_BACKUP, on_backup},
    {GROVE_STORE_RESTORE, on_restore},
};
const unsigned store_method_count = sizeof store_methods / sizeof store_methods[0];

int take_head(struct grove_request *request, void *head, size_t head_bytes) {
    uint32_t version;
    size_t bytes = 0;
    const void *message = message_of(request, &bytes);
    if (!grove_request_wants_reply(request))
        return grove_fail(request, GROVE_INVALID, "the store is called; it takes no one-way messages");
    if (message == NULL || bytes < head_bytes)
        return grove_fail(request, GROVE_INVALID, "the message is too short");
    memcpy(head, message, head_bytes);
    memcpy(&version, head, sizeof version);
    if (version != GROVE_STORE_PROTOCOL_VERSION)
        return grove_fail(request, GROVE_VERSION,
                          "the message has version %u of the store's protocol, this store speaks %u", version,
                          GROVE_STORE_PROTOCOL_VERSION);
    return 0;
}

int take_name(struct grove_request *request, const char *text, size_t bytes, struct grove_name *name) {
    *name = (struct grove_name){0};
    if (bytes > GROVE_NAME_MAX)
        return grove_fail(request, GROVE_INVALID, "the name of a namespace has at most %u bytes", GROVE_NAME_MAX);
    memcpy(name->text, text, bytes);
    if (name->text[0] == '\0') {
        if (grove_request_client_ring(request) == 3)
            return grove_fail(request, GROVE_INVALID, "a shell has no namespace of its own: name one");
        name_set(name, grove_request_client(request));
        return 0;
    }
    return namespace_name_is_valid(name)
               ? 0
               : grove_fail(request, GROVE_INVALID, "a namespace is named like a service: project.service");
}

int reply_bytes(struct grove_request *request, const void *data, size_t bytes) {
    struct grove_loan loan;
    if (bytes <= REPLY_COPIED_MAX)
        return grove_reply(request, data, bytes);
    if (grove_request_loan(request, bytes, 1, &loan) < 0) /* it does not wait for a client that reads slowly */
        return grove_fail(request, GROVE_EXHAUSTED,
                          "%zu bytes cannot be lent to you: release the answers that you still hold", bytes);
    memcpy(loan.data, data, bytes);
    int status = grove_reply_loan(request, NULL, 0, &loan);
    if (status < 0)
        grove_loan_return(&loan);
    return status;
}
