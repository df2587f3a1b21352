/* Devices for modules: see claims.h. A claim's lock is held while its interrupt calls, so that disconnecting waits for that. */
#include "kernel/machine/x86_64/devices/claims.h"

#include "kernel/core/list.h"
#include "kernel/machine/bare/spinlock.h"

struct claim {
    struct virtio_device device; /* its transport is the next */
    struct virtio_transport transport; /* the real one's, but for `connect` */
    const struct virtio_transport *real;
    struct spinlock lock;
    bool is_taken, is_connected;
    interrupt_handler *handler; /* NULL: nobody is called */
    void *context;
};

static struct claim claims[CLAIMS_MAX];
static uint32_t claim_count;
static struct spinlock claims_lock; /* of is_taken */

static void interrupted(void *context) {
    struct claim *claim = context;
    spinlock_lock(&claim->lock);
    if (claim->handler != NULL)
        claim->handler(claim->context);
    spinlock_unlock(&claim->lock);
}

/* Which device it is, a copy of it tells by its transport. */
static struct claim *claim_of(const struct virtio_device *device) {
    return list_item((char *)(uintptr_t)device->transport, struct claim, transport);
}

static int connect(struct virtio_device *device, interrupt_handler *handler, void *context) {
    struct claim *claim = claim_of(device);
    spinlock_lock(&claim->lock);
    claim->handler = handler;
    claim->context = context;
    spinlock_unlock(&claim->lock);
    int status = claim->is_connected ? 0 : claim->real->connect(device, interrupted, claim);
    claim->is_connected |= status == 0;
    return status;
}

void claims_offer(const struct virtio_device *device) {
    if (claim_count == CLAIMS_MAX)
        return;
    struct claim *claim = &claims[claim_count++];
    *claim = (struct claim){.device = *device, .transport = *device->transport, .real = device->transport};
    claim->transport.connect = connect;
    claim->device.transport = &claim->transport;
}

const struct virtio_device *claims_take(uint32_t kind) {
    const struct virtio_device *found = NULL;
    spinlock_lock(&claims_lock);
    for (uint32_t i = 0; i < claim_count && found == NULL; i++)
        if (!claims[i].is_taken && claims[i].device.kind == kind) {
            claims[i].is_taken = true;
            found = &claims[i].device;
        }
    spinlock_unlock(&claims_lock);
    return found;
}

void claims_disconnect(const struct virtio_device *device) {
    struct claim *claim = claim_of(device);
    spinlock_lock(&claim->lock);
    claim->handler = NULL;
    spinlock_unlock(&claim->lock);
}

void claims_give_back(const struct virtio_device *device) {
    spinlock_lock(&claims_lock);
    claim_of(device)->is_taken = false;
    spinlock_unlock(&claims_lock);
}
