/*
 * Projects: what several containers may have together, and that others are not touched by it.
 *
 * Each try is made twice: in a project, where the greedy ones stay within its limits together, and in none, where nothing
 * stops them. So what stops them is the project's group, and not a limit of their own.
 */
#include "tests/confinement/life.h"

#include "kernel/machine/linux/cgroup/project.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OUTER 1u
#define INNER 2u
#define OTHER 3u

/* Containers of a try; 0 is ended by whoever runs the tests. */
enum { FIRST, SECOND, STRANGER, CONTAINERS };

static void open_projects(const struct grove_budget *budget) {
    (void)memset(harness_project_warnings, 0, sizeof harness_project_warnings);
    CHECK(machine_project_set(OUTER, 0, budget) == GROVE_OK);
    CHECK(machine_project_set(INNER, OUTER, &(struct grove_budget){0}) == GROVE_OK);
    CHECK(machine_project_set(OTHER, 0, budget) == GROVE_OK);
}

static void start(machine_container container, machine_project project, const char *what, const char *how_much) {
    struct recipe recipe = {.executable = life_program,
                            .arguments = {life_program, what, "/", how_much},
                            .grants = {{GROVE_CAP_FS_EXEC, 0, life_program}}};
    harness_project = project;
    CHECK(harness_start(container, harness_spec(&recipe)) == GROVE_OK);
    harness_project = 0;
    CHECK(harness_wait(&harness_record(container)->is_started));
}

static void end_all(void) {
    for (machine_container container = 0; container < CONTAINERS; container++) {
        if (harness_record(container)->is_started && !harness_record(container)->is_exited) {
            machine_container_kill(container);
            CHECK(harness_wait(&harness_record(container)->is_exited));
        }
        machine_container_destroy(container);
    }
    machine_project_destroy(INNER);
    machine_project_destroy(OUTER);
    machine_project_destroy(OTHER);
}

/* A group that was just left can be busy for a moment; the machine tries again by itself. */
static bool few_groups(void *context) {
    return accounts_groups_below(linux_machine->boot_id) <= *(const unsigned *)context;
}

void life_project_memory(void) {
    unsigned groups = accounts_groups_below(linux_machine->boot_id);
    if (linux_machine->cgroup_version == 0)
        return;
    open_projects(&(struct grove_budget){.memory_bytes = 64 << 20});
    start(FIRST, OUTER, "hold-memory", "24");
    CHECK(life_says(FIRST, "held"));
    start(STRANGER, OTHER, "hold-memory", "48");
    CHECK(life_says(STRANGER, "held"));
    start(SECOND, 0, "hold-memory", "56");
    CHECK(life_says(SECOND, "held"));
    machine_container_kill(SECOND);
    CHECK(harness_wait(&harness_record(SECOND)->is_exited));
    machine_container_destroy(SECOND);
    /* The same in a project below: the larger of the two is ended, and is told why. */
    start(SECOND, INNER, "hold-memory", "56");
    CHECK(harness_wait(&harness_record(SECOND)->is_exited));
    CHECK(life_ended_with(harness_record(SECOND), GROVE_EXIT_MEMORY, GROVE_MEMORY_OF_PROJECT));
    CHECK(!harness_record(FIRST)->is_exited && !harness_record(STRANGER)->is_exited);
    CHECK(harness_project_warnings[OUTER] == 1 && harness_project_warnings[OTHER] == 0);
    end_all();
    CHECK(harness_until(few_groups, &groups));
}

static long made(machine_container container) {
    CHECK(life_says(container, "made "));
    const char *words = strstr(life_output, "made ");
    return words == NULL ? -1 : strtol(words + strlen("made "), NULL, 10);
}

/* The child for the next start has come into the project's group, so that it is in nobody's count any more. */
static bool has_processes(void *context) {
    struct grove_usage usage;
    return cgroup_usage(cgroup_of_project(OUTER), &usage) == GROVE_OK && usage.processes == *(const uint64_t *)context;
}

/* Each is its small init, the program, and what it makes. */
void life_project_processes(void) {
    if (linux_machine->cgroup_version == 0)
        return;
    open_projects(&(struct grove_budget){.processes = 14});
    start(FIRST, OUTER, "hold-processes", "8");
    CHECK(made(FIRST) == 8);
    CHECK(harness_until(has_processes, &(uint64_t){8 + 2 + 1}));
    start(SECOND, OUTER, "hold-processes", "8");
    CHECK(made(SECOND) == 2);
    start(STRANGER, OTHER, "hold-processes", "8");
    CHECK(made(STRANGER) == 8);
    /* A changed limit holds for those who run; more is there for who comes next. */
    machine_container_kill(SECOND);
    CHECK(harness_wait(&harness_record(SECOND)->is_exited));
    machine_container_destroy(SECOND);
    CHECK(machine_project_set(OUTER, 0, &(struct grove_budget){.processes = 20}) == GROVE_OK);
    start(SECOND, INNER, "hold-processes", "8");
    CHECK(made(SECOND) == 8);
    end_all();
}

/* A quarter of a processor for both, each of which would take a whole one. */
void life_project_processor(void) {
    struct grove_usage before[2], after[2];
    uint64_t begin_ns, used_ns = 0;
    if (linux_machine->cgroup_version == 0)
        return;
    open_projects(&(struct grove_budget){.processor_ppm = 250000});
    start(FIRST, OUTER, "spin", "");
    start(SECOND, INNER, "spin", "");
    CHECK(life_says(FIRST, "spinning") && life_says(SECOND, "spinning"));
    begin_ns = harness_now_ns();
    for (machine_container i = FIRST; i <= SECOND; i++)
        CHECK(machine_container_usage(i, &before[i]) == GROVE_OK);
    /* Half a second of processor time takes them two seconds; unlimited it would take a quarter. */
    while (used_ns < UINT64_C(500000000)) {
        used_ns = 0;
        for (machine_container i = FIRST; i <= SECOND; i++) {
            CHECK(machine_container_usage(i, &after[i]) == GROVE_OK);
            used_ns += after[i].processor_ns - before[i].processor_ns;
        }
    }
    CHECK(harness_now_ns() - begin_ns > UINT64_C(1000000000));
    end_all();
}
