/* Warnings before a limit: when they come, to whom, how often; and that nothing runs while nothing happens. */
#include "kernel/services/containers/test/stage.h"

#include <string.h>

#define PAGE UINT64_C(4096)
#define MS UINT64_C(1000000)
#define SECOND (1000 * MS)

static grove_handle handle;
static struct open_file *port;
static struct container_record *record;

static int set_up(void **state) {
    (void)state;
    stage_open();
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    file_unref(port);
    stage_close();
    return 0;
}

static void begin(const struct grove_budget *budget) {
    const struct stage_spec spec = {.name = "grid.one", .budget = *budget};
    record = record_find(stage_service(&spec, &handle, &port));
    stage_settle();
}

/* Warnings that came to a port since the last time; the last one in *last. */
static uint32_t count_warnings(struct open_file *at, struct grove_notice_budget *last) {
    struct port_packet *packet;
    uint32_t count = 0;
    stage_settle();
    while ((packet = stage_take(at, GROVE_NOTICE_BUDGET_WARNING, 0)) != NULL) {
        *last = packet->message.body.budget_warning;
        count++;
        stage_drop(packet);
    }
    return count;
}

static uint32_t warnings(void) {
    struct grove_notice_budget last;
    return count_warnings(port, &last);
}

static bool owner_was_told(void) {
    struct port_packet *packet = stage_take(stage.port, GROVE_NOTICE_CONTAINER_BUDGET, 0);
    bool was = packet != NULL;
    if (was)
        stage_drop(packet);
    return was;
}

/* ---- memory ---- */

static void charge(uint64_t pages) {
    assert_int_equal(memory_account_charge(&record->allowance->memory, pages), 0);
}

static void give(uint64_t pages) {
    memory_account_discharge(&record->allowance->memory, pages);
}

static void memory_near_its_limit_is_told_once(void **state) {
    struct grove_notice_budget last = {0};
    (void)state;
    begin(&(struct grove_budget){.memory_bytes = 100 * PAGE});
    charge(90);
    assert_int_equal(warnings(), 0);
    charge(1);
    assert_int_equal(count_warnings(port, &last), 1);
    assert_int_equal(last.resource, GROVE_RESOURCE_MEMORY);
    assert_int_equal(last.used, 91 * PAGE);
    assert_int_equal(last.limit, 100 * PAGE);
    assert_true(owner_was_told());
    for (unsigned i = 0; i < 20; i++) { /* it sways around the mark */
        give(8);
        stage_pass(SECOND);
        charge(8);
        stage_pass(SECOND);
    }
    assert_int_equal(warnings(), 0);
    give(12);
    stage_pass(700 * SECOND); /* looked at now and then */
    charge(12);
    assert_int_equal(warnings(), 1);
    give(91);
}

static void a_refusal_is_a_level_too(void **state) {
    (void)state;
    begin(&(struct grove_budget){.memory_bytes = 10 * PAGE});
    charge(9);
    assert_int_equal(memory_account_charge(&record->allowance->memory, 2), -LINUX_ENOMEM);
    assert_int_equal(warnings(), 1);
    give(9);
}

static void a_new_limit_that_is_near_is_told(void **state) {
    const struct grove_budget less = {.memory_bytes = 100 * PAGE}, more = {.memory_bytes = 1000 * PAGE};
    (void)state;
    begin(&more);
    charge(95);
    assert_int_equal(warnings(), 0);
    containers_lock();
    assert_int_equal(machine_container_budget(record->index, &less), GROVE_OK);
    containers_unlock();
    assert_int_equal(warnings(), 1);
    give(95);
}

/* ---- processes ---- */

static void refuse_process(void) {
    assert_int_equal(memory_account_charge(&record->allowance->processes, 5), -LINUX_ENOMEM);
}

static void is_refused_at_once(struct container_record *begun) {
    assert_int_equal(memory_account_charge(&begun->allowance->processes, 5), -LINUX_ENOMEM);
}

static void what_was_refused_before_the_core_heard_of_it_is_told(void **state) {
    struct grove_notice_budget last = {0};
    (void)state;
    stage.on_begin = is_refused_at_once;
    begin(&(struct grove_budget){.processes = 4});
    assert_int_equal(count_warnings(port, &last), 1);
    assert_int_equal(last.resource, GROVE_RESOURCE_PROCESSES);
    assert_true(owner_was_told());
}

static void refused_processes_are_told(void **state) {
    struct grove_notice_budget last = {0};
    (void)state;
    begin(&(struct grove_budget){.processes = 4});
    refuse_process();
    assert_int_equal(count_warnings(port, &last), 1);
    assert_int_equal(last.resource, GROVE_RESOURCE_PROCESSES);
    assert_int_equal(last.limit, 4);
    for (unsigned i = 0; i < 1000; i++) {
        refuse_process();
        stage_pass(20 * MS);
    }
    assert_int_equal(warnings(), 0); /* it never was calm */
    stage_pass(31 * SECOND);
    refuse_process();
    assert_int_equal(warnings(), 1);
}

/* ---- the processor ---- */

static void wait(uint64_t ns) {
    struct sched_group *group = &record->allowance->group;
    group->waited_ns += ns;
    if (__atomic_exchange_n(&group->is_armed, false, __ATOMIC_RELAXED))
        group->waited(group);
}

static void waiting_for_a_share_is_told(void **state) {
    struct grove_notice_budget last = {0};
    (void)state;
    begin(&(struct grove_budget){.processor_ppm = 250000});
    wait(60 * MS);
    assert_int_equal(warnings(), 0);
    stage_pass(200 * MS);
    wait(60 * MS);
    assert_int_equal(count_warnings(port, &last), 1);
    assert_int_equal(last.resource, GROVE_RESOURCE_PROCESSOR);
    assert_int_equal(last.limit, 250000);
}

/* ---- projects ---- */

static void members_of_a_project_are_told_of_its_limit(void **state) {
    const struct grove_budget budget = {.memory_bytes = 100 * PAGE}, own = {.memory_bytes = 100 * PAGE};
    (void)state;
    begin(&(struct grove_budget){0});
    machine_project project = record->project;
    struct container_record copy = {.budget = own, .project = project};
    containers_lock();
    assert_int_equal(machine_project_set(project, UINT32_MAX, &budget), GROVE_OK);
    containers_unlock();
    struct allowance *allowance = containers.projects[project]->allowance;
    assert_int_equal(memory_account_charge(&allowance->memory, 95), 0);
    assert_int_equal(warnings(), 1);
    memory_account_discharge(&allowance->memory, 95);
    /* A container that only has the project's limit does not tell of it again. */
    assert_int_equal(allowance_create(&stage.world.machine, &fake_host.scheduler, allowance, &own, &copy.allowance), 0);
    warnings_init(&copy.warnings, false, record->index);
    containers_lock();
    warnings_watch(&copy);
    containers_unlock();
    assert_int_equal(copy.warnings.budget.memory_bytes, 0);
    containers_lock();
    warnings_end(&copy.warnings);
    containers_unlock();
    allowance_end(&fake_host.scheduler, copy.allowance);
}

/* ---- at rest ---- */

static void nothing_runs_while_nothing_happens(void **state) {
    (void)state;
    begin(&(struct grove_budget){.memory_bytes = 100 * PAGE, .processes = 4, .processor_ppm = 250000});
    stage_pass(SECOND);
    assert_int_equal(containers.look_ns, 0);
    charge(50);
    give(50);
    refuse_process();
    assert_int_equal(warnings(), 1);
    assert_int_not_equal(containers.look_ns, 0);
    stage_pass(SECOND);
    assert_int_equal(containers.look_ns, 0);
    assert_true(record->allowance->processes.is_armed);
}

/* Pages that others hold outlive the container, and what is done with them tells nobody. */
static void the_end_is_the_end(void **state) {
    (void)state;
    begin(&(struct grove_budget){.memory_bytes = 100 * PAGE, .processes = 4});
    struct allowance *allowance = record->allowance;
    charge(50);
    memory_account_ref(&allowance->memory);
    assert_int_equal(stage_control(handle, GROVE_ACTION_DESTROY), 0);
    stage_settle();
    assert_int_equal(memory_account_charge(&allowance->memory, 45), 0);
    assert_int_equal(memory_account_charge(&allowance->memory, 45), -LINUX_ENOMEM);
    assert_int_equal(containers.look_ns, 0);
    memory_account_discharge(&allowance->memory, 95);
    memory_account_unref(&allowance->memory);
}

int main(void) {
#define STAGED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        STAGED(memory_near_its_limit_is_told_once),
        STAGED(a_refusal_is_a_level_too),
        STAGED(a_new_limit_that_is_near_is_told),
        STAGED(refused_processes_are_told),
        STAGED(what_was_refused_before_the_core_heard_of_it_is_told),
        STAGED(waiting_for_a_share_is_told),
        STAGED(members_of_a_project_are_told_of_its_limit),
        STAGED(nothing_runs_while_nothing_happens),
        STAGED(the_end_is_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
