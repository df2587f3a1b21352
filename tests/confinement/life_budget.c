/*
 * Budgets, scheduling, freezing; and the end of what a killed kernel left behind.
 */
#include "tests/confinement/life.h"

#include "kernel/machine/linux/container/container.h"
#include "kernel/machine/linux/container/tree.h"
#include "kernel/machine/linux/recovery/recovery.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- budgets ---- */

void life_usage_and_budget(void) {
    struct grove_usage usage = {0};
    struct recipe recipe = life_shell("echo up; sleep 1000");
    CHECK(harness_start(0, harness_spec(&recipe)) == GROVE_OK);
    CHECK(harness_wait(&harness_record(0)->is_started) && life_says(0, "up"));
    CHECK(machine_container_usage(0, &usage) == GROVE_OK);
    CHECK(usage.memory_bytes > 0 && usage.processes >= 2);
    CHECK(machine_container_budget(0, &(struct grove_budget){.processes = 32, .memory_bytes = 64 << 20}) == GROVE_OK);
    CHECK(machine_container_schedule(0, &(struct grove_schedule){.class = GROVE_SCHEDULE_IDLE}) == GROVE_OK);
    machine_container_kill(0);
    CHECK(harness_wait(&harness_record(0)->is_exited));
}

/* A user's own limit cannot be raised, and is no reason not to start. */
void life_own_limit(void) {
    const struct rlimit few = {2048, 2048};
    struct recipe recipe = life_shell("ulimit -n");
    if (!life_is_rootless)
        return;
    CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
    recipe.budget.descriptors = 65536;
    CHECK(life_ended_with(life_run(&recipe), GROVE_EXIT_CODE, 0) && strcmp(life_output, "2048\n") == 0);
}

void life_schedule_at_start(void) {
    /* Without root one can only give way, and whoever runs the tests may have done that already. */
    int asked = getpriority(PRIO_PROCESS, 0) + 5;
    asked = asked > 19 ? 19 : asked;
    char expected[16];
    (void)snprintf(expected, sizeof expected, "%d\n", asked);
    struct recipe recipe = life_shell("nice");
    recipe.schedule = (struct grove_schedule){.class = GROVE_SCHEDULE_FAIR, .priority = asked};
    CHECK(life_ended_with(life_run(&recipe), GROVE_EXIT_CODE, 0) && strcmp(life_output, expected) == 0);
}

/*
 * All of them stand still, whoever forked whom, and all go on; with control groups or without. Three shells start a program
 * a thousand times a second, so that the same processes after a while are processes that stand still.
 */
void life_freeze_all(void) {
    struct recipe recipe = life_shell("for i in 1 2 3; do (while :; do /bin/true; done) & done; echo up; wait");
    pid_t before[64], after[64];
    CHECK(harness_start(0, harness_spec(&recipe)) == GROVE_OK);
    CHECK(harness_wait(&harness_record(0)->is_started) && life_says(0, "up"));
    for (unsigned round = 0; round < 20; round++) {
        harness_record(0)->is_frozen = false;
        CHECK(machine_container_freeze(0) == GROVE_OK && harness_wait(&harness_record(0)->is_frozen));
        unsigned count = tree_processes(machine_container_process(0), before, 64);
        CHECK(count >= 5);
        for (uint64_t end = harness_now_ns() + 30000000; harness_now_ns() < end;)
            (void)sched_yield();
        CHECK(tree_processes(machine_container_process(0), after, 64) == count);
        CHECK(memcmp(before, after, count * sizeof *before) == 0);
        CHECK(machine_container_thaw(0) == GROVE_OK);
    }
    machine_container_kill(0);
    CHECK(harness_wait(&harness_record(0)->is_exited) && life_ended_with(harness_record(0), GROVE_EXIT_KILLED, 0));
}

void life_freeze(void) {
    struct recipe recipe = life_shell("echo up; while :; do :; done");
    struct grove_usage before = {0}, after = {0};
    CHECK(harness_start(0, harness_spec(&recipe)) == GROVE_OK);
    CHECK(harness_wait(&harness_record(0)->is_started) && life_says(0, "up"));
    CHECK(machine_container_freeze(0) == GROVE_OK && harness_wait(&harness_record(0)->is_frozen));
    CHECK(machine_container_usage(0, &before) == GROVE_OK && machine_container_usage(0, &after) == GROVE_OK);
    CHECK(before.processor_ns == after.processor_ns);
    CHECK(machine_container_thaw(0) == GROVE_OK);
    CHECK(machine_container_freeze(0) == GROVE_OK);
    /* A frozen container can be killed. */
    machine_container_kill(0);
    CHECK(harness_wait(&harness_record(0)->is_exited) && life_ended_with(harness_record(0), GROVE_EXIT_KILLED, 0));
}

/* ---- after a kill -9 ---- */

struct left_behind {
    int32_t container, stray; /* processes: of a container, and one that does not end with its parent */
    uint64_t boot_id;
    char folder[64];
};

static _Noreturn void wait_for_ever(void) {
    for (;;)
        (void)pause();
}

static _Noreturn void kernel_to_be_killed(int words) {
    struct recipe recipe = life_shell("echo up; while :; do sleep 1000 & wait; done");
    namespaces_close(); /* of the kernel that we were forked from */
    harness_project = 1;
    if (harness_open(life_is_rootless ? L(CGROUP) | L(USER_ID) : 0) < 0 || recovery_run(linux_machine) < 0 ||
        machine_project_set(1, 0, &(struct grove_budget){.processes = 32}) < 0 ||
        harness_start(0, harness_spec(&recipe)) < 0 || !harness_wait(&harness_record(0)->is_started) ||
        !life_says(0, "up"))
        _exit(1);
    struct left_behind left = {.container = machine_container_process(0), .boot_id = linux_machine->boot_id};
    (void)snprintf(left.folder, sizeof left.folder, "%s", linux_machine->options.run_folder);
    left.stray = fork();
    if (left.stray == 0)
        wait_for_ever();
    recovery_note(1, left.stray);
    (void)!write(words, &left, sizeof left);
    wait_for_ever();
}

void life_recovery(void) {
    struct left_behind left = {0};
    int words[2], status;
    CHECK(pipe2(words, O_CLOEXEC) == 0);
    pid_t kernel = fork();
    if (kernel == 0)
        kernel_to_be_killed(words[1]);
    (void)close(words[1]);
    CHECK(read(words[0], &left, sizeof left) == (ssize_t)sizeof left && left.container > 0 && left.stray > 0);
    int container = (int)syscall(SYS_pidfd_open, left.container, 0),
        stray = (int)syscall(SYS_pidfd_open, left.stray, 0);
    CHECK(kill(kernel, SIGKILL) == 0 && waitpid(kernel, &status, 0) == kernel);
    CHECK(linux_machine->cgroup_version == 0 || accounts_groups(left.boot_id) > 0);

    struct linux_machine next = *linux_machine;
    unsigned before = harness_recovered;
    next.options.run_folder = left.folder;
    next.boot_id++;
    CHECK(recovery_run(&next) == GROVE_OK);
    CHECK(life_has_ended(container));
    CHECK(life_has_ended(stray));
    CHECK(harness_recovered > before);
    CHECK(accounts_groups(left.boot_id) == 0);
    /* What it has ended once is not found again. */
    recovery_close();
    before = harness_recovered;
    CHECK(recovery_run(&next) == GROVE_OK && harness_recovered == before);
    recovery_close();
    (void)close(container);
    (void)close(stray);
    (void)close(words[0]);
    (void)rmdir(left.folder);
}
