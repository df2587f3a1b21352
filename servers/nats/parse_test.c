#include "servers/nats/parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct nats_command command;
static size_t used_bytes;
static const char *fault;

/* In memory of its exact size, so that the sanitizer sees a read behind it. */
static enum nats_parse_result parse_bytes(const char *bytes, size_t length_bytes) {
    char *copy = length_bytes > 0 ? test_malloc(length_bytes) : NULL;
    static char kept[8192];
    if (length_bytes > 0)
        memcpy(copy, bytes, length_bytes);
    enum nats_parse_result result =
        nats_parse(copy != NULL ? copy : "", length_bytes, 1024, &command, &used_bytes, &fault);
    if (copy != NULL && length_bytes <= sizeof kept) { /* what the command points to outlives the copy */
        memcpy(kept, copy, length_bytes);
        struct nats_text *texts[] = {&command.subject, &command.reply,   &command.queue, &command.id,
                                     &command.options, &command.headers, &command.data};
        for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
            if (texts[i]->text != NULL)
                texts[i]->text = kept + (texts[i]->text - copy);
    }
    test_free(copy);
    return result;
}

static enum nats_parse_result parse(const char *text) {
    return parse_bytes(text, strlen(text));
}

static void assert_text(struct nats_text text, const char *wanted) {
    if (wanted == NULL) {
        assert_null(text.text);
        return;
    }
    assert_non_null(text.text);
    assert_int_equal(text.length_bytes, strlen(wanted));
    assert_memory_equal(text.text, wanted, strlen(wanted));
}

static void operations_are_read(void **state) {
    (void)state;
    static const struct {
        const char *input;
        enum nats_operation operation;
        const char *subject, *reply, *queue, *id, *options, *headers, *data;
        uint64_t maximum;
    } rows[] = {
        {"PING\r\n", NATS_PING, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0},
        {"pong\n", NATS_PONG, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0},
        {"CONNECT {\"a\": 1, \"b\": [2]} \r\n", NATS_CONNECT, NULL, NULL, NULL, NULL, "{\"a\": 1, \"b\": [2]}", NULL,
         NULL, 0},
        {"SUB a.* 7\r\n", NATS_SUB, "a.*", NULL, NULL, "7", NULL, NULL, NULL, 0},
        {"sub\ta.>  group \t 7\r\n", NATS_SUB, "a.>", NULL, "group", "7", NULL, NULL, NULL, 0},
        {"UNSUB 7\r\n", NATS_UNSUB, NULL, NULL, NULL, "7", NULL, NULL, NULL, 0},
        {"UNSUB 7 12\r\n", NATS_UNSUB, NULL, NULL, NULL, "7", NULL, NULL, NULL, 12},
        {"PUB a.b 0\r\n\r\n", NATS_PUB, "a.b", NULL, NULL, NULL, NULL, NULL, "", 0},
        {"PUB a.b to 5\r\nhel\nl\r\n", NATS_PUB, "a.b", "to", NULL, NULL, NULL, NULL, "hel\nl", 0},
        {"HPUB a 12 14\r\nNATS/1.0\r\n\r\nhi\r\n", NATS_HPUB, "a", NULL, NULL, NULL, NULL, "NATS/1.0\r\n\r\n", "hi", 0},
        {"HPUB a to 12 12\r\nNATS/1.0\r\n\r\n\r\n", NATS_HPUB, "a", "to", NULL, NULL, NULL, "NATS/1.0\r\n\r\n", "", 0},
        {"+OK\r\n", NATS_OK, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0},
        {"-ERR 'what'\r\n", NATS_ERROR, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t length_bytes = strlen(rows[i].input);
        for (size_t part = 0; part < length_bytes; part++) /* every beginning of it wants more */
            assert_int_equal(parse_bytes(rows[i].input, part), NATS_PARSE_MORE);
        assert_int_equal(parse(rows[i].input), NATS_PARSE_COMPLETE);
        assert_int_equal(used_bytes, length_bytes);
        assert_int_equal(command.operation, rows[i].operation);
        assert_text(command.subject, rows[i].subject);
        assert_text(command.reply, rows[i].reply);
        assert_text(command.queue, rows[i].queue);
        assert_text(command.id, rows[i].id);
        assert_text(command.options, rows[i].options);
        assert_text(command.headers, rows[i].headers);
        assert_text(command.data, rows[i].data);
        assert_int_equal(command.maximum, rows[i].maximum);
    }
}

static void one_operation_is_taken_at_a_time(void **state) {
    (void)state;
    assert_int_equal(parse("PUB a 2\r\nhi\r\nPING\r\n"), NATS_PARSE_COMPLETE);
    assert_int_equal(used_bytes, 13);
}

static void faults_are_named_in_the_servers_words(void **state) {
    (void)state;
    static const struct {
        const char *input, *fault;
    } rows[] = {
        {"GET / HTTP/1.1\r\n", "Unknown Protocol Operation"},
        {"\r\n", "Unknown Protocol Operation"},
        {"  \r\n", "Unknown Protocol Operation"},
        {"CONNECT\r\n", "Parser Error"},
        {"SUB\r\n", "Parser Error"},
        {"SUB a\r\n", "Parser Error"},
        {"SUB a b c d\r\n", "Parser Error"},
        {"UNSUB\r\n", "Parser Error"},
        {"UNSUB 1 -2\r\n", "Parser Error"},
        {"UNSUB 1 99999999999999999999\r\n", "Parser Error"},
        {"PUB a\r\n", "Parser Error"},
        {"PUB a x\r\n", "Parser Error"},
        {"PUB a b c d e f g h i j 1\r\n", "Parser Error"},
        {"PUB a 2\r\nhello\r\n", "Parser Error"},
        {"PUB a 2\r\nhi\rx", "Parser Error"},
        {"PUB a 1025\r\n", "Maximum Payload Violation"},
        {"PUB a 999999999999999999\r\n", "Maximum Payload Violation"},
        {"HPUB a 3 2\r\nhi\r\n", "Parser Error"},
        {"HPUB a 2\r\n", "Parser Error"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(parse(rows[i].input), NATS_PARSE_FAULT);
        assert_string_equal(fault, rows[i].fault);
    }
}

static void a_line_without_end_is_cut_off(void **state) {
    (void)state;
    static char line[NATS_CONTROL_LINE_MAX + 8];
    memset(line, 'a', sizeof line);
    assert_int_equal(parse_bytes(line, NATS_CONTROL_LINE_MAX), NATS_PARSE_MORE);
    assert_int_equal(parse_bytes(line, sizeof line), NATS_PARSE_FAULT);
    assert_string_equal(fault, "Maximum Control Line Exceeded");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operations_are_read),
        cmocka_unit_test(one_operation_is_taken_at_a_time),
        cmocka_unit_test(faults_are_named_in_the_servers_words),
        cmocka_unit_test(a_line_without_end_is_cut_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
