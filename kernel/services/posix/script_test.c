/* The first lines of scripts, as Linux reads them. */
#include "kernel/services/posix/script.h"

#include "kernel/core/test/unit.h"

#include <string.h>

static bool read(const char *text, const char **interpreter, const char **argument) {
    static char line[SCRIPT_LINE_BYTES + 1];
    size_t size = strlen(text) < SCRIPT_LINE_BYTES ? strlen(text) : SCRIPT_LINE_BYTES;
    memset(line, 'x', sizeof(line));
    for (size_t i = 0; i < size; i++)
        line[i] = text[i];
    return script_read(line, size, interpreter, argument);
}

static void name_and_argument(void **state) {
    const char *interpreter, *argument;
    (void)state;
    assert_true(read("#!/bin/sh\nrest", &interpreter, &argument));
    assert_string_equal(interpreter, "/bin/sh");
    assert_null(argument);
    assert_true(read("#! \t/bin/sh  -e -x \t\nrest", &interpreter, &argument));
    assert_string_equal(interpreter, "/bin/sh");
    assert_string_equal(argument, "-e -x");
    assert_true(read("#!sh", &interpreter, &argument));
    assert_string_equal(interpreter, "sh");
    assert_true(read("#!/bin/sh ", &interpreter, &argument));
    assert_null(argument);
}

static void what_is_no_script(void **state) {
    const char *interpreter, *argument;
    (void)state;
    assert_false(read("", &interpreter, &argument));
    assert_false(read("#", &interpreter, &argument));
    assert_false(read("#!", &interpreter, &argument));
    assert_false(read("#!  \n", &interpreter, &argument));
    assert_false(read("# !/bin/sh\n", &interpreter, &argument));
    assert_false(read("\177ELF", &interpreter, &argument));
}

static void a_name_that_does_not_fit(void **state) {
    const char *interpreter, *argument;
    char text[SCRIPT_LINE_BYTES + 20];
    (void)state;
    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = 0;
    memcpy(text, "#!/", 3);
    assert_false(read(text, &interpreter, &argument));
    text[100] = ' '; /* the argument is cut, as on Linux */
    assert_true(read(text, &interpreter, &argument));
    assert_int_equal(strlen(interpreter), 98);
    assert_int_equal(strlen(argument), SCRIPT_LINE_BYTES - 101);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(name_and_argument),
        cmocka_unit_test(what_is_no_script),
        cmocka_unit_test(a_name_that_does_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
