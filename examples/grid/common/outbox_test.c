/* The outbox, with a kill after every store that counts. */
#include "examples/grid/common/outbox.h"
#include "grove/abi/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct item {
    struct outbox_stamp stamp;
    uint64_t value;
};
#define CAPACITY 4u

static struct outbox open_box(void *memory, enum outbox_policy policy, uint64_t epoch) {
    struct outbox box;
    outbox_attach(&box, memory, sizeof(struct item), CAPACITY, policy, epoch);
    return box;
}

static void put(struct outbox *box, unsigned key, uint64_t value, int status) {
    struct item item = {.value = value};
    assert_int_equal(outbox_put(box, key, &item), status);
}

static void numbers_have_no_gap(void **state) {
    (void)state;
    void *memory = calloc(1, outbox_bytes(sizeof(struct item), CAPACITY));
    struct outbox box = open_box(memory, OUTBOX_REFUSE_NEWEST, 7);
    assert_null(outbox_next(&box));
    for (unsigned i = 0; i < CAPACITY; i++)
        put(&box, i % 2, i, 0);
    put(&box, 0, 9, GROVE_EXHAUSTED);
    assert_int_equal(box.header->refused, 1);
    for (unsigned i = 0; i < CAPACITY; i++) {
        const struct item *item = outbox_next(&box);
        assert_int_equal(item->stamp.sequence, i / 2 + 1);
        assert_int_equal(item->stamp.epoch, 7);
        assert_int_equal(item->value, i);
        outbox_accept(&box);
    }
    put(&box, 0, 10, 0);
    assert_int_equal(((const struct item *)outbox_next(&box))->stamp.sequence, 3);
    free(memory);
}

static void the_oldest_goes_when_told_so(void **state) {
    (void)state;
    void *memory = calloc(1, outbox_bytes(sizeof(struct item), CAPACITY));
    struct outbox box = open_box(memory, OUTBOX_DROP_OLDEST, 1);
    for (unsigned i = 0; i < CAPACITY + 2; i++)
        put(&box, 0, i, 0);
    assert_int_equal(box.header->dropped, 2);
    assert_int_equal(((const struct item *)outbox_next(&box))->stamp.sequence, 3);
    assert_int_equal(outbox_waiting(&box), CAPACITY);
    free(memory);
}

static void the_next_instance_goes_on(void **state) {
    (void)state;
    void *memory = calloc(1, outbox_bytes(sizeof(struct item), CAPACITY));
    struct outbox box = open_box(memory, OUTBOX_REFUSE_NEWEST, 1);
    put(&box, 3, 1, 0);
    put(&box, 3, 2, 0);
    outbox_accept(&box);
    box = open_box(memory, OUTBOX_REFUSE_NEWEST, 2);
    assert_int_equal(((const struct item *)outbox_next(&box))->stamp.sequence, 2);
    assert_int_equal(outbox_last_sequence(&box, 3), 2);
    put(&box, 3, 3, 0);
    assert_int_equal(box.header->epoch, 1);
    assert_int_equal(outbox_last_sequence(&box, 3), 3);
    free(memory);
}

/* A kill after head moved and before the numbering did: the number must not be given twice. */
static void a_kill_inside_put(void **state) {
    (void)state;
    void *memory = calloc(1, outbox_bytes(sizeof(struct item), CAPACITY));
    struct outbox box = open_box(memory, OUTBOX_REFUSE_NEWEST, 1);
    put(&box, 5, 1, 0);
    put(&box, 5, 2, 0);
    box.header->next_sequence[5] = 2;
    box = open_box(memory, OUTBOX_REFUSE_NEWEST, 2);
    assert_int_equal(outbox_last_sequence(&box, 5), 2);
    /* And before head moved: the item was never put, the number is free. */
    put(&box, 5, 3, 0);
    box.header->head--;
    box.header->next_sequence[5] = 3;
    box = open_box(memory, OUTBOX_REFUSE_NEWEST, 2);
    assert_int_equal(outbox_last_sequence(&box, 5), 2);
    free(memory);
}

static void renumbering_keeps_what_waits(void **state) {
    (void)state;
    void *memory = calloc(1, outbox_bytes(sizeof(struct item), CAPACITY));
    struct outbox box = open_box(memory, OUTBOX_REFUSE_NEWEST, 1);
    put(&box, 0, 1, 0);
    outbox_renumber(&box, 2);
    put(&box, 0, 2, 0);
    assert_int_equal(((const struct item *)outbox_next(&box))->stamp.epoch, 1);
    outbox_accept(&box);
    assert_int_equal(((const struct item *)outbox_next(&box))->stamp.epoch, 2);
    assert_int_equal(((const struct item *)outbox_next(&box))->stamp.sequence, 1);
    free(memory);
}

static void nonsense_begins_anew(void **state) {
    (void)state;
    size_t bytes = outbox_bytes(sizeof(struct item), CAPACITY);
    void *memory = malloc(bytes);
    memset(memory, 0x5a, bytes);
    struct outbox box = open_box(memory, OUTBOX_REFUSE_NEWEST, 11);
    assert_int_equal(box.header->epoch, 11);
    assert_int_equal(outbox_waiting(&box), 0);
    put(&box, 0, 1, 0);
    box.header->head = 100;
    box = open_box(memory, OUTBOX_REFUSE_NEWEST, 12);
    assert_int_equal(box.header->epoch, 12);
    assert_int_equal(outbox_last_sequence(&box, 0), 0);
    free(memory);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_have_no_gap),       cmocka_unit_test(the_oldest_goes_when_told_so),
        cmocka_unit_test(the_next_instance_goes_on), cmocka_unit_test(a_kill_inside_put),
        cmocka_unit_test(nonsense_begins_anew),      cmocka_unit_test(renumbering_keeps_what_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
