/*
 * The ordinary life of containers: starts, failures that name their layer, ends and their causes, streams, sockets,
 * budgets, freezing, and what a killed kernel leaves behind.
 *
 *     life_test HOSTILE root|rootless [NAME]
 *
 * One machine for all; each test uses a container of its own. At the end the accounts are as they were.
 */
#include "tests/confinement/life.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct {
    const char *name;
    void (*run)(void);
} tests[] = {
    {"exit status", life_exit_status},
    {"a signal is the program's", life_signal_is_the_programs},
    {"kill", life_kill},
    {"a signal is passed on", life_signal_is_passed_on},
    {"orphans are reaped", life_orphans_are_reaped},
    {"a restart has a clean place", life_restart_has_a_clean_place},
    {"mounts are let go of", life_mounts_are_let_go},
    {"a missing path names the layer", life_missing_path_names_the_layer},
    {"a missing program names the layer", life_missing_program_names_the_layer},
    {"a missing folder to work in", life_missing_folder_to_work_in},
    {"a planted link", life_planted_link},
    {"granted paths", life_granted_paths},
    {"a folder is made", life_made_folder},
    {"grants inside grants", life_grants_inside_grants},
    {"the whole host to read", life_whole_host_to_read},
    {"a secret given to read", life_secret_given_to_read},
    {"a folder to work in", life_working_folder},
    {"a user of its own", life_own_user},
    {"the caller's identity", life_caller_identity},
    {"learning", life_learning},
    {"streams are kept", life_streams_are_kept},
    {"passed streams", life_passed_streams},
    {"nothing else is open", life_nothing_else_is_open},
    {"the port of a native service", life_native_port},
    {"readiness", life_readiness},
    {"passed listeners", life_passed_listeners},
    {"usage and budget", life_usage_and_budget},
    {"a limit of the user's own", life_own_limit},
    {"schedule at start", life_schedule_at_start},
    {"freeze", life_freeze},
    {"freeze all of it", life_freeze_all},
    {"the memory of a project", life_project_memory},
    {"the processes of a project", life_project_processes},
    {"the processor of a project", life_project_processor},
    {"a warning of memory", life_warning_of_memory},
    {"one warning for each time", life_warning_once_for_each_time},
    {"a warning before the end", life_warning_before_the_end},
    {"a warning of processes", life_warning_of_processes},
    {"a warning of the processor", life_warning_of_the_processor},
    {"recovery", life_recovery},
};

static void place_make(const char *hostile) {
    char command[256];
    (void)snprintf(life_base, sizeof life_base, "/tmp/grove-life-XXXXXX");
    if (mkdtemp(life_base) == NULL || chmod(life_base, 0755) < 0)
        exit(99);
    (void)snprintf(life_program, sizeof life_program, "%s/program", life_base);
    (void)snprintf(command, sizeof command, "cp '%s' '%s'", hostile, life_program);
    if (system(command) != 0 || (life_is_rootless && harness_give(life_base) < 0))
        exit(99);
}

/* A kernel that ends takes its containers, and their control groups, with it. */
static bool end_with_a_container_running(void) {
    struct recipe recipe = life_shell("echo up; while :; do sleep 1000 & wait; done");
    uint64_t boot_id = linux_machine->boot_id;
    life_test_name = "an end with a container running";
    CHECK(harness_start(9, harness_spec(&recipe)) == GROVE_OK && harness_wait(&harness_record(9)->is_started) &&
          life_says(9, "up"));
    int process = (int)syscall(SYS_pidfd_open, machine_container_process(9), 0);
    harness_close();
    CHECK(life_has_ended(process) && accounts_groups(boot_id) == 0);
    return close(process) == 0;
}

/* The harness runs in a child, so that an ordinary user's tests leave nothing that root's clean-up must find. */
static int run_all(const char *only) {
    if (life_is_rootless && harness_be_ordinary() < 0)
        return 99;
    if (harness_open(life_is_rootless ? L(CGROUP) | L(USER_ID) : 0) < 0)
        return 99;
    for (unsigned i = 0; i < sizeof tests / sizeof *tests; i++) {
        life_test_name = tests[i].name;
        if (only != NULL && strcmp(only, life_test_name) != 0)
            continue;
        unsigned before = life_failures;
        tests[i].run();
        machine_container_destroy(0);
        (void)printf("%-36s %s\n", life_test_name, life_failures == before ? "right" : "WRONG");
        (void)fflush(stdout);
    }
    return end_with_a_container_running() && life_failures == 0 ? 0 : 1;
}

int main(int count, char **arguments) {
    char command[128];
    int status = 0;
    life_is_rootless = count > 2 && strcmp(arguments[2], "rootless") == 0;
    if (count < 3 || (!life_is_rootless && geteuid() != 0)) {
        (void)printf("left out: containers of a kernel with root need root\n");
        return 77;
    }
    place_make(arguments[1]);
    struct accounts before = accounts_take();
    (void)fflush(stdout);
    pid_t child = fork();
    if (child == 0)
        _exit(run_all(count > 3 ? arguments[3] : NULL));
    bool is_right = waitpid(child, &status, 0) == child && status == 0;
    struct accounts after = accounts_take();
    is_right &= accounts_match(&before, &after);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", life_base);
    (void)!system(command);
    return is_right ? 0 : 1;
}
