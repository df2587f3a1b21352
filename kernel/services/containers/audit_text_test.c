/* Audit records as lines: what they say, and that anything may be in them. */
#include "kernel/services/containers/audit_text.h"

#include "grove/abi/capability.h"
#include "grove/abi/operation.h"
#include "kernel/services/vfs/test/world.h"

#include <stdlib.h>
#include <string.h>

static struct grove_audit_record record_of(uint16_t event, const char *who) {
    struct grove_audit_record record = {.sequence = 7, .event = event};
    strncpy(record.who.text, who, sizeof(record.who.text) - 1);
    return record;
}

static void says(const struct grove_audit_record *record, const char *expected) {
    char line[AUDIT_LINE_BYTES];
    audit_describe(record, line, sizeof(line));
    assert_string_equal(line, expected);
}

static void ends(void **state) {
    struct grove_audit_record record = record_of(GROVE_AUDIT_EXIT, "grid.one");
    (void)state;
    record.cause = GROVE_EXIT_SIGNAL;
    record.detail = 11;
    says(&record, "7 grid.one ended: signal 11");
    record.cause = GROVE_EXIT_CODE;
    says(&record, "7 grid.one ended: status 11");
    record.cause = 99;
    says(&record, "7 grid.one ended: cause 99, 11");
}

static void refusals(void **state) {
    struct grove_audit_record record = record_of(GROVE_AUDIT_SYSCALL_REFUSED, "grid.one");
    const struct grove_address four = {
        .family = 4, .transport = 6, .port_first = 443, .port_last = 443, .bytes = {10, 1, 2, 3}};
    const struct grove_address six = {
        .family = 6, .transport = 17, .port_last = UINT16_MAX, .bytes = {0xfe, 0x80, [15] = 1}};
    (void)state;
    record.kind = GROVE_CAP_NET_CONNECT;
    record.argument_kind = GROVE_ARGUMENT_ADDRESS;
    record.argument.address = four;
    says(&record, "7 grid.one system call refused: NET_CONNECT:tcp:10.1.2.3:443");
    record.argument.address = six;
    says(&record, "7 grid.one system call refused: NET_CONNECT:udp:[fe80:0:0:0:0:0:0:1]:*");
    record.argument.address = (struct grove_address){.port_first = 1, .port_last = 2};
    says(&record, "7 grid.one system call refused: NET_CONNECT:*:1-2");
    record = record_of(GROVE_AUDIT_REFUSE, "grid.one");
    record.kind = GROVE_CAP_FS_READ;
    record.argument_kind = GROVE_ARGUMENT_PATH;
    record.length_bytes = 5;
    memcpy(record.argument.text, "/data", 5);
    strcpy(record.object.text, "grid.two");
    says(&record, "7 grid.one refused grid.two: FS_READ:/data");
}

static void the_rest(void **state) {
    struct grove_audit_record record = record_of(GROVE_AUDIT_BUDGET, "grid.one");
    (void)state;
    record.cause = 1;
    record.argument.budget.used = 9;
    record.argument.budget.limit = 10;
    says(&record, "7 grid.one budget exceeded: resource 1, 9 of 10");
    record = record_of(GROVE_AUDIT_START_FAILED, "grid.one");
    record.cause = GROVE_LAYER_CGROUP;
    record.detail = 12;
    says(&record, "7 grid.one start failed: cgroup, error 12");
    record = record_of(999, "");
    says(&record, "7  event 999");
    record = record_of(GROVE_AUDIT_READY, "a\n\x1b[2J");
    says(&record, "7 a??[2J ready");
}

/* Half-written records, and lines of every length: nothing is read or written beside them. */
static void anything_may_be_in_it(void **state) {
    struct grove_audit_record record;
    uint64_t random = 1;
    (void)state;
    for (unsigned i = 0; i < 20000; i++) {
        for (size_t at = 0; at < sizeof(record); at++) {
            random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
            ((uint8_t *)&record)[at] = (uint8_t)(random >> 33);
        }
        record.event %= GROVE_AUDIT_END + 1;
        record.kind %= GROVE_CAP_KIND_COUNT + 1;
        record.argument_kind %= 6;
        size_t room = 1 + random % 600;
        char *line = malloc(room);
        assert_non_null(line);
        audit_describe(&record, line, room);
        assert_true(strlen(line) < room);
        free(line);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends),
        cmocka_unit_test(refusals),
        cmocka_unit_test(the_rest),
        cmocka_unit_test(anything_may_be_in_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
