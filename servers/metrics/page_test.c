/* Families out of records: names, labels, numbers, histograms, bounds, and what hostile services say. */
#include "servers/metrics/page.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "servers/metrics/text.h"

static struct grove_metrics_record record_of(enum grove_metric_kind kind, const char *name, double value) {
    struct grove_metrics_record record = {.kind = kind, .help = "A thing.", .value = value};
    (void)snprintf(record.name, sizeof record.name, "%s", name);
    return record;
}

static struct grove_metrics_record labelled(enum grove_metric_kind kind, const char *name, const char *label,
                                            const char *text, double value) {
    struct grove_metrics_record record = record_of(kind, name, value);
    (void)snprintf(record.labels[0].name, sizeof record.labels[0].name, "%s", label);
    (void)snprintf(record.labels[0].value, sizeof record.labels[0].value, "%s", text);
    return record;
}

static struct page *new_page(void) {
    struct page *page = page_create();
    assert_non_null(page);
    return page;
}

/* The text of a page, which is destroyed. */
static char *text_of(struct page *page) {
    size_t length = 0;
    char *text = page_text(page, &length);
    page_destroy(page);
    assert_non_null(text);
    assert_int_equal(strlen(text), length);
    return text;
}

static void assert_page(struct page *page, const char *expected) {
    char *text = text_of(page);
    assert_string_equal(text, expected);
    free(text);
}

static void take(struct page *page, const char *service, struct grove_metrics_record record) {
    assert_null(page_add(page, service, &record));
}

static void refuse(struct page *page, const char *service, struct grove_metrics_record record) {
    assert_non_null(page_add(page, service, &record));
}

static void families_are_written_by_name(void **state) {
    (void)state;
    struct page *page = new_page();
    take(page, "system.bus", record_of(GROVE_METRIC_COUNTER, "published", 3));
    take(page, "grid.b", labelled(GROVE_METRIC_GAUGE, "level", "unit", "two \"2\" \\ \n\xc3\xa4", -0.1));
    take(page, "grid.a", labelled(GROVE_METRIC_GAUGE, "level", "unit", "1", 1e300));
    assert_page(page, "# HELP grove_bus_published_total A thing.\n"
                      "# TYPE grove_bus_published_total counter\n"
                      "grove_bus_published_total 3\n"
                      "# HELP user_grid_level A thing.\n"
                      "# TYPE user_grid_level gauge\n"
                      "user_grid_level{service=\"grid.b\",unit=\"two \\\"2\\\" \\\\ \\n??\"} -0.1\n"
                      "user_grid_level{service=\"grid.a\",unit=\"1\"} 1e+300\n");
}

static void histograms_add_up(void **state) {
    (void)state;
    struct page *page = new_page();
    struct grove_metrics_record record = record_of(GROVE_METRIC_HISTOGRAM, "seconds", 2.5);
    record.bucket_count = 2;
    record.count = 4;
    record.buckets[0].bound = 0.5;
    record.buckets[0].count = 2;
    record.buckets[1].bound = 1;
    record.buckets[1].count = 1;
    take(page, "system.a", record);
    assert_page(page, "# HELP grove_a_seconds A thing.\n"
                      "# TYPE grove_a_seconds histogram\n"
                      "grove_a_seconds_bucket{le=\"0.5\"} 2\n"
                      "grove_a_seconds_bucket{le=\"1\"} 3\n"
                      "grove_a_seconds_bucket{le=\"+Inf\"} 4\n"
                      "grove_a_seconds_sum 2.5\n"
                      "grove_a_seconds_count 4\n");
}

static void projects_have_no_name_in_common(void **state) {
    (void)state;
    static const char *const services[] = {"a.s", "a_b.s", "a-b.s", "a.b.s", "a__b.s", "a_.s", "a_0.s", "a-.s"};
    const struct grove_metrics_record records[] = {record_of(GROVE_METRIC_GAUGE, "c", 0),
                                                   record_of(GROVE_METRIC_GAUGE, "b_c", 0)};
    char names[16][METRICS_FAMILY_BYTES];
    unsigned count = 0;
    for (unsigned i = 0; i < 8; i++)
        for (unsigned j = 0; j < 2; j++)
            assert_true(metrics_family_name(services[i], &records[j], names[count++], METRICS_FAMILY_BYTES));
    for (unsigned i = 0; i < count; i++)
        for (unsigned j = 0; j < i; j++)
            assert_string_not_equal(names[i], names[j]);
    assert_false(metrics_family_name("nodot", &records[0], names[0], METRICS_FAMILY_BYTES));
}

static void what_cannot_be_is_left_out(void **state) {
    (void)state;
    struct page *page = new_page();
    struct grove_metrics_record record = record_of(GROVE_METRIC_COUNTER, "a", -1);
    refuse(page, "p.s", record);
    record.value = NAN;
    refuse(page, "p.s", record);
    refuse(page, "p.s", record_of(GROVE_METRIC_GAUGE, "a_total", 0));
    refuse(page, "p.s", record_of(GROVE_METRIC_GAUGE, "a b", 0));
    refuse(page, "p.s", record_of(GROVE_METRIC_GAUGE, "", 0));
    refuse(page, "p.s", record_of((enum grove_metric_kind)9, "a", 0));
    refuse(page, "p.s", labelled(GROVE_METRIC_GAUGE, "a", "service", "other", 0));
    refuse(page, "p.s", labelled(GROVE_METRIC_GAUGE, "a", "le", "1", 0));
    record = record_of(GROVE_METRIC_GAUGE, "a", 0);
    memset(record.name, 'a', sizeof record.name);
    refuse(page, "p.s", record);
    record = labelled(GROVE_METRIC_GAUGE, "a", "b", "", 0);
    memset(record.labels[0].value, 'a', sizeof record.labels[0].value);
    refuse(page, "p.s", record);
    record = labelled(GROVE_METRIC_GAUGE, "a", "b", "", 0);
    record.labels[1] = record.labels[0];
    refuse(page, "p.s", record);
    memset(&record.labels[0], 0, sizeof record.labels[0]);
    refuse(page, "p.s", record); /* a second label without a first one */
    record = record_of(GROVE_METRIC_HISTOGRAM, "a", 0);
    refuse(page, "p.s", record);
    record.bucket_count = 2;
    record.buckets[0].bound = record.buckets[1].bound = 1;
    refuse(page, "p.s", record);
    record.buckets[1].bound = 2;
    record.buckets[0].count = record.buckets[1].count = UINT64_MAX;
    record.count = UINT64_MAX;
    refuse(page, "p.s", record);
    assert_int_equal(page_counts(page)->malformed, 15);
    assert_page(page, "");
}

static void the_first_of_a_family_says_what_it_is(void **state) {
    (void)state;
    struct page *page = new_page();
    take(page, "p.a", labelled(GROVE_METRIC_GAUGE, "x", "k", "1", 1));
    refuse(page, "p.b", record_of(GROVE_METRIC_GAUGE, "x", 1));
    refuse(page, "p.a", labelled(GROVE_METRIC_GAUGE, "x", "k", "1", 2));
    assert_int_equal(page_counts(page)->conflicting, 1);
    assert_int_equal(page_counts(page)->repeated, 1);
    assert_page(page, "# HELP user_p_x A thing.\n# TYPE user_p_x gauge\nuser_p_x{service=\"p.a\",k=\"1\"} 1\n");
}

static void what_is_too_much_is_added_up(void **state) {
    (void)state;
    struct page *page = new_page();
    for (unsigned i = 0; i < PAGE_SERIES_MAX + 3; i++) {
        char value[16];
        (void)snprintf(value, sizeof value, "%u", i);
        take(page, "p.s", labelled(GROVE_METRIC_COUNTER, "x", "k", value, 2));
    }
    assert_int_equal(page_counts(page)->overflowed, 3);
    char *text = text_of(page);
    assert_non_null(strstr(text, "user_p_x_total{service=\"other\",k=\"other\"} 6\n"));
    assert_non_null(strstr(text, "k=\"999\"} 2\n"));
    assert_null(strstr(text, "k=\"1000\""));
    free(text);
}

static void numbers_read_back(void **state) {
    (void)state;
    static const double values[] = {0, 1, -1, 0.1, 1.0 / 3, 1e-300, 123456789012345678.0, 9007199254740993.0};
    char number[METRICS_NUMBER_BYTES];
    for (unsigned i = 0; i < sizeof values / sizeof values[0]; i++) {
        metrics_number(values[i], number);
        assert_true(strtod(number, NULL) == values[i]);
    }
    metrics_number(0.1, number);
    assert_string_equal(number, "0.1");
    metrics_number(INFINITY, number);
    assert_string_equal(number, "+Inf");
    metrics_number(-INFINITY, number);
    assert_string_equal(number, "-Inf");
    metrics_number(NAN, number);
    assert_string_equal(number, "NaN");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(families_are_written_by_name),
        cmocka_unit_test(histograms_add_up),
        cmocka_unit_test(projects_have_no_name_in_common),
        cmocka_unit_test(what_cannot_be_is_left_out),
        cmocka_unit_test(the_first_of_a_family_says_what_it_is),
        cmocka_unit_test(what_is_too_much_is_added_up),
        cmocka_unit_test(numbers_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
