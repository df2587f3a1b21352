/*
 * What a client may do, as its service asks it.
 *
 * The kernel knows; each yes is kept with the channel, under the whole capability, for as long as the number `rights_epoch` of
 * the kernel page is what it was when the kernel answered. A revocation changes that number before it is answered, so
 * whoever saw a revocation done is not served under what was revoked. A no is never kept: each is a refusal, which the
 * kernel counts and audits, and a grant must be seen at once.
 *
 * RIGHTS_SLOTS answers are kept for a channel, each where the hash of its capability says; the next one there takes its
 * place. So a client that asks for ever new things costs requests to the kernel, and bounded memory. Without memory nothing
 * is kept.
 */
#include "lib/service/service.h"

#include <stdlib.h>
#include <string.h>

#define RIGHTS_SLOTS 32u
#define FNV_OFFSET UINT32_C(2166136261)
#define FNV_PRIME UINT32_C(16777619)

/* What counts of a capability, in as many bytes as it takes. */
struct right {
    uint32_t epoch;
    uint32_t hash;
    uint16_t kind, argument_kind;
    uint32_t length_bytes;
    uint8_t argument[];
};

struct rights {
    struct right *slots[RIGHTS_SLOTS];
};

void rights_destroy(struct rights *rights) {
    if (rights == NULL)
        return;
    for (unsigned i = 0; i < RIGHTS_SLOTS; i++)
        free(rights->slots[i]);
    free(rights);
}

static uint32_t argument_bytes(const struct grove_argument *argument) {
    switch (argument->kind) {
    case GROVE_ARGUMENT_ADDRESS:
        return sizeof argument->value.address;
    case GROVE_ARGUMENT_QUANTITY:
        return sizeof argument->value.quantity;
    default:
        return argument->length_bytes;
    }
}

static uint32_t hash_of(const struct grove_capability *capability, uint32_t length_bytes) {
    const uint8_t *bytes = (const uint8_t *)&capability->argument.value;
    uint32_t hash = (FNV_OFFSET ^ capability->kind) * FNV_PRIME;
    hash = (hash ^ capability->argument.kind) * FNV_PRIME;
    for (uint32_t i = 0; i < length_bytes; i++)
        hash = (hash ^ bytes[i]) * FNV_PRIME;
    return hash;
}

static bool is_same(const struct right *right, const struct grove_capability *capability, uint32_t hash,
                    uint32_t length_bytes) {
    return right->hash == hash && right->kind == capability->kind &&
           right->argument_kind == capability->argument.kind && right->length_bytes == length_bytes &&
           memcmp(right->argument, &capability->argument.value, length_bytes) == 0;
}

static bool is_known(const struct client_channel *channel, const struct grove_capability *capability) {
    if (channel->rights == NULL)
        return false;
    uint32_t length_bytes = argument_bytes(&capability->argument);
    uint32_t hash = hash_of(capability, length_bytes);
    const struct right *right = channel->rights->slots[hash % RIGHTS_SLOTS];
    /* Pairs with the kernel's store before it answers a revocation. */
    uint32_t epoch = __atomic_load_n(&channel->service->session->page->rights_epoch, __ATOMIC_ACQUIRE);
    return right != NULL && right->epoch == epoch && is_same(right, capability, hash, length_bytes);
}

static void keep(struct client_channel *channel, const struct grove_capability *capability, uint32_t epoch) {
    uint32_t length_bytes = argument_bytes(&capability->argument);
    if (channel->rights == NULL)
        channel->rights = calloc(1, sizeof *channel->rights);
    struct right *right = channel->rights != NULL ? malloc(sizeof *right + length_bytes) : NULL;
    if (right == NULL)
        return;
    *right = (struct right){.epoch = epoch,
                            .hash = hash_of(capability, length_bytes),
                            .kind = capability->kind,
                            .argument_kind = capability->argument.kind,
                            .length_bytes = length_bytes};
    memcpy(right->argument, &capability->argument.value, length_bytes);
    struct right **slot = &channel->rights->slots[right->hash % RIGHTS_SLOTS];
    free(*slot);
    *slot = right;
}

static int ask_kernel(struct client_channel *channel, const struct grove_capability *capability) {
    struct grove_message message = {.operation = GROVE_REQUEST_CAPABILITY_CHECK};
    message.body.check.channel = channel->base.handle;
    message.body.check.capability = *capability;
    int status = grove_kernel_request(channel->service->session, &message, NULL, 0, NULL, NULL, SESSION_TIMEOUT_NS);
    if (status == 0 && message.body.checked.rights_epoch != 0)
        keep(channel, capability, message.body.checked.rights_epoch);
    if (status == GROVE_CLOSED)
        return error_set(status, "%s has ended: nobody knows any more what it may do", channel->client.text);
    return status;
}

int grove_request_client_holds(struct grove_request *request, const struct grove_capability *capability) {
    uint16_t kind = capability->argument.kind;
    bool is_permission = capability->kind != GROVE_CAP_NONE && capability->kind < GROVE_CAP_KIND_COUNT;
    bool fits = kind == GROVE_ARGUMENT_NONE || kind == grove_capability_argument_kind(capability->kind);
    if (!is_permission || !fits || !grove_argument_is_valid(&capability->argument))
        return error_set(GROVE_INVALID, "what the client is asked to hold is not a well-formed permission");
    return is_known(request->channel, capability) ? 0 : ask_kernel(request->channel, capability);
}

int grove_request_client_may(struct grove_request *request, uint16_t kind, const char *argument_text) {
    struct grove_capability capability = {.kind = kind, .rights = GROVE_RIGHT_USE};
    enum grove_argument_kind argument_kind = grove_capability_argument_kind(kind);
    if (argument_text != NULL && argument_kind != GROVE_ARGUMENT_PATH && argument_kind != GROVE_ARGUMENT_PATTERN)
        return error_set(GROVE_INVALID,
                         "only paths and patterns are asked about as text: use grove_request_client_holds");
    if (argument_text != NULL) {
        size_t length_bytes = strnlen(argument_text, GROVE_ARGUMENT_TEXT_MAX + 1);
        if (length_bytes > GROVE_ARGUMENT_TEXT_MAX)
            return error_set(GROVE_INVALID, "the argument is longer than %u bytes", GROVE_ARGUMENT_TEXT_MAX);
        capability.argument.kind = (uint16_t)argument_kind;
        capability.argument.length_bytes = (uint16_t)length_bytes;
        memcpy(capability.argument.value.text, argument_text, length_bytes);
    }
    return grove_request_client_holds(request, &capability);
}

uint32_t grove_session_rights_epoch(const struct grove_session *session) {
    /* Pairs with the kernel's store before it answers a revocation. */
    return __atomic_load_n(&session->page->rights_epoch, __ATOMIC_ACQUIRE);
}
