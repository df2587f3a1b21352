/*
 * A split virtqueue: virtio 1.2, section 2.7. The driver's side, written against a device that may do anything: every index
 * and length that it writes is checked, and what the driver must know it keeps to itself and never reads back from memory that
 * the device sees. Once the device was caught, the queue gives nothing out any more.
 *
 * No lock: the caller has one.
 */
#ifndef GROVE_BARE_VIRTQUEUE_H
#define GROVE_BARE_VIRTQUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VIRTQUEUE_SIZE_MAX 64u
#define VIRTQUEUE_SIZE_NONE ((uint16_t)0xffff)

struct virtqueue_descriptor {
    uint64_t address;
    uint32_t size_bytes;
    uint16_t flags, next;
};

/* What is seen by the device, in one piece of memory: VIRTQUEUE_BYTES, aligned to 16. */
struct virtqueue_memory {
    struct virtqueue_descriptor descriptors[VIRTQUEUE_SIZE_MAX];
    struct {
        uint16_t flags, index;
        uint16_t ring[VIRTQUEUE_SIZE_MAX];
        uint16_t reserved; /* where the used event would be */
    } available;
    struct {
        uint16_t flags, index;
        struct {
            uint32_t head, written_bytes;
        } ring[VIRTQUEUE_SIZE_MAX];
        uint16_t reserved;
    } used;
};

#define VIRTQUEUE_OFFSET_AVAILABLE offsetof(struct virtqueue_memory, available)
#define VIRTQUEUE_OFFSET_USED offsetof(struct virtqueue_memory, used)

/* Physical memory that the device reads, or writes. */
struct virtqueue_piece {
    uint64_t address;
    uint32_t size_bytes;
};

/* What the driver knows of a descriptor. */
struct virtqueue_slot {
    void *token; /* of a request, at its head; NULL: it is no head of one that is under way */
    uint32_t writable_bytes; /* of a head: what the device may say that it wrote, at most */
    uint16_t next, pieces; /* the free list, or the request's chain, whose length is the head's `pieces` */
};

struct virtqueue {
    struct virtqueue_memory *memory;
    uint16_t size, free_count, free_first, next_available, next_used;
    bool is_broken; /* the device did what none may do */
    struct virtqueue_slot slots[VIRTQUEUE_SIZE_MAX];
};

/* `size` is a power of two up to VIRTQUEUE_SIZE_MAX. `memory` is all zero. */
void virtqueue_init(struct virtqueue *queue, struct virtqueue_memory *memory, uint16_t size);
/*
 * Hand the device a request: pieces that it reads, then pieces that it writes, at least one in all. `token` is not NULL.
 * GROVE_NO_MEMORY: the queue is too full for it; GROVE_CLOSED: it is broken.
 */
int virtqueue_add(struct virtqueue *queue, const struct virtqueue_piece *pieces, uint16_t readable, uint16_t writable,
                  void *token);
/* Whether the device wants to be told of what was added. */
bool virtqueue_wants_notice(const struct virtqueue *queue);
/*
 * Take a request back that the device is through with. GROVE_NOT_FOUND: there is none; GROVE_INVALID: the device lied, and the
 * queue is broken from now on; GROVE_CLOSED: it was already.
 */
int virtqueue_take(struct virtqueue *queue, void **token, uint32_t *written_bytes);

#endif
