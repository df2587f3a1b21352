/* Unit tests of the device of random numbers: an honest one, one that refuses, and one that lies. */
#include "kernel/machine/bare/drivers/virtio_random.h"

#include "grove/abi/status.h"
#include "kernel/core/test/unit.h"
#include "kernel/machine/bare/drivers/test/played.h"
#include "kernel/machine/bare/drivers/virtio_mmio.h"

#include <string.h>

#define STATUS_ALL (1u | 2u | 4u | 8u)
#define STATUS_FAILED 128u

static struct virtio_random driver;
static struct random_pool pool;

static int start(void) {
    struct virtio_device device;
    const struct registers registers = played_registers();
    pool = (struct random_pool){0};
    int status = virtio_mmio_open(&registers, 5, false, &device);
    return status == 0 ? virtio_random_start(&driver, &device, &pool) : status;
}

static void stop(void) {
    device_memory_give_back(driver.bytes);
    device_memory_give_back(driver.queue.memory);
    assert_int_equal(played_pieces, 0);
}

static void what_it_gives_is_mixed_in(void **state) {
    (void)state;
    played_begin(VIRTIO_KIND_RANDOM);
    assert_int_equal(start(), 0);
    assert_int_equal(played.status, STATUS_ALL);
    assert_int_equal(played.agreed, VIRTIO_FEATURE_VERSION_1);
    assert_int_equal(played.queues[0].size, 16);
    for (unsigned i = 1; i <= 3; i++) {
        assert_int_equal(played.notices, i);
        int head = played_next();
        assert_true(head >= 0);
        const struct virtqueue_descriptor *descriptor = played_descriptor((unsigned)head);
        assert_int_equal(descriptor->flags, 2); /* for the device to write */
        assert_int_equal(descriptor->size_bytes, VIRTIO_RANDOM_BYTES);
        memset(played_memory(descriptor), 0x5a, 16);
        played_use((uint32_t)head, 16);
        played_interrupt();
        assert_int_equal(played.pending, 0);
        assert_int_equal(driver.mixed, 16 * i);
        assert_int_equal(pool.bits, i < 2 ? 128 : 256);
        assert_int_equal(driver.bytes[0], 0);
        virtio_random_ask(&driver);
        virtio_random_ask(&driver); /* once is enough */
    }
    stop();
}

static void a_device_that_cannot_be_used_is_given_up(void **state) {
    (void)state;
    played_begin(VIRTIO_KIND_RANDOM);
    played.features &= ~VIRTIO_FEATURE_VERSION_1;
    assert_int_equal(start(), GROVE_UNSUPPORTED);
    played_begin(VIRTIO_KIND_RANDOM);
    played.refuses_features = true;
    assert_int_equal(start(), GROVE_UNSUPPORTED);
    played_begin(VIRTIO_KIND_RANDOM);
    played.status = 1;
    played.never_resets = true;
    assert_int_equal(start(), GROVE_UNSUPPORTED);
    played_begin(VIRTIO_KIND_RANDOM);
    played.queue_size_max = 0;
    assert_int_equal(start(), GROVE_NOT_FOUND);
    assert_true((played.status & STATUS_FAILED) != 0);
    played_begin(VIRTIO_KIND_RANDOM);
    played.version = 1;
    assert_int_equal(start(), GROVE_NOT_FOUND);
    played_begin(0);
    assert_int_equal(start(), GROVE_NOT_FOUND);
    assert_int_equal(played_pieces, 0);
}

static void a_lie_ends_it(void **state) {
    (void)state;
    played_begin(VIRTIO_KIND_RANDOM);
    assert_int_equal(start(), 0);
    int head = played_next();
    played_use((uint32_t)head, VIRTIO_RANDOM_BYTES + 1);
    played_interrupt();
    assert_int_equal(driver.mixed, 0);
    assert_true((played.status & STATUS_FAILED) != 0);
    virtio_random_ask(&driver);
    played_interrupt(); /* without a reason */
    assert_int_equal(played_next(), -1);
    stop();
}

static void a_queue_is_no_larger_than_either_wants(void **state) {
    static const struct { uint32_t offered, taken; } sizes[] = {{1, 1}, {3, 2}, {64, 64}, {1000, 64}, {UINT32_MAX, 64}};
    (void)state;
    for (unsigned i = 0; i < ITEMS(sizes); i++) {
        played_begin(VIRTIO_KIND_RANDOM);
        played.queue_size_max = sizes[i].offered;
        assert_int_equal(start(), 0);
        assert_int_equal(played.queues[0].size, sizes[i].taken);
        stop();
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_it_gives_is_mixed_in),
        cmocka_unit_test(a_device_that_cannot_be_used_is_given_up),
        cmocka_unit_test(a_lie_ends_it),
        cmocka_unit_test(a_queue_is_no_larger_than_either_wants),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
