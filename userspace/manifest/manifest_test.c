/*
 * The compiler from end to end, from a text to the spec: what each field becomes, what is implied, and how names, paths
 * and variables are completed.
 */
#include "lib/config/schema.h"
#include "userspace/manifest/test_support.h"

#include "lib/text/text.h"

#define LEAST "name: a\nexec: [/bin/true]\n"

/* The written form of capability `index` of a spec. */
static const char *capability_text(const struct grove_spec *spec, uint32_t index, uint16_t *flags) {
    static char text[TEXT_CAPABILITY_MAX];
    struct grove_capability capability;
    grove_spec_capability(spec, index, &capability, flags);
    text_capability_format(&capability, text, sizeof(text));
    return text;
}

static bool has_capability(const struct grove_spec *spec, const char *wanted, uint16_t wanted_flags) {
    for (uint32_t i = 0; i < spec->capabilities.count; i++) {
        uint16_t flags;
        if (!strcmp(capability_text(spec, i, &flags), wanted) && flags == wanted_flags)
            return true;
    }
    return false;
}

static void the_least_manifest_has_defaults(void **state) {
    struct grove_spec *spec = test_compile(LEAST);
    (void)state;
    assert_string_equal(grove_spec_text(spec, spec->name), "grid.a");
    assert_string_equal(grove_spec_text(spec, spec->project), "grid");
    assert_string_equal(grove_spec_text(spec, spec->executable), "/bin/true");
    assert_string_equal(grove_spec_text(spec, spec->manifest), "/test/a.yaml");
    assert_string_equal(grove_spec_argument(spec, 0), "/bin/true");
    assert_int_equal(spec->flags, GROVE_SPEC_SYSTEM_FILES);
    assert_int_equal(spec->ring, 2);
    assert_int_equal(spec->phase, 7);
    assert_int_equal(spec->stream_in, GROVE_STREAM_NULL);
    assert_int_equal(spec->stream_out, GROVE_STREAM_LOG);
    assert_int_equal(spec->readiness.kind, GROVE_READY_STARTED);
    assert_int_equal(spec->restart.policy, GROVE_RESTART_ON_FAILURE);
    assert_int_equal(spec->restart.factor_percent, 200);
    assert_int_equal(spec->capabilities.count, 0);
    assert_true(spec->stop_timeout_ns == 5 * UINT64_C(1000000000));
    free(spec);
}

static void every_field_reaches_the_spec(void **state) {
    struct grove_spec *spec = test_compile(
        LEAST
        "version: 1.2.3\ndescription: d\ndirectory: sub\nnative: true\nessential: true\non-demand: true\n"
        "listen-fds: true\nexplain: true\nidentity: caller\nring: 1\nphase: 3\nstop-timeout: 1500ms\n"
        "capabilities: [SCHED_RT:30%]\n"
        "resources: {memory: 1M, processor: 150%, processes: 2, descriptors: 3, file-size: 4K, scratch: 5K, "
        "scratch-files: 6, shared: 7K, channels: 8, disk: 9K, network: 10K, network-total: 11K}\n"
        "environment: {B: 2, A: x y}\n"
        "health: {kind: tcp, argument: '127.0.0.1:1', timeout: 1s, interval: 2s, failures: 4}\n"
        "readiness: {kind: port, argument: '127.0.0.1:2', timeout: 3s, interval: 4ms}\n"
        "restart: {policy: always, first-delay: 1ms, delay: 2ms, factor: 1.5, delay-cap: 3s, give-up: 5, window: 6s}\n"
        "schedule: {class: deadline, runtime: 1ms, period: 20ms}\n"
        "streams: {in: passed, out: null, error: passed}\n");
    (void)state;
    assert_int_equal(spec->service_version.minor, 2);
    assert_string_equal(grove_spec_text(spec, spec->description), "d");
    assert_string_equal(grove_spec_text(spec, spec->directory), "/test/sub");
    assert_int_equal(spec->flags, GROVE_SPEC_NATIVE | GROVE_SPEC_ESSENTIAL | GROVE_SPEC_ON_DEMAND |
                                      GROVE_SPEC_LISTEN_FDS | GROVE_SPEC_CALLER_IDENTITY | GROVE_SPEC_EXPLAIN);
    assert_int_equal(spec->ring, 1);
    assert_int_equal(spec->phase, 3);
    assert_true(spec->stop_timeout_ns == 1500000000u);
    assert_int_equal(spec->budget.memory_bytes, 1 << 20);
    assert_int_equal(spec->budget.processor_ppm, 1500000);
    assert_int_equal(spec->budget.processes, 2);
    assert_int_equal(spec->budget.descriptors, 3);
    assert_int_equal(spec->budget.file_bytes, 4096);
    assert_int_equal(spec->budget.scratch_bytes, 5120);
    assert_int_equal(spec->budget.scratch_files, 6);
    assert_int_equal(spec->budget.shared_bytes, 7168);
    assert_int_equal(spec->budget.channels, 8);
    assert_int_equal(spec->budget.disk_bytes, 9216);
    assert_int_equal(spec->budget.network_rate, 10240);
    assert_int_equal(spec->budget.network_total, 11264);
    assert_string_equal(grove_spec_environment(spec, 0), "B=2");
    assert_string_equal(grove_spec_environment(spec, 1), "A=x y");
    assert_int_equal(spec->environment.count, 2);
    assert_int_equal(spec->health.kind, GROVE_HEALTH_TCP);
    assert_int_equal(spec->health.failures, 4);
    assert_int_equal(spec->readiness.kind, GROVE_READY_PORT);
    assert_string_equal(grove_spec_text(spec, spec->readiness.argument), "127.0.0.1:2");
    assert_int_equal(spec->readiness.interval_ns, 4000000);
    assert_int_equal(spec->restart.factor_percent, 150);
    assert_int_equal(spec->restart.give_up_count, 5);
    assert_int_equal(spec->restart.base_delay_ns, 2000000);
    assert_int_equal(spec->schedule.class, GROVE_SCHEDULE_DEADLINE);
    assert_int_equal(spec->schedule.deadline_ns, 20000000);
    assert_int_equal(spec->stream_in, GROVE_STREAM_PASSED);
    assert_int_equal(spec->stream_out, GROVE_STREAM_NULL);
    free(spec);
}

static void capabilities_are_completed(void **state) {
    struct grove_spec *spec = test_compile(LEAST "capabilities:\n"
                                                 "- FS_READ:data\n"
                                                 "- FS_READ:../x/./y\n"
                                                 "- {allow: 'FS_READ:/opt', optional: true}\n"
                                                 "- FS_WRITE:${state}\n"
                                                 "- FS_READ:${state}/in\n"
                                                 "- IPC_SEND:b\n"
                                                 "- IPC_SEND:other.b\n"
                                                 "- BUS_PUB:b\n"
                                                 "- NET_CONNECT:10.0.0.0/8:*\n"
                                                 "grants: [FS_READ, 'IPC_SEND:b']\n");
    (void)state;
    assert_true(has_capability(spec, "FS_READ:/test/data", 0));
    assert_true(has_capability(spec, "FS_READ:/x/y", 0));
    assert_true(has_capability(spec, "FS_READ:/opt", GROVE_SPEC_CAPABILITY_OPTIONAL));
    assert_true(has_capability(spec, "FS_WRITE:/state/services/grid.a", GROVE_SPEC_CAPABILITY_CREATE));
    assert_true(has_capability(spec, "FS_READ:/state/services/grid.a/in", 0));
    assert_true(has_capability(spec, "IPC_SEND:grid.b", 0));
    assert_true(has_capability(spec, "IPC_SEND:other.b", 0));
    assert_true(has_capability(spec, "BUS_PUB:b", 0));
    assert_true(has_capability(spec, "NET_CONNECT:10.0.0.0/8:*", 0));
    assert_true(has_capability(spec, "FS_READ", GROVE_SPEC_CAPABILITY_HELD));
    assert_true(has_capability(spec, "IPC_SEND:grid.b", GROVE_SPEC_CAPABILITY_HELD));
    assert_int_equal(spec->capabilities.count, 11);
    free(spec);
}

static void other_fields_imply_capabilities(void **state) {
    struct grove_spec *spec = test_compile("name: a\nexec: [/bin/true]\nnative: true\n"
                                           "provides: [a, 'a.b 2.1']\n"
                                           "requires: [b >=1.2 <2, {name: c, optional: true}, 'd 1.3']\n");
    (void)state;
    assert_true(has_capability(spec, "IPC_RECV:grid.a", 0));
    assert_true(has_capability(spec, "IPC_RECV:a.b", 0));
    assert_true(has_capability(spec, "IPC_SEND:grid.b", 0));
    assert_true(has_capability(spec, "IPC_SEND:grid.c", 0));
    /* Native services have no system files, so the program itself must be visible. */
    assert_true(has_capability(spec, "FS_EXEC:/bin/true", 0));
    assert_string_equal(grove_spec_text(spec, grove_spec_required(spec, 0)->name), "grid.b");
    assert_int_equal(grove_spec_required(spec, 0)->version.minor, 2);
    assert_int_equal(grove_spec_required(spec, 0)->below.major, 2);
    assert_int_equal(grove_spec_required(spec, 1)->flags, GROVE_INTERFACE_OPTIONAL);
    assert_int_equal(grove_spec_required(spec, 2)->version.minor, 3);
    assert_int_equal(grove_spec_required(spec, 2)->below.major, 2);
    assert_int_equal(grove_spec_provided(spec, 0)->version.major, 1);
    assert_int_equal(grove_spec_provided(spec, 1)->version.minor, 1);
    free(spec);
}

static void what_is_covered_is_not_implied_again(void **state) {
    struct grove_spec *spec =
        test_compile("name: a\nexec: [/bin/true]\nnative: true\ncapabilities: [IPC_SEND, 'FS_EXEC:/bin']\n"
                     "requires: [b]\n");
    (void)state;
    assert_int_equal(spec->capabilities.count, 2);
    free(spec);
}

static void methods_belong_to_their_interface(void **state) {
    struct grove_spec *spec = test_compile(
        LEAST "native: true\nprovides:\n- {name: x}\n- name: y\n  methods:\n  - {name: m, number: 7, request: "
              "'a:u8 b:text', reply: 'c:f64'}\n");
    (void)state;
    assert_int_equal(spec->methods.count, 1);
    assert_int_equal(grove_spec_method(spec, 0)->interface, 1);
    assert_int_equal(grove_spec_method(spec, 0)->method, 7);
    assert_string_equal(grove_spec_text(spec, grove_spec_method(spec, 0)->request), "a:u8 b:text");
    free(spec);
}

static void variables_are_replaced(void **state) {
    const struct manifest_variable given[] = {{"bin", "/bin"}, {"bin", "/nowhere"}, {"n", "5"}};
    struct manifest_options options = test_options();
    struct manifest_errors errors = {0};
    struct manifest *manifest;
    void *compiled;
    size_t bytes;
    static const char text[] =
        "name: ${project}-a\nexec: ['${bin}/true', '${manifest}', '$${bin}', $n, '${state}', '${run}', "
        "'${env:GROVE_TEST_VARIABLE}']\nresources: {processes: '${n}'}\n";
    (void)state;
    options.variables = given;
    options.variable_count = 3;
    setenv("GROVE_TEST_VARIABLE", "from outside", 1);
    assert_int_equal(manifest_load_text(text, strlen(text), "/test/a.yaml", &options, &manifest, &errors), 0);
    assert_int_equal(manifest_compile(manifest, &compiled, &bytes, &errors), 0);
    const struct grove_spec *spec = compiled;
    assert_string_equal(grove_spec_text(spec, spec->name), "grid.grid-a");
    assert_string_equal(grove_spec_argument(spec, 0), "/bin/true");
    assert_string_equal(grove_spec_argument(spec, 1), "/test");
    assert_string_equal(grove_spec_argument(spec, 2), "${bin}");
    assert_string_equal(grove_spec_argument(spec, 3), "$n");
    assert_string_equal(grove_spec_argument(spec, 4), "/state/services/grid.grid-a");
    assert_string_equal(grove_spec_argument(spec, 5), "/run/test");
    assert_string_equal(grove_spec_argument(spec, 6), "from outside");
    assert_int_equal(spec->budget.processes, 5);
    free(compiled);
    manifest_destroy(manifest);
}

static void programs_are_found_by_name(void **state) {
    struct grove_spec *spec = test_compile("name: a\nexec: sh\n");
    (void)state;
    assert_string_equal(grove_spec_text(spec, spec->executable), "/usr/bin/sh");
    assert_string_equal(grove_spec_environment(spec, 0),
                        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    free(spec);
}

static void test_the_schema_of_the_configuration(void **state) {
    (void)state;
    struct grove_spec *spec = test_compile("name: a\nexec: [/bin/true]\nconfig:\n"
                                           "  period: duration\n"
                                           "  limit: {type: float, default: 49, minimum: 45, maximum: 55}\n"
                                           "  steps: {type: int, list: true, default: [1, 2, 3]}\n"
                                           "  token: {type: string, secret: true, restart-only: true}\n");
    uint32_t bytes = 0;
    const char *problem = "";
    const struct config_schema *schema = grove_spec_section(spec, GROVE_SECTION_CONFIG, &bytes);
    assert_non_null(schema);
    if (config_schema_check(schema, bytes, &problem) < 0)
        fail_msg("%s", problem);
    assert_int_equal(schema->key_count, 4);
    const struct config_schema_key *key = config_schema_find(schema, "steps");
    assert_int_equal(key->flags, CONFIG_KEY_LIST | CONFIG_KEY_STANDING);
    assert_int_equal(key->standing_count, 3);
    assert_memory_equal(config_schema_text(schema, key->standing), "1\0002\0003", 6);
    key = config_schema_find(schema, "token");
    assert_int_equal(key->flags, CONFIG_KEY_SECRET | CONFIG_KEY_RESTART);
    key = config_schema_find(schema, "period");
    assert_int_equal(key->type, GROVE_CONFIG_DURATION);
    assert_null(config_schema_find(schema, "other"));
    free(spec);
    spec = test_compile("name: a\nexec: [/bin/true]\n");
    assert_null(grove_spec_section(spec, GROVE_SECTION_CONFIG, &bytes));
    free(spec);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_schema_of_the_configuration), cmocka_unit_test(the_least_manifest_has_defaults),
        cmocka_unit_test(every_field_reaches_the_spec),         cmocka_unit_test(capabilities_are_completed),
        cmocka_unit_test(other_fields_imply_capabilities),      cmocka_unit_test(what_is_covered_is_not_implied_again),
        cmocka_unit_test(methods_belong_to_their_interface),    cmocka_unit_test(variables_are_replaced),
        cmocka_unit_test(programs_are_found_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
