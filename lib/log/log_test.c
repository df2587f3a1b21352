/*
 * What a line looks like, that it stays one line, and that a full pipe costs a count and no wait.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "grove/grove.h"

struct captured {
    int saved, pipe[2];
};

static int begin(void **state) {
    static struct captured captured;
    captured.saved = dup(STDERR_FILENO);
    if (captured.saved < 0 || pipe2(captured.pipe, O_CLOEXEC) < 0 || dup2(captured.pipe[1], STDERR_FILENO) < 0)
        return -1;
    *state = &captured;
    return 0;
}

static int end(void **state) {
    struct captured *captured = *state;
    (void)dup2(captured->saved, STDERR_FILENO);
    (void)close(captured->saved);
    (void)close(captured->pipe[0]);
    (void)close(captured->pipe[1]);
    return 0;
}

static const char *written(const struct captured *captured) {
    static char text[2 * GROVE_LOG_LINE_MAX];
    ssize_t bytes = read(captured->pipe[0], text, sizeof text - 1);
    assert_true(bytes >= 0);
    text[bytes] = '\0';
    return text;
}

static void a_line_has_level_message_and_fields(void **state) {
    assert_int_equal(GROVE_LOG(GROVE_LOG_WARNING, "the disk is nearly full", grove_log_unsigned("used", 93),
                               grove_log_text("path", "/var"), grove_log_signed("change", -2),
                               grove_log_real("ratio", 0.5)),
                     0);
    assert_string_equal(written(*state),
                        "level=warning message=\"the disk is nearly full\" used=93 path=/var change=-2 ratio=0.5\n");
    assert_int_equal(grove_log(GROVE_LOG_DEBUG, "plain", NULL, 0), 0);
    assert_string_equal(written(*state), "level=debug message=plain\n");
    assert_int_equal(grove_log((enum grove_log_level)99, NULL, NULL, 0), 0);
    assert_string_equal(written(*state), "level=error message=\"\"\n");
}

static void a_value_cannot_end_its_line(void **state) {
    assert_int_equal(GROVE_LOG(GROVE_LOG_INFO, "a\nlevel=error", grove_log_text("b", "\"\\\r\t\x01\x7f="),
                               grove_log_text("c", NULL), grove_log_text("no key", "x"), grove_log_text("", "x")),
                     0);
    assert_string_equal(written(*state),
                        "level=info message=\"a\\nlevel=error\" b=\"\\\"\\\\\\r\\t\\x01\\x7f=\" c=\"\"\n");
}

static void what_does_not_fit_is_cut_and_says_so(void **state) {
    static char much[2 * GROVE_LOG_LINE_MAX];
    memset(much, 'x', sizeof much - 1);
    assert_int_equal(GROVE_LOG(GROVE_LOG_INFO, "short", grove_log_text("much", much), grove_log_unsigned("after", 1)),
                     0);
    assert_string_equal(written(*state), "level=info message=short cut=1\n");
    assert_int_equal(grove_log(GROVE_LOG_INFO, much, NULL, 0), 0);
    const char *line = written(*state);
    assert_memory_equal(line, "level=info message=xxxx", 23);
    assert_string_equal(line + strlen(line) - 8, "x cut=1\n");
    for (size_t bytes = GROVE_LOG_LINE_MAX - 64; bytes < GROVE_LOG_LINE_MAX; bytes++) {
        much[bytes] = '\0';
        assert_int_equal(GROVE_LOG(GROVE_LOG_INFO, "m", grove_log_text("k", much)), 0);
        line = written(*state);
        assert_true(strlen(line) <= GROVE_LOG_LINE_MAX);
        assert_int_equal(line[strlen(line) - 1], '\n');
        much[bytes] = 'x';
    }
}

static void a_full_pipe_costs_a_count_and_no_wait(void **state) {
    struct captured *captured = *state;
    static char page[GROVE_LOG_LINE_MAX];
    uint64_t lost = 0, lines = 0;
    memset(page, 'x', sizeof page);
    page[sizeof page - 64] = '\0';
    while (GROVE_LOG(GROVE_LOG_INFO, "m", grove_log_text("k", page)) == 0)
        lines++;
    assert_int_equal(grove_log_lost(), 1);
    for (lost = 1; lost < 100; lost++)
        assert_int_equal(grove_log(GROVE_LOG_INFO, "lost", NULL, 0), GROVE_AGAIN);
    assert_int_equal(grove_log_lost(), 100);
    for (uint64_t read_lines = 0; read_lines < lines;)
        for (const char *at = written(captured); (at = strchr(at, '\n')) != NULL; at++)
            read_lines++;
    assert_int_equal(grove_log(GROVE_LOG_INFO, "again", NULL, 0), 0);
    assert_string_equal(written(captured), "level=warning message=\"lines were lost here: nobody read them in time\" "
                                           "lost=100\nlevel=info message=again\n");
    assert_int_equal(grove_log_lost(), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_line_has_level_message_and_fields, begin, end),
        cmocka_unit_test_setup_teardown(a_value_cannot_end_its_line, begin, end),
        cmocka_unit_test_setup_teardown(what_does_not_fit_is_cut_and_says_so, begin, end),
        cmocka_unit_test_setup_teardown(a_full_pipe_costs_a_count_and_no_wait, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
