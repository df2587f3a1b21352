/*
 * The bytes of a message or packet that a socket holds: behind the structure that has them, if they are few, and in pages
 * otherwise. `struct held_bytes` is the last member of that structure. Bytes are copied in and out without locks.
 */
#ifndef GROVE_NET_HELD_H
#define GROVE_NET_HELD_H

#include "kernel/services/vfs/machine.h"
#include "kernel/services/vfs/transfer.h"

#define HELD_INLINE_BYTES 512u /* more lie in pages */

struct held_bytes {
    uint32_t room_bytes;
    uint32_t page_count; /* 0: they lie in `bytes` */
    union {
        uint8_t *pages[1];
        uint8_t bytes[1];
    };
};

/*
 * A structure of structure_bytes that ends with bytes for room_bytes at held_at, all zero but for those. *memory_bytes is what it
 * takes in all, its pages too. NULL without memory; else the caller's, until held_destroy.
 */
void *held_create(const struct vfs_machine *machine, size_t structure_bytes, size_t held_at, uint32_t room_bytes,
                  uint32_t *memory_bytes);
void held_destroy(const struct vfs_machine *machine, void *structure, size_t structure_bytes, struct held_bytes *held);

/* The bytes at a position that lie together, and how many they are. */
uint8_t *held_piece(struct held_bytes *held, uint32_t at, size_t *size_bytes);
/* From a program, from *at to the end of the room; *at moves along. Errors of the transfer. */
int held_fill(struct held_bytes *held, uint32_t *at, struct transfer *transfer);
/* To a program; *done_bytes grows by what it got. Errors of the transfer. */
int held_copy(struct held_bytes *held, uint32_t at, uint32_t size_bytes, struct transfer *transfer, size_t *done_bytes);

#endif
