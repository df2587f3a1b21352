/*
 * What is refused: each kind of fault gives an error with its line, its field, and what would be right.
 */
#include "userspace/manifest/test_support.h"

#define LEAST "name: a\nexec: [/bin/true]\n"

static const struct {
    const char *text;
    unsigned line;
    const char *field, *part;
} cases[] = {
    {"exec: [/bin/true]\n", 1, "name", "is missing"},
    {"name: a\n", 1, "exec", "is missing"},
    {LEAST "resourcs: {}\n", 3, "resourcs", "did you mean resources?"},
    {LEAST "resources: {memry: 1M}\n", 3, "resources.memry", "did you mean memory?"},
    {LEAST "zzz: 1\n", 3, "zzz", "no such field"},
    {LEAST "config: [a]\n", 3, "config", "it takes a map"},
    {LEAST "config: {limit: {type: real}}\n", 3, "config.limit.type", "none of its values"},
    {LEAST "config: {limit: {default: 1}}\n", 3, "config.limit.type", "is missing"},
    {LEAST "config:\n  limit:\n    type: float\n    default: 99\n    maximum: 55\n", 6, "config.limit.default",
     "at most 55"},
    {LEAST "config: {limit: {type: float, minimum: low}}\n", 3, "config.limit.minimum", "not a number"},
    {LEAST "config: {on: {type: bool, minimum: 1}}\n", 3, "config.on.minimum", "no range"},
    {LEAST "config: {name: {type: string, pattern: \"(\"}}\n", 3, "config.name.pattern", "a ( has no )"},
    {LEAST "config: {count: {type: int, choices: [1, two]}}\n", 3, "config.count.choices", "not a whole number"},
    {LEAST "config: {token: {type: string, secret: true, default: x}}\n", 3, "config.token.default", "secret"},
    {LEAST "config: {token: {type: string, required: true, default: x}}\n", 3, "config.token.required", "default"},
    {LEAST "config: {a b: int}\n", 3, "config.a b", "no name of a key"},
    {LEAST "config: {shed: int, shed.step: int}\n", 3, "config.shed.step", "shed is a key itself"},
    {LEAST "resources: {memory: lots}\n", 3, "resources.memory", "64M"},
    {LEAST "resources: [1]\n", 3, "resources", "it takes a map"},
    {LEAST "resources: 5\n", 3, "resources", "it takes a map"},
    {LEAST "capabilities: FS_READ:/x\n", 3, "capabilities", "it takes a list"},
    {LEAST "capabilities:\n- FS_RAED:/x\n", 4, "capabilities[0]", "did you mean FS_READ?"},
    {LEAST "capabilities:\n- FS_READ:/x\n- [a]\n", 5, "capabilities[1]", "is a map"},
    {LEAST "capabilities:\n- {allow: 'FS_READ:/x', optinal: true}\n", 4, "capabilities[0].optinal", "optional"},
    {LEAST "capabilities:\n- {optional: true}\n", 4, "capabilities[0].allow", "is missing"},
    {LEAST "capabilities:\n- NET_BIND:localhost:80\n", 4, "capabilities[0]", "host name"},
    {LEAST "resources: {processes: 5.5}\n", 3, "resources.processes", "no whole number"},
    {LEAST "ring: 4\n", 3, "ring", "from 1 to 3"},
    {LEAST "ring: -1\n", 3, "ring", "from 1 to 3"},
    {LEAST "phase: 99999999999999999999\n", 3, "phase", "no whole number"},
    {LEAST "native: maybe\n", 3, "native", "neither true nor false"},
    {LEAST "version: 1.2.3.4\n", 3, "version", "1.2.0"},
    {LEAST "version: 99999\n", 3, "version", "no version"},
    {LEAST "stop-timeout: 5 seconds\n", 3, "stop-timeout", "250ms"},
    {LEAST "restart: {policy: allways}\n", 3, "restart.policy", "did you mean always?"},
    {LEAST "restart: sometimes\n", 3, "restart.policy", "never, on-failure, always"},
    {LEAST "restart: {factor: 0.5}\n", 3, "restart.factor", "no factor"},
    {LEAST "requires: [b >2 <3]\n", 3, "requires[0].version", "no range"},
    {LEAST "requires: [b >=3 <2]\n", 3, "requires[0].version", "no version is in the range"},
    {LEAST "requires: [b, b]\n", 3, "requires[1]", "already"},
    {LEAST "provides: [b]\n", 3, "provides", "native: true"},
    {LEAST "native: true\nprovides: [b, b]\n", 4, "provides[1]", "already"},
    {LEAST "native: true\nprovides:\n- name: b\n  methods:\n  - {name: m, number: 1}\n  - {name: m, number: 2}\n", 8,
     "provides[0].methods[1]", "already"},
    {LEAST "native: true\nprovides:\n- name: b\n  methods:\n  - {name: m, number: 1}\n  - {name: n, number: 1}\n", 8,
     "provides[0].methods[1]", "taken by method m"},
    {LEAST "native: true\nprovides:\n- name: b\n  methods:\n  - {name: m, number: 1, request: 'a:u31'}\n", 7,
     "provides[0].methods[0].request", "the types are"},
    {LEAST "native: true\nprovides:\n- name: b\n  methods:\n  - {name: m, number: 1, reply: 'a:text b:u8'}\n", 7,
     "provides[0].methods[0].reply", "the last one"},
    {LEAST "schedule: {class: fixed, priority: 5}\n", 3, "schedule.class", "SCHED_RT"},
    {LEAST "capabilities: [SCHED_RT]\nschedule: fixed\n", 4, "schedule.priority", "1 (low) to 99"},
    {LEAST "schedule: {priority: 50}\n", 3, "schedule.priority", "-20"},
    {LEAST "native: true\ncapabilities: [SCHED_RT]\nschedule: {class: deadline, period: 1ms, runtime: 2ms}\n", 5,
     "schedule", "runtime"},
    {LEAST "capabilities: [SCHED_RT]\nschedule: {class: deadline, period: 2ms, runtime: 1ms}\n", 4, "schedule.class",
     "native: true"},
    {LEAST "native: true\ncapabilities: [SCHED_RT]\nschedule: {class: deadline, period: 2h, runtime: 2ms}\n", 5,
     "schedule", "<= 1h"},
    {LEAST "readiness: {kind: port}\n", 3, "readiness.argument", "127.0.0.1:8080"},
    {LEAST "health: ping\n", 3, "health.kind", "native"},
    {LEAST "environment: {A B: 1}\n", 3, "environment", "no name of a variable"},
    {LEAST "environment: [A]\n", 3, "environment", "it takes a map"},
    {LEAST "description: ${nowhere}\n", 3, "description", "no variable ${nowhere}"},
    {LEAST "description: ${projet}\n", 3, "description", "did you mean ${project}?"},
    {LEAST "description: ${env:GROVE_NOT_SET}\n", 3, "description", "GROVE_NOT_SET is not set"},
    {LEAST "description: ${open\n", 3, "description", "the } of ${"},
    {LEAST "capabilities:\n- {allow: 'FS_READ:${nowhere}'}\n", 4, "capabilities[0].allow", "no variable"},
    {"name: a b\nexec: [/bin/true]\n", 1, "name", "no name"},
    {"name: .a\nexec: [/bin/true]\n", 1, "name", "no name"},
    {"name: [a]\nexec: [/bin/true]\n", 1, "name", "a single value"},
    {"name: a\nexec: []\n", 2, "exec", "the program"},
    {"name: a\nexec: [/nowhere/program]\n", 2, "exec", "there is no program /nowhere/program"},
    {"name: a\nexec: [/etc/passwd]\n", 2, "exec", "cannot be executed"},
    {"name: a\nexec:\n", 2, "exec", "here is nothing"},
    {"name: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\nexec: [/bin/true]\n", 1, "name",
     "longer than"},
    {"name: a\nname: b\n", 2, "name", "second time; it is in line 1"},
    {"- a\n", 1, "", "should hold fields"},
    {"just text\n", 1, "", "should hold fields"},
    {"", 0, "", "is empty"},
    {"# only a remark\n", 0, "", "is empty"},
    {"~\n", 0, "", "is empty"},
    {"name: a\n---\nname: b\n", 2, "", "second document"},
    {"name: &x a\n", 1, "", "aliases"},
    {"name: *x\n", 1, "", "aliases"},
    {"name: !!python/object a\n", 1, "", "!replace"},
    {"name: \"a\\0b\"\n", 1, "", "zero byte"},
    {"? [a]\n: b\n", 1, "", "a key must be a text"},
    {"name: 'a\n", 2, "", "no YAML"},
    {"a:\n\t- b\n", 2, "", "no YAML"},
    {"{{{{{{{{{{{{{{{{{{{{{{{{{{{{\n", 1, "", ""},
    {"a: [[[[[[[[[[[[[[[[[[[[[[[[[[[\n", 1, "", "more than 16 deep"},
};

static void faults_are_named(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        test_refused(cases[i].text, strlen(cases[i].text), cases[i].line, cases[i].field, cases[i].part);
}

static void several_faults_are_reported_at_once(void **state) {
    struct manifest_options options = test_options();
    struct manifest_errors errors = {0};
    struct manifest *manifest = NULL;
    static const char text[] = "nam: a\nring: 9\nnative: perhaps\n";
    (void)state;
    assert_int_equal(manifest_load_text(text, strlen(text), "/test/a.yaml", &options, &manifest, &errors),
                     GROVE_INVALID);
    assert_int_equal(errors.count, 5); /* the name misspelt and missing, no exec, and two values */
    manifest_errors_deinit(&errors);
}

static void errors_are_bounded(void **state) {
    struct manifest_options options = test_options();
    struct manifest_errors errors = {0};
    struct manifest *manifest = NULL;
    char text[4096] = LEAST;
    (void)state;
    for (unsigned i = 0; i < 100; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "x%u: 1\n", i);
    assert_int_equal(manifest_load_text(text, strlen(text), "/test/a.yaml", &options, &manifest, &errors),
                     GROVE_INVALID);
    assert_int_equal(errors.count, MANIFEST_ERRORS_MAX);
    assert_int_equal(errors.dropped, 100 - MANIFEST_ERRORS_MAX);
    manifest_errors_deinit(&errors);
}

static void large_files_are_refused(void **state) {
    size_t size = (256u << 10) + 1;
    char *text = malloc(size);
    (void)state;
    memset(text, '#', size);
    test_refused(text, size, 0, "", "larger than 256 KiB");
    free(text);
}

static void many_values_are_refused(void **state) {
    size_t size = 64u << 10;
    char *text = malloc(size);
    (void)state;
    size_t length = (size_t)snprintf(text, size, "exec: [");
    while (length < size - 8)
        length += (size_t)sprintf(text + length, "a,\n");
    struct manifest_options options = test_options();
    struct manifest_errors errors = {0};
    struct manifest *manifest = NULL;
    assert_int_equal(manifest_load_text(text, length, "/test/a.yaml", &options, &manifest, &errors), GROVE_INVALID);
    assert_non_null(strstr(errors.list[0].sentence, "more than 8192 values"));
    manifest_errors_deinit(&errors);
    free(text);
}

static void binary_files_are_refused(void **state) {
    static const char zero[] = "\0\0\0\0",
                      binary[] = "\x7f"
                                 "ELF\x02\x01\x01",
                      wide[] = "\xff\xfe"
                               "n\0a\0",
                      broken[] = "name: \xc3\x28\n";
    (void)state;
    test_refused(zero, sizeof(zero), 0, "", "no YAML");
    test_refused(binary, sizeof(binary), 0, "", "no YAML");
    test_refused(broken, sizeof(broken) - 1, 0, "", "no YAML");
    struct manifest_options options = test_options();
    struct manifest_errors errors = {0};
    struct manifest *manifest = NULL;
    assert_true(manifest_load_text(wide, sizeof(wide) - 1, "/test/a.yaml", &options, &manifest, &errors) < 0);
    manifest_errors_deinit(&errors);
}

static void a_spec_that_is_too_large_is_refused(void **state) {
    struct manifest_errors errors = {0};
    size_t size = 128u << 10, length;
    char *text = malloc(size);
    void *spec;
    size_t spec_bytes;
    (void)state;
    length = (size_t)sprintf(text, LEAST "capabilities:\n");
    for (unsigned i = 0; i < 300; i++)
        length += (size_t)sprintf(text + length, "- FS_READ:/x/%u\n", i);
    struct manifest *manifest = test_load(text);
    assert_int_equal(manifest_compile(manifest, &spec, &spec_bytes, &errors), GROVE_TOO_LARGE);
    assert_non_null(strstr(errors.list[0].sentence, "more than 256 capabilities"));
    manifest_errors_deinit(&errors);
    manifest_destroy(manifest);
    length = (size_t)sprintf(text, LEAST "environment:\n");
    for (unsigned i = 0; i < 20; i++)
        length += (size_t)sprintf(text + length, "  V%u: \"%04000u\"\n", i, i);
    manifest = test_load(text);
    assert_int_equal(manifest_compile(manifest, &spec, &spec_bytes, &errors), GROVE_TOO_LARGE);
    manifest_errors_deinit(&errors);
    manifest_destroy(manifest);
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(faults_are_named),
        cmocka_unit_test(several_faults_are_reported_at_once),
        cmocka_unit_test(errors_are_bounded),
        cmocka_unit_test(large_files_are_refused),
        cmocka_unit_test(many_values_are_refused),
        cmocka_unit_test(binary_files_are_refused),
        cmocka_unit_test(a_spec_that_is_too_large_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
