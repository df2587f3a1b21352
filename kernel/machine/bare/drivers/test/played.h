/*
 * A virtio device behind registers in memory, played by a test, and the machine below its driver: physical addresses are
 * those of this process, and an interrupt is a call. One test at a time.
 */
#ifndef GROVE_BARE_PLAYED_H
#define GROVE_BARE_PLAYED_H

#include "kernel/machine/bare/drivers/virtio.h"

#define PLAYED_QUEUES 2u

struct played_queue {
    uint64_t addresses[3]; /* descriptors, available, used */
    uint32_t size, ready;
    uint16_t next_available;
};

struct played {
    uint32_t version, kind, queue_size_max;
    uint64_t features; /* offered */
    bool refuses_features, never_resets;
    uint8_t configuration[64];
    /* What the driver has set. */
    uint64_t agreed;
    struct played_queue queues[PLAYED_QUEUES];
    uint32_t selected; /* one of them, by the driver */
    uint32_t words[2], status, pending, notices;
    void (*noticed)(uint32_t queue); /* called when the device is told of a queue; may be NULL */
    interrupt_handler *handler;
    void *handler_context;
    void (*sleep)(void); /* called where the driver's thread would sleep */
};

extern struct played played;

/* An honest device of that kind, of which no driver knows yet. */
void played_begin(uint32_t kind);
struct registers played_registers(void);
/* Which of the device's queues the functions below are about; 0 by itself. */
extern uint32_t played_queue;
/* The next request; its head's number, or -1 if there is none. */
int played_next(void);
const struct virtqueue_descriptor *played_descriptor(unsigned number);
/* Where the driver's memory of a descriptor lies. */
uint8_t *played_memory(const struct virtqueue_descriptor *descriptor);
/* The device is through with it, and says so without an interrupt. */
void played_use(uint32_t head, uint32_t written_bytes);
void played_interrupt(void);
/* Pieces of memory that drivers have not given back. */
extern unsigned played_pieces;

#endif
