/* Addresses as the gate sees them: see gate.h. */
#include "kernel/services/net/gate.h"

#include <string.h>

#define MAPPED_BYTES 12u /* of ::ffff:0:0/96, in front of an address of IPv4; RFC 4291, 2.5.5.2 */
#define LOOPBACK4 \
    { 127, 0, 0, 1 }

static const uint8_t zeros[16];

static bool is_mapped(const struct gate_question *question) {
    static const uint8_t prefix[MAPPED_BYTES] = {[10] = 0xff, [11] = 0xff};
    return question->family == 6 && memcmp(question->address, prefix, sizeof(prefix)) == 0;
}

/* Where the bytes of its IPv4 address are, or NULL. */
static const uint8_t *version4_of(const struct gate_question *question) {
    if (question->family == 4)
        return question->address;
    return is_mapped(question) ? question->address + MAPPED_BYTES : NULL;
}

bool gate_is_any(const struct gate_question *question) {
    const uint8_t *version4 = version4_of(question);
    return version4 != NULL ? memcmp(version4, zeros, 4) == 0 : memcmp(question->address, zeros, sizeof(zeros)) == 0;
}

bool gate_is_version4(const struct gate_question *question, uint8_t bytes[4]) {
    const uint8_t *version4 = version4_of(question);
    if (version4 == NULL)
        return false;
    memcpy(bytes, version4, 4);
    return true;
}

static void settle_destination(struct gate_question *question) {
    static const uint8_t loopback4[4] = LOOPBACK4, loopback6[16] = {[15] = 1};
    if (!gate_is_any(question))
        return;
    if (question->family == 4)
        memcpy(question->address, loopback4, sizeof(loopback4));
    else if (is_mapped(question))
        memcpy(question->address + MAPPED_BYTES, loopback4, sizeof(loopback4));
    else
        memcpy(question->address, loopback6, sizeof(loopback6));
}

int gate_ask(const struct net_gate *gate, struct gate_question *question) {
    if (question->use == GATE_CONNECT || question->use == GATE_SEND)
        settle_destination(question);
    return gate != NULL ? gate->ask(gate->context, question) : 0;
}
