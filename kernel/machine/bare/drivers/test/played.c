/* A virtio device and a machine, played: see played.h. */
#include "kernel/machine/bare/drivers/test/played.h"

#include "grove/abi/status.h"
#include "kernel/machine/bare/thread/thread.h"

#include <stdlib.h>
#include <string.h>

struct played played;
uint32_t played_queue;
unsigned played_pieces;

void played_begin(uint32_t kind) {
    played_queue = 0;
    played =
        (struct played){.version = 2, .kind = kind, .queue_size_max = 16, .features = VIRTIO_FEATURE_VERSION_1 | 0x0f};
}

/* The one that the driver talks of. */
static struct played_queue *selected(void) {
    return &played.queues[played.selected % PLAYED_QUEUES];
}

static uint32_t read(void *context, uint64_t offset, unsigned bytes) {
    (void)context;
    if (offset >= 0x100)
        return bytes == 1 && offset - 0x100 < sizeof(played.configuration) ? played.configuration[offset - 0x100] : 0;
    switch (offset) {
    case 0x000:
        return 0x74726976;
    case 0x004:
        return played.version;
    case 0x008:
        return played.kind;
    case 0x010:
        return (uint32_t)(played.features >> (32 * (played.words[0] & 1)));
    case 0x034:
        return played.selected < PLAYED_QUEUES ? played.queue_size_max : 0;
    case 0x044:
        return selected()->ready;
    case 0x060:
        return played.pending;
    case 0x070:
        return played.status;
    default:
        return 0;
    }
}

static void write_status(uint32_t value) {
    if (value == 0 && played.never_resets)
        return;
    played.status = played.refuses_features ? value & ~8u : value;
}

static void write(void *context, uint64_t offset, unsigned bytes, uint32_t value) {
    (void)context;
    (void)bytes;
    if (offset >= 0x080 && offset < 0x0a8) {
        unsigned which = (unsigned)(offset - 0x080) / 16, shift = offset % 16 == 4 ? 32 : 0;
        selected()->addresses[which] |= (uint64_t)value << shift;
        return;
    }
    switch (offset) {
    case 0x014:
        played.words[0] = value;
        break;
    case 0x020:
        played.agreed |= (uint64_t)value << (32 * (played.words[1] & 1));
        break;
    case 0x024:
        played.words[1] = value;
        break;
    case 0x030:
        played.selected = value;
        break;
    case 0x038:
        selected()->size = value;
        break;
    case 0x044:
        selected()->ready = value;
        break;
    case 0x050:
        played.notices++;
        if (played.noticed != NULL)
            played.noticed(value);
        break;
    case 0x064:
        played.pending &= ~value;
        break;
    case 0x070:
        write_status(value);
        break;
    default:
        break;
    }
}

struct registers played_registers(void) {
    return (struct registers){.read = read, .write = write};
}

static struct virtqueue_memory *queue_memory(void) {
    return (struct virtqueue_memory *)(uintptr_t)played.queues[played_queue].addresses[0];
}

int played_next(void) {
    struct virtqueue_memory *memory = queue_memory();
    struct played_queue *queue = &played.queues[played_queue];
    if (!queue->ready || memory->available.index == queue->next_available)
        return -1;
    return memory->available.ring[queue->next_available++ % queue->size];
}

const struct virtqueue_descriptor *played_descriptor(unsigned number) {
    return &queue_memory()->descriptors[number];
}

uint8_t *played_memory(const struct virtqueue_descriptor *descriptor) {
    return (uint8_t *)(uintptr_t)descriptor->address;
}

void played_use(uint32_t head, uint32_t written_bytes) {
    struct virtqueue_memory *memory = queue_memory();
    uint16_t place = (uint16_t)(memory->used.index % played.queues[played_queue].size);
    memory->used.ring[place].head = head;
    memory->used.ring[place].written_bytes = written_bytes;
    memory->used.index++;
}

void played_interrupt(void) {
    played.pending = 1;
    played.handler(played.handler_context);
}

/* ---- the machine ---- */

void thread_sleep_firmly(struct wait_queue *queue, struct spinlock *held) {
    (void)queue;
    spinlock_unlock(held);
    played.sleep();
    spinlock_lock(held);
}

int interrupt_claim_line(uint32_t line, bool is_old, bool is_level, interrupt_handler *handler, void *context) {
    (void)is_old;
    (void)is_level;
    if (line == UINT32_MAX)
        return GROVE_NOT_FOUND;
    played.handler = handler;
    played.handler_context = context;
    return 0;
}

int interrupt_claim_message(interrupt_handler *handler, void *context, struct interrupt_message *message) {
    *message = (struct interrupt_message){.address = 0xfee00000, .data = 0x41};
    return interrupt_claim_line(0, false, false, handler, context);
}

struct registers registers_in_memory(uint64_t physical, uint64_t size) {
    (void)size;
    struct registers registers = played_registers();
    registers.base = physical;
    return registers;
}

void *device_memory_take(size_t size, uint64_t *physical) {
    void *memory = aligned_alloc(4096, (size + 4095) & ~(size_t)4095);
    if (memory == NULL)
        return NULL;
    memset(memory, 0, (size + 4095) & ~(size_t)4095);
    *physical = (uint64_t)(uintptr_t)memory;
    played_pieces++;
    return memory;
}

void device_memory_give_back(void *memory) {
    if (memory != NULL)
        played_pieces--;
    free(memory);
}

uint64_t device_memory_physical(const void *memory) {
    return (uint64_t)(uintptr_t)memory;
}
