/* Packets and their bytes: see packet.h. */
#include "kernel/services/net/inet/inside.h"

#include <string.h>

static size_t memory_bytes(uint32_t room_bytes, uint32_t page_count) {
    size_t more = page_count > 0 ? page_count * sizeof(uint8_t *) : room_bytes;
    return sizeof(struct inet_bytes) + more;
}

static void free_memory(struct inet_domain *domain, struct inet_bytes *bytes, uint32_t page_count) {
    const struct vfs_machine *machine = inet_machine(domain);
    for (uint32_t i = 0; i < page_count; i++)
        machine->give_page_back(machine->context, bytes->pages[i]);
    machine_give_back(machine, bytes, memory_bytes(bytes->room_bytes, bytes->page_count));
}

struct inet_bytes *inet_bytes_create(struct inet_domain *domain, uint32_t room_bytes) {
    const struct vfs_machine *machine = inet_machine(domain);
    uint32_t page_count = room_bytes > INET_INLINE_BYTES ? (room_bytes + VFS_PAGE_BYTES - 1) / VFS_PAGE_BYTES : 0;
    size_t memory = memory_bytes(room_bytes, page_count);
    struct inet_bytes *bytes = machine_take(machine, memory);
    if (bytes == NULL)
        return NULL;
    memset(bytes, 0, offsetof(struct inet_bytes, pages));
    bytes->references = 1;
    bytes->room_bytes = room_bytes;
    bytes->page_count = page_count;
    bytes->charge_bytes = (uint32_t)(memory + sizeof(struct inet_packet)) + page_count * VFS_PAGE_BYTES;
    for (uint32_t i = 0; i < page_count; i++) {
        bytes->pages[i] = machine->take_page(machine->context);
        if (bytes->pages[i] == NULL) {
            free_memory(domain, bytes, i);
            return NULL;
        }
    }
    __atomic_add_fetch(&domain->bytes, bytes->charge_bytes, __ATOMIC_RELAXED);
    return bytes;
}

static void free_bytes(struct inet_domain *domain, struct inet_bytes *bytes) {
    __atomic_sub_fetch(&domain->bytes, bytes->charge_bytes, __ATOMIC_RELAXED);
    free_memory(domain, bytes, bytes->page_count);
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

/* The bytes at a position that lie together. */
static uint8_t *piece_at(struct inet_bytes *bytes, uint32_t at, size_t *size) {
    size_t left = bytes->room_bytes - at;
    if (bytes->page_count == 0) {
        *size = left;
        return bytes->bytes + at;
    }
    size_t in_page = VFS_PAGE_BYTES - at % VFS_PAGE_BYTES;
    *size = left < in_page ? left : in_page;
    return bytes->pages[at / VFS_PAGE_BYTES] + at % VFS_PAGE_BYTES;
}

int inet_bytes_fill(struct inet_bytes *bytes, struct transfer *transfer) {
    while (bytes->size_bytes < bytes->room_bytes) {
        size_t size;
        uint8_t *piece = piece_at(bytes, bytes->size_bytes, &size);
        size_t copied = transfer_in(transfer, piece, size);
        bytes->size_bytes += (uint32_t)copied;
        int status = copied < size ? transfer_bring_in(transfer) : 0;
        if (status != 0)
            return status;
    }
    return 0;
}

int inet_bytes_copy(struct inet_bytes *bytes, uint32_t at, uint32_t size, struct transfer *transfer,
                    size_t *done_bytes) {
    uint32_t end = at + size;
    while (at < end) {
        size_t there;
        const uint8_t *piece = piece_at(bytes, at, &there);
        size_t wanted = end - at < there ? end - at : there;
        size_t copied = transfer_out(transfer, piece, wanted);
        at += (uint32_t)copied;
        *done_bytes += copied;
        int status = copied < wanted ? transfer_bring_in(transfer) : 0;
        if (status != 0)
            return status;
    }
    return 0;
}

void inet_bytes_append(struct inet_bytes *to, struct inet_bytes *from, uint32_t at, uint32_t size) {
    while (size > 0) {
        size_t there, room;
        const uint8_t *source = piece_at(from, at, &there);
        uint8_t *target = piece_at(to, to->size_bytes, &room);
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
