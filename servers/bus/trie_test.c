/* The trie against a slow definition: match every pattern with every subject, token by token. */
#include "servers/bus/trie.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "grove/abi/status.h"

#define PATTERNS 300u
#define TEXT_BYTES 32u

static bool slow_match(const char *pattern, const char *subject) {
    for (;;) {
        size_t p = strcspn(pattern, "."), s = strcspn(subject, ".");
        if (p == 1 && pattern[0] == '>')
            return s > 0;
        if (!(p == 1 && pattern[0] == '*') && (p != s || memcmp(pattern, subject, p) != 0))
            return false;
        if (pattern[p] == '\0' || subject[s] == '\0')
            return pattern[p] == subject[s];
        pattern += p + 1;
        subject += s + 1;
    }
}

static unsigned seed = 7;
static unsigned draw(unsigned below) {
    seed = seed * 1103515245u + 12345u;
    return (seed >> 16) % below;
}

static void make_text(char text[TEXT_BYTES], bool is_pattern) {
    static const char *const tokens[] = {"a", "b", "cc", "*"};
    unsigned count = 1 + draw(4);
    size_t length = 0;
    for (unsigned i = 0; i < count; i++) {
        bool is_rest = is_pattern && i + 1 == count && draw(4) == 0;
        length += (size_t)snprintf(text + length, TEXT_BYTES - length, "%s%s", i > 0 ? "." : "",
                                   is_rest ? ">" : tokens[draw(is_pattern ? 4 : 3)]);
    }
}

static unsigned hits[PATTERNS];
static void hit(void *value, void *context) {
    (void)context;
    (*(unsigned *)value)++;
}

static void it_matches_what_the_definition_matches(void **state) {
    (void)state;
    static char patterns[PATTERNS][TEXT_BYTES];
    struct trie trie;
    assert_int_equal(trie_init(&trie, 4096), 0);
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < PATTERNS; i++) {
            make_text(patterns[i], true);
            assert_int_equal(trie_add(&trie, patterns[i], &hits[i]), 0);
        }
        for (unsigned i = 0; i < PATTERNS; i += 3)
            trie_remove(&trie, patterns[i], &hits[i]);
        for (unsigned turn = 0; turn < 2000; turn++) {
            char subject[TEXT_BYTES];
            make_text(subject, false);
            memset(hits, 0, sizeof hits);
            trie_match(&trie, subject, hit, NULL);
            for (unsigned i = 0; i < PATTERNS; i++)
                assert_int_equal(hits[i], i % 3 != 0 && slow_match(patterns[i], subject));
        }
        for (unsigned i = 0; i < PATTERNS; i++)
            trie_remove(&trie, patterns[i], &hits[i]);
        assert_int_equal(trie.nodes, 0);
    }
    trie_deinit(&trie);
}

static void it_is_bounded(void **state) {
    (void)state;
    struct trie trie;
    unsigned value;
    assert_int_equal(trie_init(&trie, 3), 0);
    assert_int_equal(trie_add(&trie, "a.b", &value), 0);
    assert_int_equal(trie_add(&trie, "c.d.e", &value), GROVE_EXHAUSTED);
    assert_int_equal(trie.nodes, 2); /* what was made for it is gone again */
    assert_int_equal(trie_add(&trie, "a.c", &value), 0);
    trie_deinit(&trie);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_matches_what_the_definition_matches),
        cmocka_unit_test(it_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
