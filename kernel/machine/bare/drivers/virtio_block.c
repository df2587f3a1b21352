/*
 * Virtio's disk: see virtio_block.h. Requests that the queue has no room for wait in a list. A device that was caught is reset,
 * so that it touches no memory any more, and then everything that it had ends with an error.
 *
 * Requests are told that they are done after the lock was given up: they may submit others.
 */
#include "kernel/machine/bare/drivers/virtio_block.h"

#include "grove/abi/status.h"

#define FEATURE_READ_ONLY (UINT64_C(1) << 5)
#define FEATURE_FLUSH (UINT64_C(1) << 9)
#define CONFIGURATION_SECTORS 0u
#define SECTORS_LIMIT (UINT64_C(1) << 48)
#define KIND_READ 0u
#define KIND_WRITE 1u
#define KIND_FLUSH 4u
#define RESULT_GOOD 0u
#define RESULT_NOT_WRITTEN 0xffu
#define HEADER_BYTES 16u
#define RESULT_OFFSET 16u

_Static_assert(offsetof(struct virtio_block_header, result) == RESULT_OFFSET, "as the device is told");

static void append(struct virtio_block *driver, struct block_request *request) {
    request->next = NULL;
    if (driver->first_waiting == NULL)
        driver->first_waiting = request;
    else
        driver->last_waiting->next = request;
    driver->last_waiting = request;
}

/* False: there is no room for it now. */
static bool start_request(struct virtio_block *driver, struct block_request *request) {
    static const uint32_t kinds[] = {[BLOCK_READ] = KIND_READ, [BLOCK_WRITE] = KIND_WRITE, [BLOCK_FLUSH] = KIND_FLUSH};
    struct virtio_block_slot *slot = driver->free;
    if (slot == NULL)
        return false;
    bool is_flush = request->operation == BLOCK_FLUSH, is_read = request->operation == BLOCK_READ;
    uint64_t header = driver->headers_physical + slot->number * sizeof(struct virtio_block_header);
    const struct virtqueue_piece whole[VIRTIO_BLOCK_PIECES] = {
        {header, HEADER_BYTES},
        {request->physical, request->sectors * BLOCK_SECTOR_BYTES},
        {header + RESULT_OFFSET, 1}};
    const struct virtqueue_piece short_one[] = {whole[0], whole[2]};
    driver->headers[slot->number] = (struct virtio_block_header){
        .kind = kinds[request->operation], .sector = is_flush ? 0 : request->sector, .result = RESULT_NOT_WRITTEN};
    int status = is_flush ? virtqueue_add(&driver->queue, short_one, 1, 1, slot)
                          : virtqueue_add(&driver->queue, whole, is_read ? 1 : 2, is_read ? 2 : 1, slot);
    if (status < 0)
        return false;
    driver->free = slot->next;
    slot->request = request;
    return true;
}

static void start_waiting(struct virtio_block *driver) {
    bool has_started = false;
    while (driver->first_waiting != NULL && start_request(driver, driver->first_waiting)) {
        driver->first_waiting = driver->first_waiting->next;
        has_started = true;
    }
    if (has_started)
        virtio_notify(&driver->device, 0, &driver->queue);
}

static void submit(struct block_device *device, struct block_request *request) {
    struct virtio_block *driver = (struct virtio_block *)device;
    spinlock_lock(&driver->lock);
    bool is_broken = driver->is_broken;
    bool is_for_nothing = request->operation == BLOCK_FLUSH && !driver->can_flush; /* the disk keeps all it has done */
    if (!is_broken && !is_for_nothing) {
        append(driver, request);
        start_waiting(driver);
    }
    spinlock_unlock(&driver->lock);
    if (is_broken || is_for_nothing)
        request->done(request, is_broken ? GROVE_IO : 0);
}

/* A request that the device had, and its slot's end. */
static struct block_request *finish(struct virtio_block *driver, struct virtio_block_slot *slot) {
    struct block_request *request = slot->request;
    slot->request = NULL;
    slot->next = driver->free;
    driver->free = slot;
    return request;
}

/* All that the device had, and all that waited for it, as a list. */
static struct block_request *give_up(struct virtio_block *driver) {
    driver->is_broken = true;
    driver->device.transport->write_status(&driver->device, 0);
    virtio_fail(&driver->device);
    struct block_request *list = driver->first_waiting;
    driver->first_waiting = NULL;
    for (uint32_t i = 0; i < VIRTIO_BLOCK_REQUESTS_MAX; i++) {
        if (driver->slots[i].request == NULL)
            continue;
        struct block_request *request = finish(driver, &driver->slots[i]);
        request->next = list;
        list = request;
    }
    return list;
}

/* What a reading request wrote, all of it, and the result's byte; any other only that byte. */
static int result_of(const struct virtio_block *driver, const struct virtio_block_slot *slot, uint32_t written) {
    const struct block_request *request = slot->request;
    uint32_t expected = request->operation == BLOCK_READ ? request->sectors * BLOCK_SECTOR_BYTES + 1 : 1;
    uint8_t result = __atomic_load_n(&driver->headers[slot->number].result, __ATOMIC_RELAXED);
    return result == RESULT_GOOD && written == expected ? 0 : GROVE_IO;
}

/* One request that the device is through with. False: there is none. Those of a broken device come as a list. */
static bool take(struct virtio_block *driver, struct block_request **list, int *result) {
    void *token;
    uint32_t written;
    spinlock_lock(&driver->lock);
    int status = virtqueue_take(&driver->queue, &token, &written);
    if (status == 0) {
        struct virtio_block_slot *slot = token;
        *result = result_of(driver, slot, written);
        *list = finish(driver, slot);
        (*list)->next = NULL;
        start_waiting(driver);
    } else if (status == GROVE_INVALID) {
        *result = GROVE_IO;
        *list = give_up(driver);
    }
    spinlock_unlock(&driver->lock);
    return status == 0 || status == GROVE_INVALID;
}

void virtio_block_interrupt(void *context) {
    struct virtio_block *driver = context;
    struct block_request *list = NULL;
    int result = 0;
    driver->device.transport->acknowledge(&driver->device);
    while (take(driver, &list, &result)) {
        while (list != NULL) {
            struct block_request *request = list;
            list = request->next;
            request->done(request, result);
        }
    }
}

static int set_up(struct virtio_block *driver) {
    uint64_t features = 0;
    int status = virtio_begin(&driver->device, FEATURE_READ_ONLY | FEATURE_FLUSH, &features);
    if (status == 0)
        status = driver->device.transport->connect(&driver->device, virtio_block_interrupt, driver);
    if (status == 0)
        status = virtio_add_queue(&driver->device, 0, &driver->queue);
    if (status == 0 && driver->queue.size < VIRTIO_BLOCK_PIECES)
        status = GROVE_UNSUPPORTED;
    if (status < 0)
        return status;
    driver->can_flush = (features & FEATURE_FLUSH) != 0;
    driver->block.is_read_only = (features & FEATURE_READ_ONLY) != 0;
    driver->block.sectors = virtio_configuration(&driver->device, CONFIGURATION_SECTORS, sizeof(uint64_t));
    return driver->block.sectors < SECTORS_LIMIT ? 0 : GROVE_UNSUPPORTED;
}

int virtio_block_start(struct virtio_block *driver, const struct virtio_device *device, const char *name) {
    *driver = (struct virtio_block){.block = {.name = name, .submit = submit}, .device = *device};
    driver->headers =
        device_memory_take(VIRTIO_BLOCK_REQUESTS_MAX * sizeof(*driver->headers), &driver->headers_physical);
    if (driver->headers == NULL)
        return GROVE_NO_MEMORY;
    for (uint32_t i = 0; i < VIRTIO_BLOCK_REQUESTS_MAX; i++) {
        driver->slots[i].number = i;
        driver->slots[i].next = driver->free;
        driver->free = &driver->slots[i];
    }
    int status = set_up(driver);
    if (status < 0) {
        driver->device.transport->write_status(&driver->device, 0); /* it has the memory no longer */
        virtio_fail(&driver->device);
        device_memory_give_back(driver->queue.memory);
        device_memory_give_back(driver->headers);
        return status;
    }
    virtio_ready(&driver->device);
    return 0;
}
