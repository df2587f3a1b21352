/* What the tests of kept logs share: a folder of their own, and all text of a log. */
#ifndef SERVERS_LOG_TESTING_SUPPORT_H
#define SERVERS_LOG_TESTING_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "servers/log/kept.h"

struct fixture {
    char path[64];
    int parent;
    struct kept_limits limits; /* the usual ones */
    struct kept kept; /* of "p.service" */
};
int set_up(void **state);
int tear_down(void **state);
void open_again(struct fixture *fixture);
/* The name of a file in the folder of the log. */
const char *path_of(const struct fixture *fixture, const char *file);
/* Append a line of standard output. */
void say(struct fixture *fixture, uint64_t time_ns, const char *text);
/* All text from a position on, put together. Returns in how many pages it came. */
unsigned collect(struct fixture *fixture, struct kept_position position, uint64_t since_ns, char *text,
                 size_t text_bytes);
#define assert_log(fixture, expected) \
    do { \
        char text_of_log[1024]; \
        (void)collect(fixture, (struct kept_position){0}, 0, text_of_log, sizeof text_of_log); \
        assert_string_equal(text_of_log, expected); \
    } while (0)

#endif
