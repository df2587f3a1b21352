/* Unit tests of virtio's disk: an honest one in and out of order, a small queue, errors, and one that lies. */
#include "kernel/machine/bare/drivers/virtio_block.h"

#include "grove/abi/status.h"
#include "kernel/core/test/unit.h"
#include "kernel/machine/bare/drivers/test/played.h"
#include "kernel/machine/bare/drivers/virtio_mmio.h"

#include <stdlib.h>
#include <string.h>

#define SECTORS 64u
#define REQUESTS 40u

static struct virtio_block driver;
static uint8_t disk[SECTORS][BLOCK_SECTOR_BYTES];
static unsigned flushes;

struct test_request {
    struct block_request request; /* first */
    unsigned done;
    int status;
    uint8_t bytes[2 * BLOCK_SECTOR_BYTES];
};

static void note(struct block_request *request, int status) {
    struct test_request *test = (struct test_request *)request;
    test->done++;
    test->status = status;
}

static void begin(void) {
    struct virtio_device device;
    const struct registers registers = played_registers();
    const uint64_t sectors = SECTORS;
    flushes = 0;
    memset(disk, 0, sizeof(disk));
    memcpy(played.configuration, &sectors, sizeof(sectors));
    assert_int_equal(virtio_mmio_open(&registers, 5, false, &device), 0);
    assert_int_equal(virtio_block_start(&driver, &device, "vda"), 0);
}

static void stop(void) {
    device_memory_give_back(driver.headers);
    device_memory_give_back(driver.queue.memory);
    assert_int_equal(played_pieces, 0);
}

static void make(struct test_request *test, enum block_operation operation, uint64_t sector, uint32_t sectors) {
    memset(test, 0, sizeof(*test));
    test->request = (struct block_request){.operation = operation,
                                           .sector = sector,
                                           .sectors = sectors,
                                           .physical = device_memory_physical(test->bytes),
                                           .done = note};
}

/* What an honest disk does with a request; its result is `result`. */
static void serve(int head, uint8_t result) {
    const struct virtqueue_descriptor *first = played_descriptor((unsigned)head);
    const struct virtio_block_header *header = (const void *)played_memory(first);
    const struct virtqueue_descriptor *second = played_descriptor(first->next), *last = second;
    uint32_t written = 1;
    assert_int_equal(first->size_bytes, 16);
    if (header->kind != 4) {
        last = played_descriptor(second->next);
        if (header->kind == 0) {
            memcpy(played_memory(second), disk[header->sector], second->size_bytes);
            written += second->size_bytes;
        } else {
            memcpy(disk[header->sector], played_memory(second), second->size_bytes);
        }
        assert_int_equal((second->flags & 2) != 0, header->kind == 0);
    } else {
        flushes++;
    }
    assert_int_equal(last->size_bytes, 1);
    *played_memory(last) = result;
    played_use((uint32_t)head, written);
}

static void serve_all(void) {
    for (int head; (head = played_next()) >= 0;)
        serve(head, 0);
    played_interrupt();
}

static void sectors_are_written_and_read(void **state) {
    static struct test_request writing, reading, flush;
    (void)state;
    played_begin(VIRTIO_KIND_BLOCK);
    played.features = VIRTIO_FEATURE_VERSION_1 | 1u << 9;
    begin();
    assert_int_equal(driver.block.sectors, SECTORS);
    make(&writing, BLOCK_WRITE, 7, 2);
    for (unsigned i = 0; i < sizeof(writing.bytes); i++)
        writing.bytes[i] = (uint8_t)(i * 5);
    assert_int_equal(block_submit(&driver.block, &writing.request), 0);
    serve_all();
    make(&reading, BLOCK_READ, 7, 2);
    make(&flush, BLOCK_FLUSH, 0, 0);
    assert_int_equal(block_submit(&driver.block, &reading.request), 0);
    assert_int_equal(block_submit(&driver.block, &flush.request), 0);
    assert_int_equal(reading.done, 0);
    serve_all();
    assert_int_equal(reading.done, 1);
    assert_int_equal(flush.done, 1);
    assert_int_equal(flushes, 1);
    assert_int_equal(reading.status, 0);
    assert_memory_equal(reading.bytes, writing.bytes, sizeof(reading.bytes));
    stop();
}

static void what_does_not_lie_on_the_disk_is_refused(void **state) {
    static const struct {
        enum block_operation operation;
        uint64_t sector;
        uint32_t sectors;
        int status;
    } cases[] = {{BLOCK_READ, SECTORS, 1, GROVE_INVALID},
                 {BLOCK_READ, SECTORS - 1, 2, GROVE_INVALID},
                 {BLOCK_READ, UINT64_MAX, 1, GROVE_INVALID},
                 {BLOCK_READ, 0, 0, GROVE_INVALID},
                 {BLOCK_READ, 0, BLOCK_SECTORS_MAX + 1, GROVE_INVALID},
                 {BLOCK_FLUSH + 1, 0, 1, GROVE_INVALID},
                 {BLOCK_WRITE, 0, 1, GROVE_READ_ONLY}};
    static struct test_request request;
    (void)state;
    played_begin(VIRTIO_KIND_BLOCK);
    played.features = VIRTIO_FEATURE_VERSION_1 | 1u << 5;
    begin();
    for (unsigned i = 0; i < ITEMS(cases); i++) {
        make(&request, cases[i].operation, cases[i].sector, cases[i].sectors);
        assert_int_equal(block_submit(&driver.block, &request.request), cases[i].status);
        assert_int_equal(request.done, 0);
    }
    make(&request, BLOCK_FLUSH, 0, 0); /* of a disk that keeps all it has done */
    assert_int_equal(block_submit(&driver.block, &request.request), 0);
    assert_int_equal(request.done, 1);
    assert_int_equal(played_next(), -1);
    stop();
}

static void more_than_the_queue_holds_waits(void **state) {
    static struct test_request requests[REQUESTS];
    (void)state;
    for (uint32_t size = 4; size <= 64; size *= 2) {
        played_begin(VIRTIO_KIND_BLOCK);
        played.queue_size_max = size;
        begin();
        for (unsigned i = 0; i < REQUESTS; i++) {
            make(&requests[i], i % 2 == 0 ? BLOCK_WRITE : BLOCK_READ, i, 1);
            requests[i].bytes[0] = (uint8_t)(i + 1);
            assert_int_equal(block_submit(&driver.block, &requests[i].request), 0);
        }
        for (unsigned round = 0; round < REQUESTS; round++)
            serve_all();
        for (unsigned i = 0; i < REQUESTS; i++) {
            assert_int_equal(requests[i].done, 1);
            assert_int_equal(requests[i].status, 0);
            assert_int_equal(disk[i][0], i % 2 == 0 ? i + 1 : 0);
        }
        stop();
    }
}

static void a_disk_says_what_went_wrong(void **state) {
    static struct test_request request;
    (void)state;
    played_begin(VIRTIO_KIND_BLOCK);
    begin();
    for (unsigned result = 1; result < 256; result += 50) {
        make(&request, BLOCK_READ, 3, 1);
        assert_int_equal(block_submit(&driver.block, &request.request), 0);
        serve(played_next(), (uint8_t)result);
        played_interrupt();
        assert_int_equal(request.done, 1);
        assert_int_equal(request.status, GROVE_IO);
    }
    make(&request, BLOCK_READ, 3, 1); /* it says that all is well, and has written nothing */
    assert_int_equal(block_submit(&driver.block, &request.request), 0);
    int head = played_next();
    memset(driver.headers, 0, sizeof(*driver.headers) * VIRTIO_BLOCK_REQUESTS_MAX);
    played_use((uint32_t)head, 1);
    played_interrupt();
    assert_int_equal(request.status, GROVE_IO);
    stop();
}

static void a_lie_ends_all_requests_once(void **state) {
    static struct test_request requests[REQUESTS], late;
    (void)state;
    played_begin(VIRTIO_KIND_BLOCK);
    begin();
    for (unsigned i = 0; i < REQUESTS; i++) {
        make(&requests[i], BLOCK_READ, i, 1);
        assert_int_equal(block_submit(&driver.block, &requests[i].request), 0);
    }
    serve(played_next(), 0);
    played_use(UINT32_MAX, 1);
    played_interrupt();
    for (unsigned i = 0; i < REQUESTS; i++) {
        assert_int_equal(requests[i].done, 1);
        assert_int_equal(requests[i].status, i == 0 ? 0 : GROVE_IO);
    }
    assert_int_equal(played.status & ~128u, 0); /* it was reset */
    make(&late, BLOCK_READ, 0, 1);
    assert_int_equal(block_submit(&driver.block, &late.request), 0);
    assert_int_equal(late.status, GROVE_IO);
    assert_int_equal(late.done, 1);
    played_interrupt();
    assert_int_equal(late.done, 1);
    stop();
}

static void who_waits_sleeps_until_it_is_done(void **state) {
    static uint8_t bytes[BLOCK_SECTOR_BYTES];
    struct block_request request = {
        .operation = BLOCK_READ, .sector = 9, .sectors = 1, .physical = device_memory_physical(bytes)};
    (void)state;
    played_begin(VIRTIO_KIND_BLOCK);
    begin();
    disk[9][17] = 0xd1;
    played.sleep = serve_all;
    assert_int_equal(block_wait(&driver.block, &request), 0);
    assert_int_equal(bytes[17], 0xd1);
    request.sectors = SECTORS;
    assert_int_equal(block_wait(&driver.block, &request), GROVE_INVALID);
    stop();
}

static void a_disk_of_absurd_size_is_given_up(void **state) {
    struct virtio_device device;
    const struct registers registers = played_registers();
    (void)state;
    played_begin(VIRTIO_KIND_BLOCK);
    memset(played.configuration, 0xff, 8);
    assert_int_equal(virtio_mmio_open(&registers, 5, false, &device), 0);
    assert_int_equal(virtio_block_start(&driver, &device, "vda"), GROVE_UNSUPPORTED);
    assert_int_equal(played_pieces, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sectors_are_written_and_read),      cmocka_unit_test(what_does_not_lie_on_the_disk_is_refused),
        cmocka_unit_test(more_than_the_queue_holds_waits),   cmocka_unit_test(a_disk_says_what_went_wrong),
        cmocka_unit_test(a_lie_ends_all_requests_once),      cmocka_unit_test(who_waits_sleeps_until_it_is_done),
        cmocka_unit_test(a_disk_of_absurd_size_is_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
