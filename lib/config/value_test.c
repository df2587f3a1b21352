/* Schemas and values: what a key allows, what it refuses and how it says so, and the form that programs read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/config/testing/schema_example.h"
#include "lib/config/yaml_source.h"

static int check(const struct config_schema *schema, const char *name, const char *value, char problem[320]) {
    struct config_text text = {value, strlen(value) + 1};
    const struct config_schema_key *key = config_schema_find(schema, name);
    assert_non_null(key);
    return config_value_check(schema, key, &text, problem, 320);
}

static void assert_refused(const struct config_schema *schema, const char *name, const char *value, const char *part) {
    char problem[320] = "";
    assert_int_equal(check(schema, name, value, problem), GROVE_INVALID);
    if (strstr(problem, part) == NULL)
        fail_msg("%s = %s: \"%s\" does not say \"%s\"", name, value, problem, part);
}

static void test_types_and_ranges(void **state) {
    (void)state;
    uint32_t bytes;
    struct config_schema *schema = schema_example(&bytes);
    char problem[320];
    const char *sentence = "";
    assert_int_equal(config_schema_check(schema, bytes, &sentence), 0);
    assert_int_equal(check(schema, "limit", "49.5", problem), 0);
    assert_refused(schema, "limit", "44.9", "from 45 to 55");
    assert_refused(schema, "limit", "low", "not a number like 49.5");
    assert_refused(schema, "limit", "nan", "not a number");
    assert_int_equal(check(schema, "count", "-9223372036854775808", problem), 0);
    assert_refused(schema, "count", "9223372036854775808", "not a whole number");
    assert_int_equal(check(schema, "period", "250ms", problem), 0);
    assert_refused(schema, "period", "5ms", "at least 10ms");
    assert_int_equal(check(schema, "mode", "fast", problem), 0);
    assert_refused(schema, "mode", "quick", "one of fast, slow");
    assert_int_equal(check(schema, "host", "meter-7", problem), 0);
    assert_refused(schema, "host", "Meter 7", "pattern");
    assert_refused(schema, "token", "short", "the value is out of range");
    assert_int_equal(check(schema, "where", "127.0.0.1:502", problem), 0);
    assert_int_equal(check(schema, "where", "meter.example:502", problem), 0);
    assert_refused(schema, "where", "nowhere", "not an address");
    free(schema);
}

static void test_a_secret_stands_in_no_sentence(void **state) {
    (void)state;
    uint32_t bytes;
    struct config_schema *schema = schema_example(&bytes);
    char problem[320] = "";
    assert_int_equal(check(schema, "token", "hunter2", problem), GROVE_INVALID);
    assert_null(strstr(problem, "hunter2"));
    free(schema);
}

static void test_lists(void **state) {
    (void)state;
    uint32_t bytes, kind;
    struct config_schema *schema = schema_example(&bytes);
    const struct config_schema_key *key = config_schema_find(schema, "steps");
    struct config_text text = {"1\0002\00033", 7}, none = {"", 0}, bad = {"1\000x", 4};
    char data[CONFIG_VALUE_BYTES_MAX], problem[320];
    size_t used;
    assert_int_equal(config_value_check(schema, key, &text, problem, sizeof problem), 0);
    assert_int_equal(config_value_check(schema, key, &none, problem, sizeof problem), 0);
    assert_int_equal(config_value_check(schema, key, &bad, problem, sizeof problem), GROVE_INVALID);
    config_value_encode(key, &text, data, &used, &kind);
    assert_int_equal(used, 8 + 3 * 8);
    assert_int_equal(kind, GROVE_CONFIG_INT | GROVE_CONFIG_LIST);
    struct grove_config_value value = {kind, 3, data, used};
    int64_t item = 0;
    assert_int_equal(grove_config_item_int(&value, 2, &item), 0);
    assert_int_equal(item, 33);
    assert_int_equal(grove_config_item_int(&value, 3, &item), GROVE_NOT_FOUND);
    key = config_schema_find(schema, "count");
    assert_int_equal(config_value_check(schema, key, &text, problem, sizeof problem), GROVE_INVALID);
    free(schema);
}

static void test_texts_of_hostile_values(void **state) {
    (void)state;
    const char *item = NULL;
    struct grove_config_value value = {GROVE_CONFIG_STRING | GROVE_CONFIG_LIST, 2, "\2\0\0\0\0\0\0\0one\0two", 15};
    assert_int_equal(grove_config_item_text(&value, 0, &item), 0);
    assert_string_equal(item, "one");
    assert_int_equal(grove_config_item_text(&value, 1, &item), GROVE_CORRUPT); /* "two" has no end */
    value.bytes = 4;
    assert_int_equal(grove_config_item_text(&value, 0, &item), GROVE_CORRUPT);
    value = (struct grove_config_value){GROVE_CONFIG_INT, 1, "1234", 4};
    int64_t number;
    assert_int_equal(grove_config_item_int(&value, 0, &number), GROVE_CORRUPT);
}

static void test_bad_schemas(void **state) {
    (void)state;
    uint32_t bytes;
    struct config_schema *schema = schema_example(&bytes);
    struct config_schema_key *keys = (struct config_schema_key *)(uintptr_t)config_schema_keys(schema);
    const char *problem = "";
    for (uint32_t cut = 0; cut < bytes; cut++)
        assert_true(config_schema_check(schema, cut, &problem) < 0);
    struct config_schema_key kept = keys[0];
    keys[0].name.offset_bytes = UINT32_MAX;
    assert_int_equal(config_schema_check(schema, bytes, &problem), GROVE_INVALID);
    keys[0] = keys[1];
    assert_int_equal(config_schema_check(schema, bytes, &problem), GROVE_INVALID); /* twice the same name */
    keys[0] = kept;
    keys[0].type = GROVE_CONFIG_TYPE_COUNT;
    assert_int_equal(config_schema_check(schema, bytes, &problem), GROVE_INVALID);
    keys[0] = kept;
    schema->version = 2;
    assert_int_equal(config_schema_check(schema, bytes, &problem), GROVE_VERSION);
    free(schema);
}

/* ---- files ---- */

static void parse_good(const char *text, const char *project, struct settings *settings) {
    char problem[512] = "";
    if (yaml_source_parse(text, strlen(text), "a.yaml", project, settings, problem, sizeof problem) < 0)
        fail_msg("%s", problem);
}

static void assert_setting(const struct settings *settings, const char *service, const char *key, const char *value,
                           uint32_t line) {
    const struct setting *setting = settings_find(settings, service, key);
    if (setting == NULL) {
        fail_msg("%s.%s is not there", service, key);
        return;
    }
    assert_string_equal(setting->text.items, value);
    assert_int_equal(setting->line, line);
}

static void test_a_file(void **state) {
    (void)state;
    struct settings settings = {0}, copy = {0};
    parse_good("# settings\n"
               "protect:\n"
               "  limit: 48.9\n"
               "  shed:\n"
               "    step: 2\n"
               "    order: [a, 'b c']\n"
               "  nothing: ~\n"
               "  name: ''\n"
               "grid.alarm: {level: high}\n",
               "grid", &settings);
    assert_int_equal(settings.count, 5);
    assert_setting(&settings, "grid.protect", "limit", "48.9", 3);
    assert_setting(&settings, "grid.protect", "shed.step", "2", 5);
    assert_setting(&settings, "grid.protect", "name", "", 8);
    assert_setting(&settings, "grid.alarm", "level", "high", 9);
    const struct setting *list = settings_find(&settings, "grid.protect", "shed.order");
    assert_int_equal(list->text.bytes, 6);
    assert_memory_equal(list->text.items, "a\0b c", 6);
    assert_int_equal(settings_copy(&settings, &copy), 0);
    assert_true(settings_are_same(&settings, &copy));
    settings_remove(&copy, "grid.alarm", "level");
    assert_false(settings_are_same(&settings, &copy));
    settings_deinit(&settings);
    settings_deinit(&copy);
}

static void test_an_empty_file(void **state) {
    (void)state;
    struct settings settings = {0};
    parse_good("", NULL, &settings);
    assert_int_equal(settings.count, 0);
    parse_good("grid.a:\n", NULL, &settings);
    assert_int_equal(settings.count, 0);
}

static void test_faults_of_files(void **state) {
    (void)state;
    static const struct {
        const char *text, *part;
    } cases[] = {
        {"grid.a: {x: 1}\ngrid.a: {x: 2}\n", "a.yaml:2: grid.a.x: it stands here a second time"},
        {"grid.a:\n  x: 1\n  x: 2\n", "a.yaml:3: grid.a.x: it stands"},
        {"alarm: {x: 1}\n", "a.yaml:1: \"alarm\" is no full name"},
        {"grid.a: 5\n", "a.yaml:1: grid.a: here stands a single value"},
        {"grid.a:\n  - x\n", "a list stands here"},
        {"grid.a:\n  x: [[1]]\n", "a.yaml:2: grid.a.x: a list stands here where a single value"},
        {"grid.a:\n  x: [{y: 1}]\n", "a list holds single values"},
        {"grid.a:\n  x: &b 1\n", "anchors"},
        {"grid.a:\n  x: !!int 1\n", "tags"},
        {"grid.a:\n  'no name': 1\n", "a.yaml:2: grid.a: \"no name\" is no key"},
        {"grid.a:\n\tx: 1\n", "a.yaml:2: this is no YAML"},
        {"- a\n", "a list stands here"},
        {"a: 1\n---\nb: 1\n", "a.yaml:1"},
        {"grid.a: {x: 1}\n---\nb: 1\n", "second document"},
        {"grid.a:\n  a: {b: {c: {d: {e: {f: {g: {h: 1}}}}}}}\n", "nested more than 8 deep"},
        {"[x]: 1\n", "a.yaml:1"},
    };
    for (unsigned index = 0; index < sizeof cases / sizeof cases[0]; index++) {
        struct settings settings = {0};
        char problem[512] = "";
        int status = yaml_source_parse(cases[index].text, strlen(cases[index].text), "a.yaml", NULL, &settings, problem,
                                       sizeof problem);
        if (status >= 0 || strstr(problem, cases[index].part) == NULL)
            fail_msg("%s\nsaid \"%s\"", cases[index].text, problem);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types_and_ranges),
        cmocka_unit_test(test_a_secret_stands_in_no_sentence),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_texts_of_hostile_values),
        cmocka_unit_test(test_bad_schemas),
        cmocka_unit_test(test_a_file),
        cmocka_unit_test(test_an_empty_file),
        cmocka_unit_test(test_faults_of_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
