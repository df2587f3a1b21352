/*
 * Ends and their causes, and starts that fail: what the core is told, and that each failure names its layer.
 */
#include "tests/confinement/life.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
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

/* ---- what an end leaves ---- */

/* How many descriptors of this namespace a process has. */
static unsigned count_descriptors(const char *process, const char *namespace) {
    char folder[64], path[320], target[64];
    unsigned count = 0;
    (void)snprintf(folder, sizeof folder, "/proc/%s/fd", process);
    DIR *entries = opendir(folder);
    for (struct dirent *entry; entries != NULL && (entry = readdir(entries)) != NULL;) {
        (void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        ssize_t length = readlink(path, target, sizeof target - 1);
        target[length < 0 ? 0 : length] = '\0';
        count += strncmp(target, namespace, strlen(namespace)) == 0;
    }
    if (entries != NULL)
        (void)closedir(entries);
    return count;
}

/* By groved, or by a child that was passed it. */
static bool is_let_go(void *context) {
    char path[64], process[16];
    bool is_held = count_descriptors("self", context) > 0;
    (void)snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    FILE *children = fopen(path, "re");
    while (children != NULL && fscanf(children, "%15s", process) == 1)
        is_held |= count_descriptors(process, context) > 0;
    if (children != NULL)
        (void)fclose(children);
    return !is_held;
}

/* Held while it runs, so that its end is told before its mounts are taken apart; gone, with the child that does that, soon. */
void life_mounts_are_let_go(void) {
    char path[64], namespace[64] = "";
    pid_t process;
    struct recipe recipe = life_shell("head -c 4000000 /dev/zero > /tmp/much; echo up; sleep 1000");
    CHECK(harness_start(0, harness_spec(&recipe)) == GROVE_OK);
    CHECK(harness_wait(&harness_record(0)->is_started) && life_says(0, "up"));
    CHECK(container_process_descriptor(0, &process) >= 0);
    (void)snprintf(path, sizeof path, "/proc/%d/ns/mnt", (int)process);
    CHECK(readlink(path, namespace, sizeof namespace - 1) > 0);
    CHECK(count_descriptors("self", namespace) == 1);
    machine_container_kill(0);
    CHECK(harness_wait(&harness_record(0)->is_exited));
    CHECK(harness_until(is_let_go, namespace));
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
