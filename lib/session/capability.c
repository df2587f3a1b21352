/*
 * Requests about capabilities: each function fills in one message of port.h and unpacks its reply.
 */
#include "lib/session/client.h"

int grove_capability_list(struct grove_session *session, uint32_t *cursor, struct grove_capability_entry *entry) {
    struct grove_message message = {.operation = GROVE_REQUEST_CAPABILITY_READ, .body.capability_read.cursor = *cursor};
    int status = session_or_default(session, &session);
    if (status == 0 && *cursor == UINT32_MAX)
        status = error_set(GROVE_NOT_FOUND, "there are no more capabilities");
    if (status == 0)
        status = grove_kernel_request(session, &message, NULL, 0, NULL, NULL, SESSION_TIMEOUT_NS);
    if (status < 0)
        return status;
    *entry = message.body.capability_entry;
    *cursor = entry->cursor != 0 ? entry->cursor : UINT32_MAX; /* 0 says that this was the last */
    return 0;
}

int grove_capability_derive(struct grove_session *session, grove_handle source,
                            const struct grove_capability *capability, grove_handle *handle) {
    struct grove_message message = {.operation = GROVE_REQUEST_CAPABILITY_DERIVE,
                                    .body.derive = {.source = source, .capability = *capability}};
    int status = session_or_default(session, &session);
    if (status == 0)
        status = grove_kernel_request(session, &message, NULL, 0, NULL, NULL, SESSION_TIMEOUT_NS);
    if (status == 0)
        *handle = message.body.handle_reply.handle;
    return status;
}

int grove_capability_grant(struct grove_session *session, grove_handle source, struct grove_channel *channel,
                           const struct grove_capability *capability, grove_handle *handle) {
    struct grove_message message = {
        .operation = GROVE_REQUEST_CAPABILITY_GRANT,
        .body.grant = {.source = source, .channel = channel->base.handle, .capability = *capability}};
    int status = session_or_default(session, &session);
    if (status == 0)
        status = grove_kernel_request(session, &message, NULL, 0, NULL, NULL, SESSION_TIMEOUT_NS);
    if (status == 0 && handle != NULL)
        *handle = message.body.handle_reply.handle;
    return status;
}

int grove_capability_revoke(struct grove_session *session, grove_handle handle, bool itself, uint64_t *count) {
    struct grove_message message = {.operation = GROVE_REQUEST_CAPABILITY_REVOKE,
                                    .body.revoke = {.handle = handle, .itself = itself}};
    int status = session_or_default(session, &session);
    if (status == 0)
        status = grove_kernel_request(session, &message, NULL, 0, NULL, NULL, SESSION_TIMEOUT_NS);
    if (status == 0 && count != NULL)
        *count = message.body.count.count;
    return status;
}
