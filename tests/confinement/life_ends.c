/*
 * Ends and their causes, and starts that fail: what the core is told, and that each failure names its layer.
 */
#include "tests/confinement/life.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

/* ---- ends ---- */

void life_exit_status(void) {
    CHECK(life_ended_with(life_run_shell("exit 7"), GROVE_EXIT_CODE, 7));
}

void life_signal_is_the_programs(void) {
    CHECK(life_ended_with(life_run_shell("kill -SEGV $$"), GROVE_EXIT_SIGNAL, SIGSEGV));
}

void life_kill(void) {
    struct recipe recipe = life_shell("echo up; sleep 1000 & wait");
    CHECK(harness_start(0, harness_spec(&recipe)) == GROVE_OK);
    CHECK(harness_wait(&harness_record(0)->is_started) && life_says(0, "up"));
    machine_container_kill(0);
    CHECK(harness_wait(&harness_record(0)->is_exited) && life_ended_with(harness_record(0), GROVE_EXIT_KILLED, 0));
}

void life_signal_is_passed_on(void) {
    struct recipe recipe = life_shell("trap 'exit 9' TERM; echo up; while :; do sleep 1000 & wait; done");
    CHECK(harness_start(0, harness_spec(&recipe)) == GROVE_OK);
    CHECK(harness_wait(&harness_record(0)->is_started) && life_says(0, "up"));
    CHECK(machine_container_signal(0, SIGTERM) == GROVE_OK);
    CHECK(harness_wait(&harness_record(0)->is_exited) && life_ended_with(harness_record(0), GROVE_EXIT_CODE, 9));
    CHECK(machine_container_signal(0, SIGTERM) == GROVE_WRONG_STATE);
}

void life_orphans_are_reaped(void) {
    /* The inner shell ends at once; its child becomes the small init's, and is gone when it has ended. */
    CHECK(life_ended_with(life_run_shell("sh -c 'sleep 0.01 & echo $! > /tmp/child'; read child < /tmp/child; "
                                         "while [ -d /proc/$child ]; do :; done"),
                          GROVE_EXIT_CODE, 0));
}

void life_restart_has_a_clean_place(void) {
    CHECK(life_ended_with(life_run_shell("test ! -e /tmp/left && echo x > /tmp/left"), GROVE_EXIT_CODE, 0));
    CHECK(life_ended_with(life_run_shell("test ! -e /tmp/left"), GROVE_EXIT_CODE, 0));
}

/* ---- failures ---- */

void life_missing_path_names_the_layer(void) {
    struct recipe recipe = life_shell("true");
    recipe.grants[0] = (struct recipe_grant){GROVE_CAP_FS_READ, 0, life_path("nothing")};
    struct record *record = life_run(&recipe);
    CHECK(record->is_started && record->status == GROVE_LAYER_MISSING && record->layer == GROVE_LAYER_FILE_VIEW);
    CHECK(record->start_detail == ENOENT);
    recipe.grants[0].flags = GROVE_SPEC_CAPABILITY_OPTIONAL;
    CHECK(life_ended_with(life_run(&recipe), GROVE_EXIT_CODE, 0));
}

void life_missing_program_names_the_layer(void) {
    struct recipe recipe = life_shell("true");
    recipe.executable = "/usr/bin/no-such-program";
    struct record *record = life_run(&recipe);
    CHECK(record->is_started && record->status == GROVE_NOT_FOUND && record->layer == GROVE_LAYER_EXECUTE);
    recipe = (struct recipe){.flags = GROVE_SPEC_NATIVE, .executable = "/nowhere"};
    record = life_run(&recipe);
    CHECK(record->is_started && record->status == GROVE_NOT_FOUND && record->layer == GROVE_LAYER_EXECUTE);
    CHECK(harness_port(0) < 0);
}

void life_missing_folder_to_work_in(void) {
    struct recipe recipe = life_shell("true");
    recipe.directory = "/home/nobody-here";
    struct record *record = life_run(&recipe);
    CHECK(record->is_started && record->status == GROVE_LAYER_MISSING && record->layer == GROVE_LAYER_FILE_VIEW);
}

/* A link that a container could have planted is not followed to what it points to; root's own links are. */
void life_planted_link(void) {
    if (life_is_rootless)
        return;
    struct recipe recipe = life_shell("cat /tmp/../\"$0\"");
    (void)symlink("/etc/passwd", life_path("planted"));
    CHECK(lchown(life_path("planted"), 12345, 12345) == 0);
    recipe.grants[0] = (struct recipe_grant){GROVE_CAP_FS_READ, 0, life_path("planted")};
    struct record *record = life_run(&recipe);
    CHECK(record->status == GROVE_LAYER_MISSING && record->layer == GROVE_LAYER_FILE_VIEW &&
          record->start_detail == ELOOP);
    CHECK(lchown(life_path("planted"), 0, 0) == 0);
    CHECK(life_ended_with(life_run(&recipe), GROVE_EXIT_CODE, 1) || strstr(life_output, "root:") != NULL);
}
