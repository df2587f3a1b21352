/*
 * Warnings before a limit: once for each time that it is reached, before it ends anything, and nothing runs while nothing
 * happens.
 */
#include "tests/confinement/life.h"

#include <signal.h>

static void start(const struct grove_budget *budget, const char *what, const char *how_much) {
    struct recipe recipe = {.executable = life_program,
                            .arguments = {life_program, what, "/", how_much},
                            .grants = {{GROVE_CAP_FS_EXEC, 0, life_program}},
                            .budget = *budget};
    CHECK(harness_start(0, harness_spec(&recipe)) == GROVE_OK);
    CHECK(harness_wait(&harness_record(0)->is_started));
}

static void end(void) {
    CHECK(!harness_record(0)->is_exited);
    CHECK(!harness_record(0)->is_warned_wrongly);
    machine_container_kill(0);
    CHECK(harness_wait(&harness_record(0)->is_exited));
    machine_container_destroy(0);
}

/* What a start has left to do, a child for the next one for example, may take a while. */
static bool comes_to_rest(void) {
    for (unsigned tries = 0; tries < 60; tries++)
        if (harness_turns(UINT64_C(500000000)) <= 2)
            return true;
    return false;
}

void life_warning_of_memory(void) {
    const struct record *record = harness_record(0);
    if (linux_machine->cgroup_version == 0)
        return;
    start(&(struct grove_budget){.memory_bytes = 64 << 20}, "hold-memory", "40");
    CHECK(life_says(0, "held"));
    CHECK(comes_to_rest() && record->warnings == 0);
    end();
    start(&(struct grove_budget){.memory_bytes = 64 << 20}, "hold-memory", "60");
    CHECK(harness_wait(&record->is_warned) && record->warned_of == GROVE_RESOURCE_MEMORY);
    CHECK(record->warned_used >= (UINT64_C(64) << 20) / 10 * 9 && record->warned_limit == 64u << 20);
    end();
}

static bool has_rested(void *context) {
    struct grove_usage usage;
    uint64_t *until_ns = context;
    /* Reading the usage has the limits looked at, if that is not about to happen anyway. */
    CHECK(machine_container_usage(0, &usage) == GROVE_OK);
    return harness_now_ns() > *until_ns;
}

static bool was_warned_twice(void *context) {
    (void)context;
    return harness_record(0)->warnings == 2;
}

void life_warning_once_for_each_time(void) {
    const struct record *record = harness_record(0);
    if (linux_machine->cgroup_version == 0)
        return;
    start(&(struct grove_budget){.memory_bytes = 64 << 20}, "sway-memory", "60");
    /* Until groved has heard of it, Linux slows down whoever is over the mark; so the loop comes first. */
    CHECK(harness_wait(&record->is_warned));
    CHECK(life_says(0, "swayed"));
    uint64_t until_ns = harness_now_ns() + UINT64_C(1500000000);
    CHECK(harness_until(has_rested, &until_ns) && record->warnings == 1);
    end();
    start(&(struct grove_budget){.memory_bytes = 64 << 20}, "breathe-memory", "60");
    CHECK(harness_wait(&record->is_warned));
    CHECK(machine_container_signal(0, SIGUSR1) == GROVE_OK && life_says(0, "low"));
    until_ns = harness_now_ns() + UINT64_C(1500000000);
    CHECK(harness_until(has_rested, &until_ns) && record->warnings == 1);
    CHECK(machine_container_signal(0, SIGUSR1) == GROVE_OK);
    CHECK(harness_until(was_warned_twice, NULL));
    end();
}

/* However quickly it takes it all: what was killed for its memory was warned. */
void life_warning_before_the_end(void) {
    const struct record *record = harness_record(0);
    if (linux_machine->cgroup_version == 0)
        return;
    start(&(struct grove_budget){.memory_bytes = 32 << 20}, "hold-memory", "512");
    CHECK(harness_wait(&record->is_exited) && life_ended_with(record, GROVE_EXIT_MEMORY, GROVE_MEMORY_OF_CONTAINER));
    CHECK(record->warnings == 1 && record->warned_of == GROVE_RESOURCE_MEMORY && !record->is_warned_wrongly);
    machine_container_destroy(0);
}

static bool is_warned_or_looked_at(void *context) {
    struct grove_usage usage;
    (void)context;
    CHECK(machine_container_usage(0, &usage) == GROVE_OK);
    return harness_record(0)->is_warned;
}

/* Version 2 says so by itself; with version 1 somebody has to look. */
static bool comes_to_be_warned(void) {
    return linux_machine->cgroup_version == 2 ? harness_wait(&harness_record(0)->is_warned)
                                              : harness_until(is_warned_or_looked_at, NULL);
}

void life_warning_of_processes(void) {
    const struct record *record = harness_record(0);
    if (linux_machine->cgroup_version == 0)
        return;
    /* Two are the small init and the program itself. */
    start(&(struct grove_budget){.processes = 6}, "hold-processes", "20");
    CHECK(life_says(0, "made 4"));
    CHECK(comes_to_be_warned() && record->warned_of == GROVE_RESOURCE_PROCESSES);
    CHECK(record->warned_limit == 6 && record->warnings == 1);
    end();
}

void life_warning_of_the_processor(void) {
    const struct record *record = harness_record(0);
    if (linux_machine->cgroup_version == 0)
        return;
    start(&(struct grove_budget){.processor_ppm = 100000}, "spin", "");
    CHECK(life_says(0, "spinning"));
    CHECK(comes_to_be_warned() && record->warned_of == GROVE_RESOURCE_PROCESSOR && record->warned_limit == 100000);
    end();
}
