/* virtio-rng as a module: the driver is that of the image, kernel/machine/bare/drivers/virtio_random.c. */
#include "kernel/machine/bare/drivers/virtio_random.h"
#include "kernel/machine/x86_64/module/exports.h"
#include "module_interface.h"

static struct virtio_random driver;
static const struct virtio_device *device;

static int start(const char *options) {
    (void)options;
    device = claims_take(VIRTIO_KIND_RANDOM);
    if (device == NULL)
        return -LINUX_ENODEV;
    int status = virtio_random_start(&driver, device, &random_kernel);
    if (status < 0) {
        claims_disconnect(device);
        claims_give_back(device);
        return -LINUX_EIO;
    }
    console_print("virtio-rng: started\n");
    return 0;
}

/* A device that does not let go of its memory stays nobody's. */
static void stop(void) {
    claims_disconnect(device);
    console_print("virtio-rng: %lu bytes were mixed in\n", __atomic_load_n(&driver.mixed, __ATOMIC_RELAXED));
    if (virtio_random_stop(&driver))
        claims_give_back(device);
}

MODULE("virtio-rng", start, stop, NULL, 0);
