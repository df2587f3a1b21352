/* The network by capability: see network.h. */
#include "kernel/services/containers/network.h"

#include "kernel/services/containers/inside.h"
#include "kernel/services/vfs/errors.h"

#include <string.h>

#define VERSION4_BITS 32u
#define VERSION6_BITS 128u

/* Who asks, under the lock. */
struct asking {
    const struct container_record *record;
    uint16_t call;
};

static struct instance *current(uint16_t *call) {
    const struct containers_host *host = containers.host;
    return host != NULL ? host->programs.current(host->context, call) : NULL;
}

/* ---- what is asked of the core ---- */

/* The permission of one kind that covers exactly this address; one of IPv4 inside of IPv6 counts as IPv4. */
static struct grove_capability wanted_for(const struct gate_question *question, uint16_t kind) {
    struct grove_capability wanted = {.kind = kind, .rights = GROVE_RIGHT_USE};
    struct grove_address *address = &wanted.argument.value.address;
    wanted.argument.kind = GROVE_ARGUMENT_ADDRESS;
    address->transport = question->transport;
    address->port_first = address->port_last = question->port;
    if (gate_is_version4(question, address->bytes)) {
        address->family = 4;
        address->prefix_bits = VERSION4_BITS;
    } else {
        address->family = 6;
        address->prefix_bits = VERSION6_BITS;
        memcpy(address->bytes, question->address, sizeof(question->address));
    }
    return wanted;
}

static int check(const struct asking *asking, const struct grove_capability *wanted) {
    return core_check(containers.core, asking->record->index, wanted, asking->call) < 0 ? -LINUX_EACCES : 0;
}

static int check_address(const struct asking *asking, const struct gate_question *question, uint16_t kind) {
    const struct grove_capability wanted = wanted_for(question, kind);
    return check(asking, &wanted);
}

/* NET_BIND of every address and port: what a listen without a bind takes. */
static int check_any(const struct asking *asking, uint8_t transport) {
    struct grove_capability wanted = {.kind = GROVE_CAP_NET_BIND, .rights = GROVE_RIGHT_USE};
    wanted.argument.kind = GROVE_ARGUMENT_ADDRESS;
    wanted.argument.value.address = (struct grove_address){.transport = transport, .port_last = UINT16_MAX};
    return check(asking, &wanted);
}

/* ---- binding ---- */

/* Does its spec let it connect anywhere at all? A permission that was revoked still refuses the connection itself. */
static bool can_connect_somewhere(const struct grove_spec *spec) {
    for (uint32_t i = 0; i < spec->capabilities.count; i++) {
        struct grove_capability capability;
        uint16_t flags;
        grove_spec_capability(spec, i, &capability, &flags);
        if (capability.kind == GROVE_CAP_NET_CONNECT)
            return true;
    }
    return false;
}

static int check_bind(const struct asking *asking, const struct gate_question *question) {
    if (question->port == 0 && can_connect_somewhere(asking->record->spec))
        return 0;
    return check_address(asking, question, GROVE_CAP_NET_BIND);
}

/* Would binding to :: take an IPv4 address too, which is not granted? Then it is done without it. */
static bool must_keep_to_version6(const struct asking *asking, const struct gate_question *question) {
    struct gate_question version4 = {
        .use = GATE_BIND, .transport = question->transport, .family = 4, .port = question->port};
    uint8_t bytes[4];
    if (question->family != 6 || gate_is_version4(question, bytes) || !gate_is_any(question))
        return false;
    return check_bind(asking, &version4) != 0;
}

static int ask_to_bind(const struct asking *asking, struct gate_question *question) {
    int status = check_bind(asking, question);
    if (status == 0)
        question->only_version6 = must_keep_to_version6(asking, question);
    return status;
}

static int ask_locked(const struct asking *asking, struct gate_question *question) {
    if (question->transport != GATE_TCP && question->transport != GATE_UDP)
        return -LINUX_EACCES;
    switch (question->use) {
    case GATE_BIND:
        return ask_to_bind(asking, question);
    case GATE_LISTEN:
        return question->port == 0 ? check_any(asking, question->transport)
                                   : check_address(asking, question, GROVE_CAP_NET_BIND);
    case GATE_CONNECT:
    case GATE_SEND:
        return check_address(asking, question, GROVE_CAP_NET_CONNECT);
    }
    return -LINUX_EACCES;
}

/* ---- the gate ---- */

static int ask(void *context, struct gate_question *question) {
    struct asking asking = {.call = 0};
    const struct instance *instance = current(&asking.call);
    (void)context;
    question->only_version6 = false;
    if (instance == NULL)
        return 0;
    containers_lock();
    asking.record = record_find(instance->container);
    int status = asking.record != NULL ? ask_locked(&asking, question) : -LINUX_EACCES;
    containers_unlock();
    return status;
}

/* What an instance was begun with stays, so there is nothing to lock. */
static uint64_t name_space(void *context) {
    uint16_t call;
    const struct instance *instance = current(&call);
    (void)context;
    return instance != NULL ? instance->name_space : 0;
}

const struct net_gate containers_gate = {.ask = ask, .name_space = name_space};
