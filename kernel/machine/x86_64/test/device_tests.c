/* What can only be tested with the machine's devices: see tests.h. */
#include "kernel/machine/x86_64/cpu/processor.h"
#include "kernel/machine/x86_64/devices/devices.h"
#include "kernel/machine/x86_64/test/tests.h"
#include "kernel/machine/x86_64/time/clock.h"

#include <string.h>

#define DEADLINE_NS UINT64_C(30000000000)

/* The device answers each time it is asked, by an interrupt; without one the processor's instruction has to do. */
const char *self_test_random(void) {
    struct virtio_random *device = devices_random();
    uint8_t first[64], second[64];
    for (unsigned i = 0; i < 4 && device != NULL; i++) {
        uint64_t before = __atomic_load_n(&device->mixed, __ATOMIC_RELAXED), end = clock_now_ns() + DEADLINE_NS;
        virtio_random_ask(device);
        while (__atomic_load_n(&device->mixed, __ATOMIC_RELAXED) == before)
            if (clock_now_ns() > end)
                return "the device of random numbers does not answer";
    }
    if ((device != NULL || processor_features.has_random) && !random_is_ready(&random_kernel))
        return "there are no random numbers";
    random_fill(&random_kernel, first, sizeof(first));
    random_fill(&random_kernel, second, sizeof(second));
    return memcmp(first, second, sizeof(first)) == 0 ? "random numbers come twice" : NULL;
}
