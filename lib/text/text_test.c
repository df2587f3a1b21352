/*
 * Texts of capabilities and quantities: what is read, what is refused and with which sentence, and that everything that
 * is formatted reads back to the same.
 */
#include "lib/text/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct grove_capability parse(const char *text) {
    struct grove_capability capability;
    char error[256] = "";
    if (text_capability_parse(text, &capability, error, sizeof(error)) < 0)
        fail_msg("%s: %s", text, error);
    return capability;
}

static void assert_format(const struct grove_capability *capability, const char *expected) {
    char text[TEXT_CAPABILITY_MAX];
    assert_int_equal(text_capability_format(capability, text, sizeof(text)), strlen(expected));
    assert_string_equal(text, expected);
}

/* The way in and out again, for texts in their one written form. */
static void canonical_texts_round_trip(void **state) {
    static const char *const texts[] = {
        "FS_READ",
        "FS_READ:/",
        "FS_WRITE:/srv/data",
        "FS_EXEC:/opt/a b/c",
        "NET_BIND:*:80",
        "NET_BIND:0.0.0.0:*",
        "NET_CONNECT:10.0.0.0/8:443/tcp",
        "NET_CONNECT:0.0.0.0/0:53/udp",
        "NET_CONNECT:[::1]:8000-8010",
        "NET_CONNECT:[fd00::/8]:*",
        "NET_BIND:127.0.0.1:0",
        "IPC_SEND:grid.historian",
        "IPC_RECV:grid.>",
        "PROC_SPAWN:*",
        "BUS_PUB:a.*.c.>",
        "SHM_CREATE:16M",
        "SHM_CREATE:0",
        "SHM_CREATE:1025",
        "SCHED_RT:20%",
        "SCHED_RT:12.5%",
        "SCHED_RT:0.0001%",
        "DEVICE:net/eth0",
        "ML_CONTEXT:logs",
        "AUDIT_READ",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct grove_capability capability = parse(texts[i]);
        assert_true(grove_argument_is_valid(&capability.argument));
        assert_int_equal(capability.rights, GROVE_RIGHT_USE | GROVE_RIGHT_DERIVE | GROVE_RIGHT_GRANT);
        assert_format(&capability, texts[i]);
    }
}

static void every_kind_has_a_text(void **state) {
    (void)state;
    for (uint16_t kind = 1; kind < (uint16_t)GROVE_CAP_KIND_COUNT; kind++) {
        const char *name = text_kind_name(kind);
        assert_non_null(name);
        assert_int_equal(text_kind_parse(name, strlen(name)), kind);
        assert_int_equal(parse(name).kind, kind);
    }
    assert_null(text_kind_name(GROVE_CAP_CONTAINER));
}

static void paths_are_normalised(void **state) {
    static const char *const pairs[][2] = {{"FS_READ:/a//b/./c/", "FS_READ:/a/b/c"},
                                           {"FS_READ:///", "FS_READ:/"},
                                           {"FS_READ:/.", "FS_READ:/"},
                                           {"FS_READ:/..a/b..", "FS_READ:/..a/b.."}};
    (void)state;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        struct grove_capability capability = parse(pairs[i][0]);
        assert_true(grove_argument_is_valid(&capability.argument));
        assert_format(&capability, pairs[i][1]);
    }
}

static void other_forms_mean_the_same(void **state) {
    (void)state;
    struct grove_capability capability = parse("NET_CONNECT:[fd00::]/8:443");
    assert_format(&capability, "NET_CONNECT:[fd00::/8]:443");
    capability = parse("NET_CONNECT:[0:0:0:0:0:0:0:1]:1-1");
    assert_format(&capability, "NET_CONNECT:[::1]:1");
    capability = parse("SHM_CREATE:1048576");
    assert_format(&capability, "SHM_CREATE:1M");
}

static void refusals_say_what_would_be_right(void **state) {
    static const char *const cases[][2] = {
        {"FS_RAED:/x", "did you mean FS_READ?"},
        {"net_connect:1.2.3.4:5", "did you mean NET_CONNECT?"},
        {"ZZZZZZZZ:/x", "KIND:ARGUMENT"},
        {"", "is missing"},
        {":", "is missing"},
        {"FS_READ:", "after FS_READ: is missing"},
        {"FS_READ:data", "not absolute"},
        {"FS_READ:/a/../b", "\"..\""},
        {"NET_BIND:127.0.0.1", "the port is missing"},
        {"NET_BIND:localhost:80", "host name"},
        {"NET_BIND::80", "host before the : is missing"},
        {"NET_BIND:1.2.3:80", "no IPv4 address"},
        {"NET_BIND:[::g]:80", "no IPv6 address"},
        {"NET_BIND:[::1:80", "the port is missing"},
        {"NET_BIND:10.1.2.3/8:80", "outside its prefix"},
        {"NET_BIND:10.0.0.0/33:80", "0 to 32"},
        {"NET_BIND:1.2.3.4:65536", "no port"},
        {"NET_BIND:1.2.3.4:http", "no port"},
        {"NET_BIND:1.2.3.4:9-8", "8-9"},
        {"NET_BIND:1.2.3.4:80/sctp", "/tcp, /udp"},
        {"NET_BIND:1.2.3.4:", "no port"},
        {"IPC_SEND:a..b", "between two dots"},
        {"IPC_SEND:a.", "between two dots"},
        {"IPC_SEND:>.a", "must come last"},
        {"IPC_SEND:a*", "no part of a name"},
        {"IPC_SEND:a b", "no part of a name"},
        {"SHM_CREATE:16X", "no size"},
        {"SHM_CREATE:-1", "no size"},
        {"SHM_CREATE:99999999999T", "no size"},
        {"SCHED_RT:20", "percentage"},
        {"CONTAINER:1", "is no capability"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct grove_capability capability = {.kind = 77};
        char error[256] = "";
        assert_int_equal(text_capability_parse(cases[i][0], &capability, error, sizeof(error)), GROVE_INVALID);
        if (!strstr(error, cases[i][1]))
            fail_msg("\"%s\" is refused with \"%s\", which does not say \"%s\"", cases[i][0], error, cases[i][1]);
        assert_int_equal(capability.kind, 77);
        assert_int_equal(text_capability_parse(cases[i][0], &capability, NULL, 0), GROVE_INVALID);
    }
}

static void long_arguments_are_refused(void **state) {
    char text[GROVE_ARGUMENT_TEXT_MAX + 64] = "FS_READ:/";
    size_t prefix = strlen("FS_READ:");
    struct grove_capability capability;
    (void)state;
    memset(text + prefix + 1, 'a', GROVE_ARGUMENT_TEXT_MAX - 1);
    text[prefix + GROVE_ARGUMENT_TEXT_MAX] = '\0';
    assert_int_equal(text_capability_parse(text, &capability, NULL, 0), 0);
    assert_int_equal(capability.argument.length_bytes, GROVE_ARGUMENT_TEXT_MAX);
    assert_format(&capability, text);
    text[prefix + GROVE_ARGUMENT_TEXT_MAX] = 'a';
    text[prefix + GROVE_ARGUMENT_TEXT_MAX + 1] = '\0';
    assert_int_equal(text_capability_parse(text, &capability, NULL, 0), GROVE_INVALID);
}

/* What the kernel sends may be anything; formatting must stay inside the structure and the buffer. */
static void hostile_structures_are_formatted(void **state) {
    struct grove_capability capability;
    char text[16];
    (void)state;
    memset(&capability, 0xff, sizeof(capability));
    for (unsigned kind = 0; kind < 70; kind++)
        for (unsigned argument = 0; argument < 7; argument++) {
            capability.kind = (uint16_t)kind;
            capability.argument.kind = (uint16_t)argument;
            text_capability_format(&capability, text, sizeof(text));
            assert_true(strlen(text) < sizeof(text));
            text_capability_format(&capability, NULL, 0);
        }
}

static void host_names_are_found(void **state) {
    size_t length;
    const char *rest;
    (void)state;
    assert_true(text_address_host_name("example.org:443/tcp", &length, &rest));
    assert_int_equal(length, 11);
    assert_string_equal(rest, ":443/tcp");
    assert_true(text_address_host_name("db1:5432", &length, &rest));
    assert_false(text_address_host_name("10.0.0.1:80", &length, &rest));
    assert_false(text_address_host_name("*:80", &length, &rest));
    assert_false(text_address_host_name("[fe80::1]:80", &length, &rest));
    assert_false(text_address_host_name("localhost", &length, &rest));
    assert_false(text_address_host_name("a/b:80", &length, &rest));
}

static void quantities_are_exact(void **state) {
    uint64_t value = 0;
    (void)state;
    assert_int_equal(text_size_parse("16M", &value), 0);
    assert_int_equal(value, 16u << 20);
    assert_int_equal(text_size_parse("18446744073709551615", &value), 0);
    assert_true(value == UINT64_MAX);
    assert_int_equal(text_size_parse("18446744073709551616", &value), GROVE_INVALID);
    assert_int_equal(text_size_parse("1MB", &value), GROVE_INVALID);
    assert_int_equal(text_size_parse(" 1", &value), GROVE_INVALID);
    assert_int_equal(text_share_parse("12.5%", &value), 0);
    assert_int_equal(value, 125000);
    assert_int_equal(text_share_parse("200%", &value), 0);
    assert_int_equal(value, 2000000);
    assert_int_equal(text_share_parse("1.%", &value), GROVE_INVALID);
    assert_int_equal(text_share_parse("1.00001%", &value), GROVE_INVALID);
    assert_int_equal(text_number_parse("+1", &value), GROVE_INVALID);
    assert_int_equal(text_number_parse("0", &value), 0);
}

static void misspelt_names_are_recognised(void **state) {
    static const char *const names[] = {"restart", "resources", "requires", "ring", NULL};
    (void)state;
    assert_string_equal(text_nearest("restrat", names), "restart");
    assert_string_equal(text_nearest("resource", names), "resources");
    assert_string_equal(text_nearest("REQUIRES", names), "requires");
    assert_null(text_nearest("zebra", names));
    assert_null(text_nearest("", names));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(canonical_texts_round_trip),
        cmocka_unit_test(every_kind_has_a_text),
        cmocka_unit_test(paths_are_normalised),
        cmocka_unit_test(other_forms_mean_the_same),
        cmocka_unit_test(refusals_say_what_would_be_right),
        cmocka_unit_test(long_arguments_are_refused),
        cmocka_unit_test(hostile_structures_are_formatted),
        cmocka_unit_test(host_names_are_found),
        cmocka_unit_test(quantities_are_exact),
        cmocka_unit_test(misspelt_names_are_recognised),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
