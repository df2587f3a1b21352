#include "servers/nats/tokens.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define HASH "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static char path[64];
static int folder;

static int make_folder(void **state) {
    (void)state;
    (void)snprintf(path, sizeof path, "/tmp/grove-tokens-XXXXXX");
    if (mkdtemp(path) == NULL)
        return -1;
    folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return folder < 0 ? -1 : 0;
}

static int remove_folder(void **state) {
    (void)state;
    (void)unlinkat(folder, "tokens", 0);
    (void)unlinkat(folder, "tokens.new", 0);
    (void)close(folder);
    return rmdir(path);
}

static struct nats_token_record record_of(const char *name, uint32_t kind, const char *pattern) {
    struct nats_token_record record = {.version = NATS_PROTOCOL_VERSION, .right_count = 1};
    (void)snprintf(record.name.text, sizeof record.name.text, "%s", name);
    record.rights[0].kind = kind;
    (void)snprintf(record.rights[0].pattern, sizeof record.rights[0].pattern, "%s", pattern);
    return record;
}

static void open_tokens(struct tokens *tokens) {
    unsigned line = 0;
    assert_int_equal(tokens_open(tokens, folder, &line), 0);
}

static void a_token_is_kept_and_known_by_its_secret(void **state) {
    (void)state;
    struct tokens tokens;
    char one[NATS_SECRET_BYTES], other[NATS_SECRET_BYTES];
    struct nats_token_record record = record_of("laboratory", GROVE_CAP_BUS_SUB, "grid.>");
    struct nats_token_record second = record_of("office", GROVE_CAP_BUS_PUB, "note.*");
    open_tokens(&tokens);
    assert_int_equal(tokens_add(&tokens, &record, one), 0);
    assert_int_equal(tokens_add(&tokens, &second, other), 0);
    assert_int_equal(tokens_add(&tokens, &record, one), GROVE_EXISTS);
    assert_string_not_equal(one, other);
    tokens_close(&tokens);
    open_tokens(&tokens);
    assert_int_equal(tokens.count, 2);
    const struct token *found = tokens_find_secret(&tokens, NULL, one, strlen(one));
    assert_non_null(found);
    assert_string_equal(found->record.name.text, "laboratory");
    assert_ptr_equal(tokens_find_secret(&tokens, "laboratory", one, strlen(one)), found);
    assert_null(tokens_find_secret(&tokens, "office", one, strlen(one)));
    assert_null(tokens_find_secret(&tokens, NULL, one, strlen(one) - 1));
    assert_null(tokens_find_secret(&tokens, NULL, "", 0));
    tokens_close(&tokens);
}

static void the_file_holds_no_secret_and_is_private(void **state) {
    (void)state;
    struct tokens tokens;
    char secret[NATS_SECRET_BYTES], text[4096];
    struct stat facts;
    struct nats_token_record record = record_of("laboratory", GROVE_CAP_BUS_SUB, "grid.>");
    open_tokens(&tokens);
    assert_int_equal(tokens_add(&tokens, &record, secret), 0);
    int descriptor = openat(folder, "tokens", O_RDONLY | O_CLOEXEC);
    ssize_t length = read(descriptor, text, sizeof text - 1);
    assert_int_equal(fstat(descriptor, &facts), 0);
    (void)close(descriptor);
    assert_true(length > 0);
    text[length] = '\0';
    assert_null(strstr(text, secret));
    assert_non_null(strstr(text, " BUS_SUB:grid.>\n"));
    assert_int_equal(facts.st_mode & 0777, 0600);
    tokens_close(&tokens);
}

static void a_removed_one_is_unknown(void **state) {
    (void)state;
    struct tokens tokens;
    char one[NATS_SECRET_BYTES], other[NATS_SECRET_BYTES];
    struct nats_token_record record = record_of("a", GROVE_CAP_BUS_SUB, ">"),
                             second = record_of("b", GROVE_CAP_BUS_SUB, ">");
    open_tokens(&tokens);
    assert_int_equal(tokens_add(&tokens, &record, one), 0);
    assert_int_equal(tokens_add(&tokens, &second, other), 0);
    assert_int_equal(tokens_remove(&tokens, "c"), GROVE_NOT_FOUND);
    assert_int_equal(tokens_remove(&tokens, "a"), 0);
    tokens_close(&tokens);
    open_tokens(&tokens);
    assert_null(tokens_find_secret(&tokens, NULL, one, strlen(one)));
    assert_non_null(tokens_find_secret(&tokens, NULL, other, strlen(other)));
    tokens_close(&tokens);
}

static void rights_cover_what_their_patterns_cover(void **state) {
    (void)state;
    struct token token = {.record = record_of("a", GROVE_CAP_BUS_SUB, "grid.*.frequency")};
    assert_true(token_allows(&token, GROVE_CAP_BUS_SUB, "grid.one.frequency"));
    assert_true(token_allows(&token, GROVE_CAP_BUS_SUB, "grid.*.frequency"));
    assert_false(token_allows(&token, GROVE_CAP_BUS_SUB, "grid.>"));
    assert_false(token_allows(&token, GROVE_CAP_BUS_SUB, "grid.one.voltage"));
    assert_false(token_allows(&token, GROVE_CAP_BUS_PUB, "grid.one.frequency"));
    assert_false(token_allows(&token, GROVE_CAP_BUS_SUB, ""));
}

static void malformed_records_are_refused(void **state) {
    (void)state;
    struct nats_token_record record = record_of("a b", GROVE_CAP_BUS_SUB, "x");
    assert_non_null(token_fault(&record));
    record = record_of("a", GROVE_CAP_STORE_READ, "x");
    assert_non_null(token_fault(&record));
    record = record_of("a", GROVE_CAP_BUS_SUB, "x..y");
    assert_non_null(token_fault(&record));
    record = record_of("a", GROVE_CAP_BUS_SUB, "x");
    assert_null(token_fault(&record));
    record.right_count = 0;
    assert_non_null(token_fault(&record));
    record.right_count = NATS_TOKEN_RIGHTS_MAX + 1;
    assert_non_null(token_fault(&record));
    memset(record.rights[0].pattern, 'a', sizeof record.rights[0].pattern);
    record.right_count = 1;
    assert_non_null(token_fault(&record));
}

static void a_damaged_file_lets_nobody_in(void **state) {
    (void)state;
    static const struct {
        const char *text;
        unsigned line; /* 0: it is good */
    } rows[] = {
        {"", 0},
        {"grove-tokens 1\n", 0},
        {"grove-tokens 1\na " HASH " BUS_SUB:x BUS_PUB:y.>\n", 0},
        {"grove-tokens 2\n", 1},
        {"grove-tokens 1", 1},
        {"grove-tokens 1\na " HASH " BUS_SUB:x", 2},
        {"grove-tokens 1\na " HASH "\n", 2},
        {"grove-tokens 1\n\n", 2},
        {"grove-tokens 1\na 0011 BUS_SUB:x\n", 2},
        {"grove-tokens 1\na " HASH "00 BUS_SUB:x\n", 2},
        {"grove-tokens 1\na " HASH " BUS_SUX:x\n", 2},
        {"grove-tokens 1\na " HASH " BUS_SUB:x..y\n", 2},
        {"grove-tokens 1\na " HASH " BUS_SUB:x\na " HASH " BUS_SUB:x\n", 3},
    };
    struct tokens tokens = {.items = calloc(NATS_TOKENS_MAX, sizeof(struct token))};
    assert_non_null(tokens.items);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        unsigned line = 0;
        int status = tokens_parse(&tokens, rows[i].text, strlen(rows[i].text), &line);
        assert_int_equal(status, rows[i].line == 0 ? 0 : GROVE_CORRUPT);
        if (rows[i].line != 0)
            assert_int_equal(line, rows[i].line);
    }
    tokens_close(&tokens);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_token_is_kept_and_known_by_its_secret, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(the_file_holds_no_secret_and_is_private, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_removed_one_is_unknown, make_folder, remove_folder),
        cmocka_unit_test(rights_cover_what_their_patterns_cover),
        cmocka_unit_test(malformed_records_are_refused),
        cmocka_unit_test(a_damaged_file_lets_nobody_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
