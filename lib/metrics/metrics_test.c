/*
 * What a service counts is what a reader is told: kinds, labels, pages that fit together, collectors, bounds, and who may
 * not read.
 */
#include "grove/metrics.h"

#include "lib/testing/fake_kernel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PATIENCE_NS (10 * GROVE_SECOND)

struct world {
    struct fake_kernel *kernel;
    struct grove_session *server, *shell, *other;
    struct grove_service *service;
    struct grove_metrics *metrics;
    struct grove_channel *channel;
    bool is_answered;
    int status;
    struct grove_metrics_page page;
    struct grove_metrics_record records[GROVE_METRICS_PAGE_RECORDS];
};

static struct grove_session *open_session(int port) {
    struct grove_session *session = NULL;
    assert_int_equal(grove_session_open(&(struct grove_session_options){.descriptor = port}, &session), 0);
    assert_non_null(session);
    return session;
}

static struct grove_channel *open_channel(struct grove_session *session) {
    struct grove_connect_options options = {.session = session};
    struct grove_channel *channel = NULL;
    assert_int_equal(grove_connect_with("system.measured", &options, &channel), 0);
    return channel;
}

static int set_up(void **state) {
    struct world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    *state = world;
    world->kernel = fake_kernel_start();
    world->server = open_session(fake_kernel_add(world->kernel, "measured", "system.measured"));
    world->other = open_session(fake_kernel_add(world->kernel, "other", NULL));
    world->shell = open_session(fake_kernel_add_shell(world->kernel, "shell"));
    assert_int_equal(grove_service_create(&(struct grove_service_options){.session = world->server}, &world->service),
                     0);
    assert_int_equal(grove_metrics_create(world->service, "system.measured", &world->metrics), 0);
    world->channel = open_channel(world->shell);
    return 0;
}

static int tear_down(void **state) {
    struct world *world = *state;
    grove_channel_close(world->channel);
    grove_service_destroy(world->service);
    grove_metrics_destroy(world->metrics);
    grove_session_close(world->server);
    grove_session_close(world->shell);
    grove_session_close(world->other);
    fake_kernel_stop(world->kernel);
    free(world);
    return 0;
}

/* ---- reading ---- */

static void take(int status, const struct grove_answer *answer, void *context) {
    struct world *world = context;
    world->is_answered = true;
    world->status = status;
    world->page.count = 0;
    if (status < 0)
        return;
    assert_true(answer->length_bytes >= sizeof world->page);
    memcpy(&world->page, answer->data, sizeof world->page);
    assert_true(world->page.count <= GROVE_METRICS_PAGE_RECORDS);
    assert_int_equal(answer->length_bytes, sizeof world->page + world->page.count * sizeof world->records[0]);
    memcpy(world->records, (const char *)answer->data + sizeof world->page,
           world->page.count * sizeof world->records[0]);
}

static int ask(struct world *world, struct grove_session *session, struct grove_channel *channel, const void *data,
               size_t bytes) {
    struct grove_call call = {
        .method = GROVE_METRICS_METHOD, .data = data, .length_bytes = bytes, .timeout_ns = PATIENCE_NS};
    world->is_answered = false;
    assert_int_equal(grove_call_start(channel, &call, take, world), 0);
    for (unsigned turn = 0; !world->is_answered && turn < 20000; turn++) {
        (void)grove_service_dispatch(world->service, GROVE_MILLISECOND);
        (void)grove_session_dispatch(session, GROVE_MILLISECOND / 2);
    }
    assert_true(world->is_answered);
    return world->status;
}

static void read_page(struct world *world, uint32_t cursor) {
    struct grove_metrics_request request = {GROVE_METRICS_VERSION, cursor};
    assert_int_equal(ask(world, world->shell, world->channel, &request, sizeof request), 0);
    assert_int_equal(world->page.version, GROVE_METRICS_VERSION);
}

/* The record of this name in the page that was read, or NULL. */
static const struct grove_metrics_record *find(const struct world *world, const char *name) {
    for (uint32_t i = 0; i < world->page.count; i++)
        if (strcmp(world->records[i].name, name) == 0)
            return &world->records[i];
    return NULL;
}

static double value_of(const struct world *world, const char *name) {
    const struct grove_metrics_record *record = find(world, name);
    assert_non_null(record);
    return record->value;
}

/* ---- the tests ---- */

static void values_are_those_of_the_service(void **state) {
    struct world *world = *state;
    uint64_t *counter = NULL;
    double *gauge = NULL;
    assert_int_equal(
        grove_metrics_counter(
            world->metrics,
            &(struct grove_metric){.name = "done", .help = "What was done.", .labels = {{"kind", "first"}}}, &counter),
        0);
    assert_int_equal(grove_metrics_gauge(world->metrics, &(struct grove_metric){.name = "level"}, &gauge), 0);
    read_page(world, 0);
    assert_int_equal(world->page.count, 2);
    assert_true(value_of(world, "done") == 0 && value_of(world, "level") == 0);
    *counter += 3;
    *gauge = -1.5;
    read_page(world, 0);
    assert_true(value_of(world, "done") == 3 && value_of(world, "level") == -1.5);
    assert_int_equal(find(world, "done")->kind, GROVE_METRIC_COUNTER);
    assert_string_equal(find(world, "done")->help, "What was done.");
    assert_string_equal(find(world, "done")->labels[0].name, "kind");
    assert_string_equal(find(world, "done")->labels[0].value, "first");
}

static void observations_fall_into_buckets(void **state) {
    struct world *world = *state;
    const double bounds[] = {0.1, 1, 10};
    struct grove_histogram *histogram = NULL;
    assert_int_equal(
        grove_metrics_histogram(world->metrics, &(struct grove_metric){.name = "seconds"}, bounds, 3, &histogram), 0);
    const double values[] = {0.05, 0.1, 0.5, 11};
    for (unsigned i = 0; i < 4; i++)
        grove_histogram_observe(histogram, values[i]);
    read_page(world, 0);
    const struct grove_metrics_record *record = find(world, "seconds");
    assert_non_null(record);
    assert_int_equal(record->bucket_count, 3);
    assert_int_equal(record->count, 4);
    assert_true(record->value > 11.64 && record->value < 11.66);
    assert_int_equal(record->buckets[0].count, 2);
    assert_int_equal(record->buckets[1].count, 1);
    assert_int_equal(record->buckets[2].count, 0);
}

static void what_is_no_metric_is_refused(void **state) {
    struct world *world = *state;
    uint64_t *counter = NULL;
    double *gauge = NULL;
    struct grove_histogram *histogram = NULL;
    const char *const names[] = {"", "Up", "1st", "a__b", "a_", "a b", "a\"b", "a_total", "a_bucket"};
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
        assert_int_equal(grove_metrics_counter(world->metrics, &(struct grove_metric){.name = names[i]}, &counter),
                         GROVE_INVALID);
    assert_int_equal(
        grove_metrics_counter(world->metrics, &(struct grove_metric){.name = "a", .labels = {{"le", "x"}}}, &counter),
        GROVE_INVALID);
    assert_int_equal(grove_metrics_counter(world->metrics, &(struct grove_metric){.name = "a"}, &counter), 0);
    assert_int_equal(grove_metrics_counter(world->metrics, &(struct grove_metric){.name = "a"}, &counter),
                     GROVE_EXISTS);
    assert_int_equal(
        grove_metrics_gauge(world->metrics, &(struct grove_metric){.name = "a", .labels = {{"b", "c"}}}, &gauge),
        GROVE_INVALID);
    const double falling[] = {2, 1};
    assert_int_equal(
        grove_metrics_histogram(world->metrics, &(struct grove_metric){.name = "h"}, falling, 2, &histogram),
        GROVE_INVALID);
    assert_int_equal(
        grove_metrics_histogram(world->metrics, &(struct grove_metric){.name = "h"}, falling, 0, &histogram),
        GROVE_INVALID);
}

static void tell_two(struct grove_metrics *metrics, void *context) {
    const unsigned *times = context;
    for (unsigned i = 0; i < *times; i++) {
        char value[16];
        (void)snprintf(value, sizeof value, "%u", i);
        grove_metrics_tell(metrics, GROVE_METRIC_GAUGE,
                           &(struct grove_metric){.name = "of_many", .labels = {{"number", value}}}, i);
    }
    grove_metrics_tell(metrics, GROVE_METRIC_GAUGE, &(struct grove_metric){.name = "No"}, 1);
}

static void pages_fit_together(void **state) {
    struct world *world = *state;
    unsigned times = 2 * GROVE_METRICS_PAGE_RECORDS + 5, seen = 0;
    grove_metrics_on_collect(world->metrics, tell_two, &times);
    read_page(world, 0);
    for (;;) {
        for (uint32_t i = 0; i < world->page.count; i++)
            assert_true(world->records[i].value == seen++);
        assert_int_equal(world->page.refused, 1);
        if (world->page.cursor == 0)
            break;
        times = 1; /* the reading under way does not change */
        read_page(world, world->page.cursor);
    }
    assert_int_equal(seen, 2 * GROVE_METRICS_PAGE_RECORDS + 5);
    read_page(world, 0);
    assert_int_equal(world->page.count, 1);
    read_page(world, 7777); /* of no reading */
    assert_int_equal(world->page.count, 0);
    assert_int_equal(world->page.cursor, 0);
}

static void there_is_a_bound(void **state) {
    struct world *world = *state;
    unsigned times = GROVE_METRICS_MAX + 10;
    grove_metrics_on_collect(world->metrics, tell_two, &times);
    read_page(world, 0);
    uint32_t count = world->page.count;
    while (world->page.cursor != 0) {
        read_page(world, world->page.cursor);
        count += world->page.count;
    }
    assert_int_equal(count, GROVE_METRICS_MAX);
    assert_int_equal(world->page.refused, 11);
}

static void others_are_refused(void **state) {
    struct world *world = *state;
    struct grove_metrics_request request = {GROVE_METRICS_VERSION, 0};
    struct grove_channel *channel = open_channel(world->other);
    assert_int_equal(ask(world, world->other, channel, &request, sizeof request), GROVE_DENIED);
    grove_channel_close(channel);
    assert_int_equal(ask(world, world->shell, world->channel, &request, 3), GROVE_INVALID);
    request.version = GROVE_METRICS_VERSION + 1;
    assert_int_equal(ask(world, world->shell, world->channel, &request, sizeof request), GROVE_VERSION);
}

int main(void) {
#define METRICS_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        METRICS_TEST(values_are_those_of_the_service),
        METRICS_TEST(observations_fall_into_buckets),
        METRICS_TEST(what_is_no_metric_is_refused),
        METRICS_TEST(pages_fit_together),
        METRICS_TEST(there_is_a_bound),
        METRICS_TEST(others_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
