/* Packets and their bytes: see packet.h. */
#include "kernel/services/net/inet/inside.h"

#include <string.h>

struct inet_bytes *inet_bytes_create(struct inet_domain *domain, uint32_t room_bytes) {
    uint32_t memory;
    struct inet_bytes *bytes =
        held_create(inet_machine(domain), sizeof(*bytes), offsetof(struct inet_bytes, held), room_bytes, &memory);
    if (bytes == NULL)
        return NULL;
    bytes->references = 1;
    bytes->charge_bytes = memory + (uint32_t)sizeof(struct inet_packet);
    __atomic_add_fetch(&domain->bytes, bytes->charge_bytes, __ATOMIC_RELAXED);
    return bytes;
}

static void free_bytes(struct inet_domain *domain, struct inet_bytes *bytes) {
    __atomic_sub_fetch(&domain->bytes, bytes->charge_bytes, __ATOMIC_RELAXED);
    held_destroy(inet_machine(domain), bytes, sizeof(*bytes), &bytes->held);
}

/* The last holder sees what the others wrote: their decrements pair with each other. */
static bool is_last(struct inet_bytes *bytes) {
    return __atomic_sub_fetch(&bytes->references, 1, __ATOMIC_ACQ_REL) == 0;
}

void inet_bytes_unref(struct inet_domain *domain, struct inet_bytes *bytes) {
    if (is_last(bytes))
        list_append(&domain->given_up, &bytes->link);
}

void inet_bytes_drop(struct inet_domain *domain, struct inet_bytes *bytes) {
    if (is_last(bytes))
        free_bytes(domain, bytes);
}

void inet_bytes_free_all(struct inet_domain *domain, struct list *given_up) {
    struct inet_bytes *bytes;
    while ((bytes = list_first_item(given_up, struct inet_bytes, link)) != NULL) {
        list_remove(&bytes->link);
        free_bytes(domain, bytes);
    }
}

bool inet_has_memory(const struct inet_domain *domain, uint64_t charged_bytes) {
    return charged_bytes == 0 || __atomic_load_n(&domain->bytes, __ATOMIC_RELAXED) < domain->bytes_max;
}

int inet_bytes_fill(struct inet_bytes *bytes, struct transfer *transfer) {
    return held_fill(&bytes->held, &bytes->size_bytes, transfer);
}

int inet_bytes_copy(struct inet_bytes *bytes, uint32_t at, uint32_t size, struct transfer *transfer,
                    size_t *done_bytes) {
    return held_copy(&bytes->held, at, size, transfer, done_bytes);
}

void inet_bytes_append(struct inet_bytes *to, struct inet_bytes *from, uint32_t at, uint32_t size) {
    while (size > 0) {
        size_t there, room;
        const uint8_t *source = held_piece(&from->held, at, &there);
        uint8_t *target = held_piece(&to->held, to->size_bytes, &room);
        uint32_t piece = size;
        piece = there < piece ? (uint32_t)there : piece;
        piece = room < piece ? (uint32_t)room : piece;
        memcpy(target, source, piece);
        to->size_bytes += piece;
        at += piece;
        size -= piece;
    }
}

struct inet_packet *inet_packet_create(struct inet_domain *domain, enum inet_transport transport) {
    struct inet_packet *packet = machine_take(inet_machine(domain), sizeof(*packet));
    if (packet != NULL)
        *packet = (struct inet_packet){.transport = transport, .scale = INET_NO_SCALE, .time_to_live = 64};
    return packet;
}

void inet_packet_free(struct inet_domain *domain, struct inet_packet *packet) {
    if (packet->bytes != NULL)
        inet_bytes_unref(domain, packet->bytes);
    machine_give_back(inet_machine(domain), packet, sizeof(*packet));
}

void inet_packets_free(struct inet_domain *domain, struct list *packets) {
    struct inet_packet *packet;
    while ((packet = list_first_item(packets, struct inet_packet, link)) != NULL) {
        list_remove(&packet->link);
        inet_packet_free(domain, packet);
    }
}
