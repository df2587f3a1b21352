/* See held.h. */
#include "kernel/services/net/held.h"

#include "kernel/services/vfs/vfs.h"

#include <string.h>

static size_t memory_of(size_t structure_bytes, uint32_t room_bytes, uint32_t page_count) {
    return structure_bytes + (page_count > 0 ? page_count * sizeof(uint8_t *) : room_bytes);
}

static void give_back(const struct vfs_machine *machine, void *structure, size_t structure_bytes,
                      struct held_bytes *held, uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        machine->give_page_back(machine->context, held->pages[i]);
    machine_give_back(machine, structure, memory_of(structure_bytes, held->room_bytes, held->page_count));
}

void *held_create(const struct vfs_machine *machine, size_t structure_bytes, size_t held_at, uint32_t room_bytes,
                  uint32_t *memory_bytes) {
    uint32_t page_count = room_bytes > HELD_INLINE_BYTES ? (room_bytes + VFS_PAGE_BYTES - 1) / VFS_PAGE_BYTES : 0;
    size_t memory = memory_of(structure_bytes, room_bytes, page_count);
    uint8_t *structure = machine_take(machine, memory);
    if (structure == NULL)
        return NULL;
    struct held_bytes *held = (struct held_bytes *)(void *)(structure + held_at);
    memset(structure, 0, held_at);
    held->room_bytes = room_bytes;
    held->page_count = page_count;
    for (uint32_t i = 0; i < page_count; i++) {
        held->pages[i] = machine->take_page(machine->context);
        if (held->pages[i] == NULL) {
            give_back(machine, structure, structure_bytes, held, i);
            return NULL;
        }
    }
    *memory_bytes = (uint32_t)memory + page_count * VFS_PAGE_BYTES;
    return structure;
}

void held_destroy(const struct vfs_machine *machine, void *structure, size_t structure_bytes, struct held_bytes *held) {
    give_back(machine, structure, structure_bytes, held, held->page_count);
}

uint8_t *held_piece(struct held_bytes *held, uint32_t at, size_t *size_bytes) {
    size_t left = held->room_bytes - at;
    if (held->page_count == 0) {
        *size_bytes = left;
        return held->bytes + at;
    }
    size_t in_page = VFS_PAGE_BYTES - at % VFS_PAGE_BYTES;
    *size_bytes = left < in_page ? left : in_page;
    return held->pages[at / VFS_PAGE_BYTES] + at % VFS_PAGE_BYTES;
}

int held_fill(struct held_bytes *held, uint32_t *at, struct transfer *transfer) {
    while (*at < held->room_bytes) {
        size_t size;
        uint8_t *piece = held_piece(held, *at, &size);
        size_t copied = transfer_in(transfer, piece, size);
        *at += (uint32_t)copied;
        int status = copied < size ? transfer_bring_in(transfer) : 0;
        if (status != 0)
            return status;
    }
    return 0;
}

int held_copy(struct held_bytes *held, uint32_t at, uint32_t size_bytes, struct transfer *transfer,
              size_t *done_bytes) {
    uint32_t end = at + size_bytes;
    while (at < end) {
        size_t there;
        const uint8_t *piece = held_piece(held, at, &there);
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
