/* The kernel's formatted text says what the C library's says, and cuts where it must. */
#include "kernel/machine/bare/text/format.h"

#include "kernel/core/test/unit.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

static size_t format(char *buffer, size_t room, const char *text, ...) __attribute__((format(printf, 3, 4)));
static size_t format(char *buffer, size_t room, const char *text, ...) {
    va_list arguments;
    va_start(arguments, text);
    size_t length = format_text(buffer, room, text, arguments);
    va_end(arguments);
    return length;
}

#define SAME(...) \
    do { \
        char ours[160], theirs[160]; \
        size_t length = format(ours, sizeof(ours), __VA_ARGS__); \
        assert_int_equal(length, (size_t)snprintf(theirs, sizeof(theirs), __VA_ARGS__)); \
        assert_string_equal(ours, theirs); \
    } while (0)

static void it_says_what_printf_says(void **state) {
    (void)state;
    SAME("plain");
    SAME("%d %i %u %x %X", -5, 7, 4000000000u, 0xbeefu, 0xbeefu);
    SAME("%ld %lu %lx", LONG_MIN, ULONG_MAX, ULONG_MAX);
    SAME("%zu %llu", (size_t)12, 3ULL);
    SAME("[%5d][%-5d][%05d]", 42, 42, -42);
    SAME("[%8s][%-8s][%.2s][%.*s]", "abc", "abc", "abc", 1, "abc");
    SAME("[%*d][%016lx]", 6, 1, 0xffff800000000000UL);
    SAME("%c%c 100%%", 'a', 'b');
    SAME("%p", (void *)(uintptr_t)0x1234);
}

static void a_text_that_is_too_long_is_cut(void **state) {
    (void)state;
    char buffer[6] = "xxxxx";
    assert_int_equal(format(buffer, 4, "%s", "abcdefg"), 7);
    assert_string_equal(buffer, "abc");
    assert_int_equal(buffer[4], 'x');
    assert_int_equal(format(buffer, 0, "%s", "abc"), 3);
    assert_string_equal(buffer, "abc");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_says_what_printf_says),
        cmocka_unit_test(a_text_that_is_too_long_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
