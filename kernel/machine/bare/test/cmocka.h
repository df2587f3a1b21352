/*
 * As much of cmocka as the unit tests of kernel/core and kernel/machine/bare use, for running the same tests inside the
 * kernel. A check that fails says so and ends the run.
 */
#ifndef GROVE_BARE_CMOCKA_H
#define GROVE_BARE_CMOCKA_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct CMUnitTest {
    const char *name;
    void (*run)(void **state);
};

#define cmocka_unit_test(function) \
    { #function, function }
#define cmocka_run_group_tests(tests, setup, teardown) unit_run(tests, sizeof(tests) / sizeof((tests)[0]))

int unit_run(const struct CMUnitTest *tests, size_t count);
_Noreturn void unit_fail(const char *file, int line, const char *format, ...) __attribute__((format(printf, 3, 4)));

#define unit_check(condition, ...) \
    do { \
        if (!(condition)) \
            unit_fail(__FILE__, __LINE__, __VA_ARGS__); \
    } while (0)
#define assert_true(condition) unit_check(condition, "not true: %s", #condition)
#define assert_false(condition) unit_check(!(condition), "not false: %s", #condition)
#define assert_int_equal(a, b) \
    unit_check((uint64_t)(a) == (uint64_t)(b), "%s is %lx and %s is %lx", #a, (uint64_t)(a), #b, (uint64_t)(b))
#define assert_int_not_equal(a, b) \
    unit_check((uint64_t)(a) != (uint64_t)(b), "%s and %s are both %lx", #a, #b, (uint64_t)(a))
#define assert_ptr_equal(a, b) unit_check((const void *)(a) == (const void *)(b), "%s is not %s", #a, #b)
#define assert_null(a) unit_check((a) == NULL, "%s is there", #a)
#define assert_non_null(a) unit_check((a) != NULL, "%s is not there", #a)
#define assert_string_equal(a, b) unit_check(strcmp(a, b) == 0, "%s is \"%s\", not \"%s\"", #a, a, b)
#define assert_memory_equal(a, b, size) unit_check(memcmp(a, b, size) == 0, "%s and %s differ", #a, #b)
#define fail_msg(...) unit_fail(__FILE__, __LINE__, __VA_ARGS__)

#endif
