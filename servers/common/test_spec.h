/*
 * Specs for unit tests: a name, what it provides and requires, and nothing else.
 */
#ifndef SERVERS_TEST_SPEC_H
#define SERVERS_TEST_SPEC_H

#include "grove/abi/spec.h"

struct test_interface {
    const char *name; /* NULL ends the list */
    struct grove_version version, below;
    uint32_t flags;
};
/* A spec that passes grove_spec_check, malloc'ed. The lists may be NULL. */
struct grove_spec *test_spec(const char *name, const struct test_interface *provides,
                             const struct test_interface *requires);

#endif
