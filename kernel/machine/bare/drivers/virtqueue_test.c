/* Unit tests of a virtqueue: an honest device's order and lengths, and everything that a dishonest one can write. */
#include "kernel/machine/bare/drivers/virtqueue.h"

#include "grove/abi/status.h"
#include "kernel/core/test/unit.h"

#include <string.h>

#define SIZE 8u

struct bench {
    struct virtqueue queue;
    struct virtqueue_memory memory;
};

static void begin(struct bench *bench) {
    memset(bench, 0, sizeof(*bench));
    virtqueue_init(&bench->queue, &bench->memory, SIZE);
}

/* The device says that it is through with a request. */
static void use(struct bench *bench, uint32_t head, uint32_t written) {
    uint16_t place = bench->memory.used.index % SIZE;
    bench->memory.used.ring[place].head = head;
    bench->memory.used.ring[place].written_bytes = written;
    bench->memory.used.index++;
}

static uint16_t head_of(const struct bench *bench, unsigned number) {
    return bench->memory.available.ring[number % SIZE];
}

static const struct virtqueue_piece pieces[4] = {{0x1000, 16}, {0x2000, 512}, {0x3000, 100}, {0x4000, 1}};
static int tokens[16];

static void a_chain_is_what_the_device_is_told(void **state) {
    static struct bench bench;
    (void)state;
    begin(&bench);
    assert_int_equal(virtqueue_add(&bench.queue, pieces, 2, 2, &tokens[0]), 0);
    assert_int_equal(bench.memory.available.index, 1);
    uint16_t at = head_of(&bench, 0);
    for (unsigned i = 0; i < 4; i++) {
        const struct virtqueue_descriptor *descriptor = &bench.memory.descriptors[at];
        assert_int_equal(descriptor->address, pieces[i].address);
        assert_int_equal(descriptor->size_bytes, pieces[i].size_bytes);
        assert_int_equal(descriptor->flags, (i < 3 ? 1 : 0) | (i >= 2 ? 2 : 0));
        at = descriptor->next;
    }
    void *token;
    uint32_t written;
    assert_int_equal(virtqueue_take(&bench.queue, &token, &written), GROVE_NOT_FOUND);
    use(&bench, head_of(&bench, 0), 101);
    assert_int_equal(virtqueue_take(&bench.queue, &token, &written), 0);
    assert_ptr_equal(token, &tokens[0]);
    assert_int_equal(written, 101);
    assert_int_equal(bench.queue.free_count, SIZE);
}

/* Many times round all counts, with requests of changing length that come back in any order. */
static void slots_are_neither_lost_nor_given_twice(void **state) {
    static struct bench bench;
    uint32_t random = 1, under_way = 0;
    uint16_t heads[SIZE];
    uint64_t taken = 0;
    (void)state;
    begin(&bench);
    for (unsigned step = 0; step < 300000; step++) {
        random = random * 1664525 + 1013904223;
        uint16_t count = (uint16_t)(1 + (random >> 20) % 4);
        int status = virtqueue_add(&bench.queue, pieces, 0, count, &tokens[count]);
        if (status == 0)
            heads[under_way++] = head_of(&bench, (unsigned)bench.queue.next_available - 1);
        else
            assert_int_equal(status, GROVE_NO_MEMORY);
        if (status == 0 && (random >> 28) != 0)
            continue;
        while (under_way > 0) {
            void *token;
            uint32_t written, which = (random >> 8) % under_way;
            use(&bench, heads[which], 1);
            heads[which] = heads[--under_way];
            assert_int_equal(virtqueue_take(&bench.queue, &token, &written), 0);
            taken++;
        }
        assert_int_equal(bench.queue.free_count, SIZE);
    }
    assert_true(taken > UINT16_MAX); /* past where the indices begin again */
}

static void expect_broken(struct bench *bench) {
    void *token = NULL;
    uint32_t written = 77;
    assert_int_equal(virtqueue_take(&bench->queue, &token, &written), GROVE_INVALID);
    assert_null(token);
    assert_int_equal(written, 77);
    assert_int_equal(virtqueue_take(&bench->queue, &token, &written), GROVE_CLOSED);
    assert_int_equal(virtqueue_add(&bench->queue, pieces, 1, 0, &tokens[0]), GROVE_CLOSED);
}

static void a_lying_device_is_caught(void **state) {
    static struct bench bench;
    (void)state;
    for (uint32_t head = 0; head < 300; head++) { /* anything but the head of what is under way */
        begin(&bench);
        assert_int_equal(virtqueue_add(&bench.queue, pieces, 2, 2, &tokens[0]), 0);
        if (head == head_of(&bench, 0))
            continue;
        use(&bench, head, 0);
        expect_broken(&bench);
    }
    begin(&bench);
    assert_int_equal(virtqueue_add(&bench.queue, pieces, 2, 2, &tokens[0]), 0);
    use(&bench, head_of(&bench, 0), 102); /* more than there was room for */
    expect_broken(&bench);
    begin(&bench);
    bench.memory.used.index = SIZE + 1; /* more than there can be */
    expect_broken(&bench);
}

static void the_same_request_does_not_come_back_twice(void **state) {
    static struct bench bench;
    void *token;
    uint32_t written;
    (void)state;
    begin(&bench);
    assert_int_equal(virtqueue_add(&bench.queue, pieces, 1, 1, &tokens[0]), 0);
    use(&bench, head_of(&bench, 0), 0);
    use(&bench, head_of(&bench, 0), 0);
    assert_int_equal(virtqueue_take(&bench.queue, &token, &written), 0);
    token = NULL;
    written = 77;
    expect_broken(&bench);
}

/* What it writes over its own view of the queue changes nothing of ours. */
static void what_the_device_sees_is_not_believed(void **state) {
    static struct bench bench;
    void *token;
    uint32_t written;
    (void)state;
    begin(&bench);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(virtqueue_add(&bench.queue, pieces, 1, 1, &tokens[i]), 0);
    uint16_t heads[3] = {head_of(&bench, 0), head_of(&bench, 1), head_of(&bench, 2)};
    memset(bench.memory.descriptors, 0xff, sizeof(bench.memory.descriptors));
    memset(&bench.memory.available, 0xff, sizeof(bench.memory.available));
    for (unsigned i = 3; i-- > 0;) {
        use(&bench, heads[i], 512);
        assert_int_equal(virtqueue_take(&bench.queue, &token, &written), 0);
        assert_ptr_equal(token, &tokens[i]);
    }
    assert_int_equal(virtqueue_add(&bench.queue, pieces, 1, 1, &tokens[0]), 0);
    assert_int_equal(bench.memory.available.index, 4);
}

static void it_says_whether_it_wants_notice(void **state) {
    static struct bench bench;
    (void)state;
    begin(&bench);
    assert_true(virtqueue_wants_notice(&bench.queue));
    bench.memory.used.flags = 1;
    assert_false(virtqueue_wants_notice(&bench.queue));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chain_is_what_the_device_is_told),
        cmocka_unit_test(slots_are_neither_lost_nor_given_twice),
        cmocka_unit_test(a_lying_device_is_caught),
        cmocka_unit_test(the_same_request_does_not_come_back_twice),
        cmocka_unit_test(what_the_device_sees_is_not_believed),
        cmocka_unit_test(it_says_whether_it_wants_notice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
