/* The sentences about limits. */
#include "servers/common/budget_text.h"

#include "grove/abi/spec.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_each_resource_has_its_sentence(void **state) {
    static const struct {
        uint32_t resource;
        uint64_t used, limit;
        bool is_refused;
        const char *text;
    } cases[] = {
        {GROVE_RESOURCE_MEMORY, 58u << 20, 64u << 20, false, "used 58 MiB of the 64 MiB of memory that it may have"},
        {GROVE_RESOURCE_PROCESSES, 40, 40, false, "was refused more processes: it may have 40"},
        {GROVE_RESOURCE_PROCESSOR, 250000, 250000, false, "had to wait for a processor: it may have 25% of one"},
        {GROVE_RESOURCE_CHANNELS, 256, 256, true, "was refused more channels: it may have 256"},
        {GROVE_RESOURCE_SHARED, 9u << 20, 10u << 20, true, "was refused more shared memory: it may have 10 MiB"},
        {GROVE_RESOURCE_NETWORK_TOTAL, 2u << 20, 2u << 20, false,
         "used 2 MiB of the 2 MiB of traffic that it may have"},
        {GROVE_RESOURCE_MEMORY, 0, 0, true, "went over its budget"},
        {77, 1, 2, false, "went over its budget"},
    };
    char text[96];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(
            budget_text(cases[i].resource, cases[i].used, cases[i].limit, cases[i].is_refused, text, sizeof text),
            cases[i].text);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_each_resource_has_its_sentence)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
