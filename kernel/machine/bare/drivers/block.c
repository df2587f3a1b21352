/* Disks: see block.h. */
#include "kernel/machine/bare/drivers/block.h"

#include "grove/abi/status.h"
#include "kernel/machine/bare/thread/thread.h"

struct waiting_request {
    struct block_request request; /* first */
    struct spinlock lock;
    struct wait_queue queue;
    bool is_done;
    int status;
};

int block_submit(struct block_device *device, struct block_request *request) {
    bool has_sectors = request->operation != BLOCK_FLUSH;
    if (request->operation > BLOCK_FLUSH)
        return GROVE_INVALID;
    if (has_sectors && (request->sectors == 0 || request->sectors > BLOCK_SECTORS_MAX ||
                        request->sector >= device->sectors || request->sectors > device->sectors - request->sector))
        return GROVE_INVALID;
    if (request->operation == BLOCK_WRITE && device->is_read_only)
        return GROVE_READ_ONLY;
    device->submit(device, request);
    return 0;
}

/* The sleeper may go on, and its stack with the request, as soon as the lock is given up: nothing is touched after that. */
static void wake(struct block_request *request, int status) {
    struct waiting_request *waiting = (struct waiting_request *)request;
    spinlock_lock(&waiting->lock);
    waiting->status = status;
    waiting->is_done = true;
    wait_wake(&waiting->queue);
    spinlock_unlock(&waiting->lock);
}

int block_wait(struct block_device *device, struct block_request *request) {
    struct waiting_request waiting = {.request = *request};
    waiting.request.done = wake;
    int status = block_submit(device, &waiting.request);
    if (status < 0)
        return status;
    spinlock_lock(&waiting.lock);
    while (!waiting.is_done)
        thread_sleep_firmly(&waiting.queue, &waiting.lock);
    spinlock_unlock(&waiting.lock);
    return waiting.status;
}
