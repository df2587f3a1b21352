/* Numbers: given out in turn, not while anybody bears them, and bounded. */
#include "kernel/services/posix/test/world.h"

static void numbers_come_in_turn(void **state) {
    struct number *first, *second, *third;
    (void)state;
    posix_begin();
    processes_lock();
    assert_int_equal(number_take(0, &first), 0);
    assert_int_equal(number_take(0, &second), 0);
    assert_int_equal(second->value, first->value + 1);
    int32_t value = first->value;
    assert_ptr_equal(number_find(value), first);
    number_unref(first);
    assert_null(number_find(value));
    assert_int_equal(number_take(0, &third), 0);
    assert_int_equal(third->value, value + 2);
    number_unref(second);
    number_unref(third);
    processes_unlock();
    posix_end();
}

static void a_number_comes_back_when_nobody_bears_it(void **state) {
    static struct number *all[NUMBERS_MAX];
    int32_t count = 0, kept = 0;
    (void)state;
    posix_begin();
    processes_lock();
    while (number_take(0, &all[count]) == 0)
        count++;
    assert_int_equal(count, NUMBERS_MAX - 2); /* 0 is none, and 1 is process 1's */
    kept = all[100]->value;
    (void)number_ref(all[100]);
    number_unref(all[100]);
    assert_int_equal(number_take(0, &all[count]), -LINUX_EAGAIN);
    number_unref(all[100]);
    assert_int_equal(number_take(0, &all[100]), 0);
    assert_int_equal(all[100]->value, kept);
    for (int32_t i = 0; i < count; i++)
        number_unref(all[i]);
    processes_unlock();
    posix_end();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_come_in_turn),
        cmocka_unit_test(a_number_comes_back_when_nobody_bears_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
