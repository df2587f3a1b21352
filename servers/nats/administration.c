/*
 * Making, removing and listing tokens, for shells and system services.
 *
 * A token is a grant: whoever makes one must hold every right it gets, marked as fit for ring 3, and the kernel says
 * whether that is so.
 */
#include "servers/nats/nats.h"

#include <stdio.h>
#include <string.h>

#include "servers/common/names.h"

static int take(struct grove_request *request, void *body, size_t size_bytes) {
    uint32_t version;
    if (grove_request_client_ring(request) == 2)
        return grove_fail(request, GROVE_DENIED, "only shells and system services manage the tokens of the gateway");
    if (grove_request_bytes(request) < size_bytes)
        return grove_fail(request, GROVE_INVALID, "the request has %zu bytes, and %zu are needed",
                          grove_request_bytes(request), size_bytes);
    memcpy(body, grove_request_data(request), size_bytes);
    memcpy(&version, body, sizeof version);
    if (version != NATS_PROTOCOL_VERSION)
        return grove_fail(request, GROVE_VERSION, "the gateway speaks version %u of its protocol, not %u",
                          NATS_PROTOCOL_VERSION, version);
    return 0;
}

/* Does the one who asks hold all that the token would? */
static int check_rights(struct grove_request *request, const struct nats_token_record *record) {
    for (uint32_t i = 0; i < record->right_count; i++) {
        const struct nats_token_right *right = &record->rights[i];
        struct grove_capability capability = {.kind = (uint16_t)right->kind,
                                              .rights = GROVE_RIGHT_USE | GROVE_RIGHT_EXTERNAL,
                                              .argument.kind = GROVE_ARGUMENT_PATTERN,
                                              .argument.length_bytes = (uint16_t)strlen(right->pattern)};
        memcpy(capability.argument.value.text, right->pattern, strlen(right->pattern));
        int status = grove_request_client_holds(request, &capability);
        if (status < 0)
            return grove_fail(request, status, "%s", grove_last_error());
    }
    return 0;
}

static int on_add(struct grove_request *request, void *context) {
    struct gateway *gateway = context;
    struct nats_token_record record;
    struct nats_token_secret secret = {.version = NATS_PROTOCOL_VERSION};
    int status = take(request, &record, sizeof record);
    if (status < 0)
        return status;
    const char *fault = token_fault(&record);
    if (fault != NULL)
        return grove_fail(request, GROVE_INVALID, "%s", fault);
    status = check_rights(request, &record);
    if (status < 0)
        return status;
    status = tokens_add(&gateway->tokens, &record, secret.text);
    if (status == GROVE_EXISTS)
        return grove_fail(request, status, "there is a token %s already: remove it first, or take another name",
                          record.name.text);
    if (status == GROVE_EXHAUSTED)
        return grove_fail(request, status, "there are %u tokens, which is the most: remove one that is not used",
                          NATS_TOKENS_MAX);
    if (status < 0)
        return grove_fail(request, status, "the token cannot be kept: is the state folder full, or read-only?");
    return grove_reply(request, &secret, sizeof secret);
}

static int on_remove(struct grove_request *request, void *context) {
    struct gateway *gateway = context;
    struct nats_token_request asked;
    int status = take(request, &asked, sizeof asked);
    if (status < 0)
        return status;
    if (!service_name_is_valid(&asked.name))
        return grove_fail(request, GROVE_INVALID, "that is no name of a token");
    status = tokens_remove(&gateway->tokens, asked.name.text);
    if (status == GROVE_NOT_FOUND)
        return grove_fail(request, status, "there is no token %s; `grove token list` shows all", asked.name.text);
    if (status < 0)
        return grove_fail(request, status, "the list cannot be written: is the state folder full, or read-only?");
    clients_end(gateway, asked.name.text);
    return grove_reply(request, NULL, 0);
}

static int on_list(struct grove_request *request, void *context) {
    const struct gateway *gateway = context;
    struct nats_token_request asked;
    int status = take(request, &asked, sizeof asked);
    if (status < 0)
        return status;
    if (asked.cursor >= gateway->tokens.count)
        return grove_fail(request, GROVE_NOT_FOUND, "there are no more tokens");
    struct nats_token_page page = {.version = NATS_PROTOCOL_VERSION,
                                   .cursor = asked.cursor + 1 < gateway->tokens.count ? asked.cursor + 1 : 0,
                                   .record = gateway->tokens.items[asked.cursor].record};
    page.connections = clients_count(gateway, page.record.name.text);
    return grove_reply(request, &page, sizeof page);
}

int administration_serve(struct gateway *gateway) {
    int status = grove_service_on(gateway->service, NATS_ENDPOINT, NATS_TOKEN_ADD, on_add, gateway);
    if (status == 0)
        status = grove_service_on(gateway->service, NATS_ENDPOINT, NATS_TOKEN_REMOVE, on_remove, gateway);
    return status < 0 ? status : grove_service_on(gateway->service, NATS_ENDPOINT, NATS_TOKEN_LIST, on_list, gateway);
}
