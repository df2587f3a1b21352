/*
 * Times and versions as people write them.
 */
#include "userspace/manifest/test_support.h"

static void durations(void **state) {
    static const struct {
        const char *text;
        uint64_t ns;
    } good[] = {{"250ms", 250000000},   {"5", 5000000000},  {"5s", 5000000000},
                {"2m", 120000000000},   {"0", 0},           {"1.5s", 1500000000},
                {"10us", 10000},        {"7ns", 7},         {"1h", 3600000000000},
                {"1d", 86400000000000}, {"0.000000001s", 1}};
    static const char *const bad[] = {"",   "s",      "-1s",          "1 s",           "1.s",
                                      "1x", "1.5.5s", "99999999999d", "0.0000000001s", "9223372036854775808ns"};
    uint64_t ns;
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(value_duration(good[i].text, &ns), 0);
        assert_true(ns == good[i].ns);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(value_duration(bad[i], &ns), GROVE_INVALID);
}

static void versions(void **state) {
    static const char *const bad[] = {"", "v1", "1.", ".1", "1..2", "1.2.3.4", "65536", "1-2", " 1"};
    struct grove_version version;
    (void)state;
    assert_int_equal(value_version("1.2.3", &version), 0);
    assert_int_equal(version.major * 10000 + version.minor * 100 + version.patch, 10203);
    assert_int_equal(value_version("65535", &version), 0);
    assert_int_equal(version.major, 65535);
    assert_int_equal(version.minor, 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(value_version(bad[i], &version), GROVE_INVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(durations), cmocka_unit_test(versions)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
