/*
 * The index against a plain list: after each of many random registrations, changes of state and removals, every set holds
 * exactly those records that it should, in the order of their numbers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "servers/common/names.h"
#include "servers/common/test_spec.h"
#include "servers/registry/index.h"
#include "servers/registry/registry.h"

#define RECORDS 200u
#define STEPS 4000u

static struct record_index record_index;
static struct record records[RECORDS];
static bool is_in[RECORDS];
static uint64_t next_number;
static uint64_t chance = 4711;

static const char *const projects[] = {"grid", "grid.north", "grid.north.a", "other", "gridlike"};
static const char *const owners[] = {"shell", "system.store", "grid.boss"};

static uint32_t choose(uint32_t below) {
    chance = chance * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(chance >> 33) % below;
}

static void make_record(uint32_t at) {
    static char names[RECORDS][GROVE_NAME_MAX + 1], needs[RECORDS][16];
    (void)snprintf(names[at], sizeof names[at], "%s.s%u", projects[at % 5], at);
    (void)snprintf(needs[at], sizeof needs[at], "need.n%u", at % 7);
    const struct test_interface requires[] = {{.name = needs[at]}, {.name = needs[at]}, {.name = NULL}};
    records[at].node.spec = test_spec(names[at], NULL, requires);
    records[at].name = names[at];
    records[at].project = projects[at % 5];
    name_set(&records[at].owner, owners[at % 3]);
}

static void assert_holds(const struct record_set *set, const bool *wanted) {
    uint32_t count = 0, seen = 0;
    for (uint32_t at = 0; at < RECORDS; at++)
        count += wanted[at];
    assert_int_equal(set == NULL ? 0 : set->count, count);
    for (uint32_t place = 0; place < count; place++) {
        uint32_t at = (uint32_t)(set->records[place] - records);
        assert_true(wanted[at]);
        assert_int_equal(index_place(set, records[at].number), place);
        assert_true(place == 0 || set->records[place - 1]->number < records[at].number);
        seen++;
    }
    assert_int_equal(seen, count);
}

typedef bool fits(const struct record *record, uint32_t value);

static bool has_state(const struct record *record, uint32_t value) {
    return record->state == value;
}

static bool has_owner(const struct record *record, uint32_t value) {
    return strcmp(record->owner.text, owners[value]) == 0;
}

static bool is_inside(const struct record *record, uint32_t value) {
    size_t length = strlen(projects[value]);
    return strncmp(record->project, projects[value], length) == 0 &&
           (record->project[length] == '\0' || record->project[length] == '.');
}

static bool requires_it(const struct record *record, uint32_t value) {
    return (uint32_t)(record - records) % 7 == value;
}

static void check_sets(fits *fit, uint32_t value, const struct record_set *set) {
    bool wanted[RECORDS];
    for (uint32_t at = 0; at < RECORDS; at++)
        wanted[at] = is_in[at] && fit(&records[at], value);
    assert_holds(set, wanted);
}

static void check_all(void) {
    assert_holds(&record_index.all, is_in);
    for (uint32_t state = 0; state < GROVE_SERVICE_STATE_COUNT; state++)
        check_sets(has_state, state, &record_index.states[state]);
    for (uint32_t owner = 0; owner < 3; owner++)
        check_sets(has_owner, owner, index_find(&record_index.owners, owners[owner]));
    for (uint32_t project = 0; project < 5; project++)
        check_sets(is_inside, project, index_find(&record_index.projects, projects[project]));
    for (uint32_t need = 0; need < 7; need++) {
        char endpoint[16];
        (void)snprintf(endpoint, sizeof endpoint, "need.n%u", need);
        check_sets(requires_it, need, index_find(&record_index.requirers, endpoint));
    }
}

static void the_sets_hold_what_they_should(void **state) {
    (void)state;
    for (uint32_t at = 0; at < RECORDS; at++)
        make_record(at);
    for (uint32_t step = 0; step < STEPS; step++) {
        uint32_t at = choose(RECORDS);
        if (!is_in[at]) {
            records[at].number = ++next_number;
            assert_int_equal(index_add(&record_index, &records[at]), 0);
            is_in[at] = true;
        } else if (choose(3) == 0) {
            index_remove(&record_index, &records[at]);
            is_in[at] = false;
        } else {
            uint32_t before = (uint32_t)records[at].state;
            records[at].state = (enum registry_state)choose(GROVE_SERVICE_STATE_COUNT);
            index_state_changed(&record_index, &records[at], before);
        }
        if (step % 16 == 0)
            check_all();
    }
    for (uint32_t at = 0; at < RECORDS; at++)
        if (is_in[at])
            index_remove(&record_index, &records[at]);
    (void)memset(is_in, 0, sizeof is_in);
    check_all();
    assert_null(index_find(&record_index.owners, "shell"));
    index_deinit(&record_index);
    for (uint32_t at = 0; at < RECORDS; at++)
        free((void *)(uintptr_t)records[at].node.spec);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_sets_hold_what_they_should)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
