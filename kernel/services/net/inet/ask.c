/* Asking the gate: see gate.h. */
#include "kernel/services/net/inet/inside.h"

static void put(uint8_t *bytes, uint32_t count, uint64_t number) {
    for (uint32_t i = count; i-- > 0; number >>= 8)
        bytes[i] = (uint8_t)number;
}

int inet_ask(struct inet_socket *socket, enum gate_use use, const struct inet_place *place) {
    bool is_v4 = socket->socket.family == LINUX_AF_INET;
    struct gate_question question = {.use = use,
                                     .transport = socket->transport == INET_TCP ? GATE_TCP : GATE_UDP,
                                     .family = is_v4 ? 4 : 6,
                                     .port = place->port};
    if (socket->domain->gate == NULL)
        return 0;
    if (is_v4) {
        put(question.address, 4, place->address.low);
    } else {
        put(question.address, 8, place->address.high);
        put(question.address + 8, 8, place->address.low);
    }
    int status = gate_ask(socket->domain->gate, &question);
    if (status == 0 && use == GATE_BIND && question.only_version6)
        socket->is_v6_only = true;
    return status;
}
