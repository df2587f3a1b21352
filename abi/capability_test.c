/*
 * "Covers" against a slow definition: an argument is the set of what it allows, and A covers B when B's set is inside
 * A's. The sets are enumerated over small universes (all short paths, all short names, all addresses of a few bits), so
 * every answer of the fast functions is compared with the definition.
 */
#include "grove/abi/capability.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define UNIVERSE_MAX 4096

static struct grove_argument text_argument(uint16_t kind, const char *text) {
    struct grove_argument argument = {.kind = kind, .length_bytes = (uint16_t)strlen(text)};
    memcpy(argument.value.text, text, strlen(text));
    return argument;
}

/* ---- paths: the universe is every path of at most three of these names ---- */

static const char *const path_names[] = {"a", "ab", "b", "a.b"};

static size_t make_paths(char paths[][16]) {
    size_t count = 0;
    strcpy(paths[count++], "/");
    for (size_t i = 0; i < 4; i++) {
        snprintf(paths[count++], 16, "/%s", path_names[i]);
        for (size_t j = 0; j < 4; j++) {
            snprintf(paths[count++], 16, "/%s/%s", path_names[i], path_names[j]);
            for (size_t k = 0; k < 4; k++)
                snprintf(paths[count++], 16, "/%s/%s/%s", path_names[i], path_names[j], path_names[k]);
        }
    }
    return count;
}

/* A path allows itself and everything whose text goes on with a slash; "/" allows all. */
static bool path_allows(const char *path, const char *other) {
    size_t length = strlen(path);
    if (strcmp(path, "/") == 0 || strcmp(path, other) == 0)
        return true;
    return strncmp(other, path, length) == 0 && other[length] == '/';
}

static void paths_cover_what_lies_below(void **state) {
    (void)state;
    static char paths[UNIVERSE_MAX][16];
    size_t count = make_paths(paths);
    for (size_t i = 0; i < count; i++) {
        struct grove_argument wide = text_argument(GROVE_ARGUMENT_PATH, paths[i]);
        assert_true(grove_argument_is_valid(&wide));
        for (size_t j = 0; j < count; j++) {
            struct grove_argument narrow = text_argument(GROVE_ARGUMENT_PATH, paths[j]);
            bool is_inside = true;
            for (size_t k = 0; k < count; k++)
                is_inside = is_inside && (!path_allows(paths[j], paths[k]) || path_allows(paths[i], paths[k]));
            if (grove_argument_covers(&wide, &narrow) != is_inside)
                fail_msg("%s covers %s: not as defined", paths[i], paths[j]);
        }
    }
}

static void malformed_paths_are_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"", "a", "//", "/a/", "/a//b", "/.", "/a/..", "/../a", "/a/./b", "./a"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct grove_argument argument = text_argument(GROVE_ARGUMENT_PATH, bad[i]);
        if (grove_argument_is_valid(&argument))
            fail_msg("the path \"%s\" passed", bad[i]);
    }
    struct grove_argument argument = text_argument(GROVE_ARGUMENT_PATH, "/a");
    argument.value.text[1] = '\0';
    assert_false(grove_argument_is_valid(&argument));
    argument = text_argument(GROVE_ARGUMENT_PATH, "/...");
    assert_true(grove_argument_is_valid(&argument));
    argument.length_bytes = GROVE_ARGUMENT_TEXT_MAX + 1;
    assert_false(grove_argument_is_valid(&argument));
}

/* ---- patterns: the universe is every name of one to four of two letters ---- */

static const char *const pattern_tokens[] = {"x", "y", "*", ">"};

static size_t make_patterns(char patterns[][16], size_t token_count, size_t length_max) {
    size_t count = 0;
    for (size_t length = 1; length <= length_max; length++) {
        size_t combinations = 1;
        for (size_t i = 0; i < length; i++)
            combinations *= token_count;
        for (size_t c = 0; c < combinations; c++) {
            char text[16] = "";
            size_t rest = c;
            bool is_valid = true;
            for (size_t i = 0; i < length; i++, rest /= token_count) {
                const char *token = pattern_tokens[rest % token_count];
                is_valid = is_valid && (token[0] != '>' || i + 1 == length);
                size_t at = strlen(text);
                snprintf(text + at, sizeof text - at, "%s%s", i > 0 ? "." : "", token);
            }
            if (is_valid)
                memcpy(patterns[count++], text, sizeof text);
        }
    }
    return count;
}

/* Does a pattern allow a name? By recursion over the tokens, straight from the definition. */
static bool pattern_allows(const char *pattern, const char *name) {
    size_t token = strcspn(pattern, ".");
    size_t word = strcspn(name, ".");
    if (token == 1 && pattern[0] == '>')
        return true;
    if (!(token == 1 && pattern[0] == '*') && (token != word || strncmp(pattern, name, token) != 0))
        return false;
    if (pattern[token] == '\0' || name[word] == '\0')
        return pattern[token] == name[word];
    return pattern_allows(pattern + token + 1, name + word + 1);
}

static void patterns_cover_every_name_they_allow(void **state) {
    (void)state;
    static char patterns[UNIVERSE_MAX][16];
    static char names[UNIVERSE_MAX][16];
    size_t count = make_patterns(patterns, 4, 3);
    size_t name_count = make_patterns(names, 2, 5); /* longer than any pattern, so that ">" shows what it is */
    for (size_t i = 0; i < count; i++) {
        struct grove_argument wide = text_argument(GROVE_ARGUMENT_PATTERN, patterns[i]);
        assert_true(grove_argument_is_valid(&wide));
        for (size_t j = 0; j < count; j++) {
            struct grove_argument narrow = text_argument(GROVE_ARGUMENT_PATTERN, patterns[j]);
            bool is_inside = true;
            for (size_t k = 0; k < name_count; k++)
                is_inside =
                    is_inside && (!pattern_allows(patterns[j], names[k]) || pattern_allows(patterns[i], names[k]));
            /* "*" allows every letter, not only those of the universe: it is never inside a single one. */
            if (grove_argument_covers(&wide, &narrow) && !is_inside)
                fail_msg("%s covers %s, but allows less", patterns[i], patterns[j]);
            if (!grove_argument_covers(&wide, &narrow) && is_inside)
                fail_msg("%s does not cover %s, but allows all of it", patterns[i], patterns[j]);
        }
    }
}

static void malformed_patterns_are_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"", ".", "a.", ".a", "a..b", ">.a", "a*", "*a", "a>", "a b", "a.**", "a\n"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct grove_argument argument = text_argument(GROVE_ARGUMENT_PATTERN, bad[i]);
        if (grove_argument_is_valid(&argument))
            fail_msg("the pattern \"%s\" passed", bad[i]);
    }
}

/* ---- addresses: the universe is the last four bits of an address, four ports, two transports, two families ---- */

static struct grove_argument address_argument(uint8_t family, uint32_t value, uint32_t prefix, uint8_t transport,
                                              uint16_t first, uint16_t last) {
    struct grove_argument argument = {.kind = GROVE_ARGUMENT_ADDRESS};
    size_t bytes = family == 6 ? 16 : 4;
    argument.value.address = (struct grove_address){.family = family,
                                                    .prefix_bits = (uint8_t)(family == 0 ? 0 : bytes * 8 - 4 + prefix),
                                                    .transport = transport,
                                                    .port_first = first,
                                                    .port_last = last};
    argument.value.address.bytes[bytes - 1] = (uint8_t)(0xa0 | value);
    return argument;
}

struct endpoint_address {
    uint8_t family, value, transport;
    uint16_t port;
};

static bool address_allows(const struct grove_address *address, const struct endpoint_address *one) {
    size_t last = address->family == 6 ? 15 : 3;
    uint32_t prefix = address->prefix_bits - (uint32_t)last * 8 - 4;
    if (address->transport != 0 && address->transport != one->transport)
        return false;
    if (one->port < address->port_first || one->port > address->port_last)
        return false;
    if (address->family == 0)
        return true;
    return address->family == one->family &&
           (one->value >> (4 - prefix)) == ((address->bytes[last] & 15) >> (4 - prefix));
}

static bool is_subset(const struct grove_address *inner, const struct grove_address *outer) {
    static const uint8_t families[] = {4, 6};
    static const uint8_t transports[] = {6, 17};
    for (size_t f = 0; f < 2; f++)
        for (uint8_t value = 0; value < 16; value++)
            for (size_t t = 0; t < 2; t++)
                for (uint16_t port = 0; port < 4; port++) {
                    struct endpoint_address one = {families[f], value, transports[t], port};
                    if (address_allows(inner, &one) && !address_allows(outer, &one))
                        return false;
                }
    return true;
}

static size_t make_addresses(struct grove_argument *arguments) {
    static const uint8_t families[] = {0, 4, 6};
    static const uint8_t transports[] = {0, 6, 17};
    size_t count = 0;
    for (size_t f = 0; f < 3; f++)
        for (uint32_t prefix = 0; prefix <= (families[f] == 0 ? 0u : 4u); prefix += 2)
            for (uint32_t value = 0; value < 16; value += 5)
                for (size_t t = 0; t < 3; t++)
                    for (uint16_t first = 0; first < 4; first++)
                        arguments[count++] =
                            address_argument(families[f], value, prefix, transports[t], first, first == 0 ? 3 : first);
    return count;
}

static void addresses_cover_what_lies_inside(void **state) {
    (void)state;
    static struct grove_argument arguments[UNIVERSE_MAX];
    size_t count = make_addresses(arguments);
    for (size_t i = 0; i < count; i++) {
        assert_true(grove_argument_is_valid(&arguments[i]));
        for (size_t j = 0; j < count; j++) {
            bool is_covered = grove_argument_covers(&arguments[i], &arguments[j]);
            bool is_inside = is_subset(&arguments[j].value.address, &arguments[i].value.address);
            if (is_covered && !is_inside)
                fail_msg("address %zu covers %zu, but allows less", i, j);
            /*
             * "Any family" and "any transport" are more than the ones of this universe, so an address that names all of
             * those need not cover it.
             */
            bool is_open = arguments[j].value.address.family == 0 || arguments[j].value.address.transport == 0;
            if (!is_covered && is_inside && !is_open)
                fail_msg("address %zu does not cover %zu, but allows all of it", i, j);
        }
    }
}

static void malformed_addresses_are_refused(void **state) {
    (void)state;
    struct grove_argument argument = address_argument(4, 1, 4, 6, 80, 80);
    assert_true(grove_argument_is_valid(&argument));
    argument.value.address.prefix_bits = 33;
    assert_false(grove_argument_is_valid(&argument));
    argument = address_argument(4, 1, 4, 7, 80, 80);
    assert_false(grove_argument_is_valid(&argument));
    argument = address_argument(4, 1, 4, 6, 81, 80);
    assert_false(grove_argument_is_valid(&argument));
    argument = address_argument(5, 1, 4, 6, 80, 80);
    assert_false(grove_argument_is_valid(&argument));
    argument = address_argument(4, 1, 4, 6, 80, 80);
    argument.length_bytes = 1;
    assert_false(grove_argument_is_valid(&argument));
}

/* ---- the rest ---- */

static void the_whole_range_covers_everything(void **state) {
    (void)state;
    const struct grove_argument all = {.kind = GROVE_ARGUMENT_NONE};
    struct grove_argument path = text_argument(GROVE_ARGUMENT_PATH, "/");
    struct grove_argument pattern = text_argument(GROVE_ARGUMENT_PATTERN, ">");
    assert_true(grove_argument_covers(&all, &all));
    assert_true(grove_argument_covers(&all, &path));
    assert_false(grove_argument_covers(&path, &all));
    assert_false(grove_argument_covers(&pattern, &all));
    assert_false(grove_argument_covers(&pattern, &path));
}

static void quantities_cover_what_is_not_larger(void **state) {
    (void)state;
    const uint64_t amounts[] = {0, 1, 2, UINT64_MAX - 1, UINT64_MAX};
    for (size_t i = 0; i < 5; i++)
        for (size_t j = 0; j < 5; j++) {
            struct grove_argument wide = {.kind = GROVE_ARGUMENT_QUANTITY, .value.quantity = amounts[i]};
            struct grove_argument narrow = {.kind = GROVE_ARGUMENT_QUANTITY, .value.quantity = amounts[j]};
            assert_int_equal(grove_argument_covers(&wide, &narrow), i >= j);
        }
}

static void kinds_have_their_arguments(void **state) {
    (void)state;
    assert_int_equal(grove_capability_argument_kind(GROVE_CAP_FS_READ), GROVE_ARGUMENT_PATH);
    assert_int_equal(grove_capability_argument_kind(GROVE_CAP_SCHED_RT), GROVE_ARGUMENT_QUANTITY);
    assert_int_equal(grove_capability_argument_kind(GROVE_CAP_CONTAINER), GROVE_ARGUMENT_NONE);
    assert_int_equal(grove_capability_argument_kind(UINT16_MAX), GROVE_ARGUMENT_NONE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_cover_what_lies_below),          cmocka_unit_test(malformed_paths_are_refused),
        cmocka_unit_test(patterns_cover_every_name_they_allow), cmocka_unit_test(malformed_patterns_are_refused),
        cmocka_unit_test(addresses_cover_what_lies_inside),     cmocka_unit_test(malformed_addresses_are_refused),
        cmocka_unit_test(the_whole_range_covers_everything),    cmocka_unit_test(quantities_cover_what_is_not_larger),
        cmocka_unit_test(kinds_have_their_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
