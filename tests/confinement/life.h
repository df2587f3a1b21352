/*
 * The ordinary life of containers, one function for each thing that is tried; life_test.c is the table of them.
 *
 * A test uses container 0 and leaves it ended; what it finds wrong it says with CHECK and goes on.
 */
#ifndef GROVE_TESTS_LIFE_H
#define GROVE_TESTS_LIFE_H

#include "tests/confinement/harness.h"

#include <stdbool.h>
#include <sys/stat.h>

#define L(name) (UINT64_C(1) << GROVE_LAYER_##name)

extern char life_program[96], life_base[64]; /* the hostile program's copy; a folder for the files of the tests */
extern bool life_is_rootless;
extern char life_output[65536]; /* what the last container said */
extern unsigned life_failures;
extern const char *life_test_name;

#define CHECK(condition) life_check((condition), #condition, __LINE__)
void life_check(bool holds, const char *text, int line);

struct recipe life_shell(const char *command);
struct record *life_run(const struct recipe *recipe);
struct record *life_run_shell(const char *command);
bool life_ended_with(const struct record *record, enum grove_exit_cause cause, int detail);
/* Read until the words have come, for at most ten seconds. */
bool life_says(machine_container container, const char *words);
/* The path of a name in life_base; valid for the next three calls. */
const char *life_path(const char *name);
void life_make_file(const char *path, const char *text, mode_t mode);
/* The process of this descriptor is gone, or is so within five seconds. The descriptor may be -1, which is never gone. */
bool life_has_ended(int descriptor);

/* life_ends.c */
void life_exit_status(void);
void life_signal_is_the_programs(void);
void life_kill(void);
void life_signal_is_passed_on(void);
void life_orphans_are_reaped(void);
void life_restart_has_a_clean_place(void);
void life_mounts_are_let_go(void);
void life_missing_path_names_the_layer(void);
void life_missing_program_names_the_layer(void);
void life_missing_folder_to_work_in(void);
void life_planted_link(void);
/* life_view.c */
void life_granted_paths(void);
void life_made_folder(void);
void life_grants_inside_grants(void);
void life_whole_host_to_read(void);
void life_secret_given_to_read(void);
void life_working_folder(void);
void life_own_user(void);
void life_caller_identity(void);
void life_learning(void);
/* life_streams.c */
void life_streams_are_kept(void);
void life_passed_streams(void);
void life_nothing_else_is_open(void);
void life_native_port(void);
void life_readiness(void);
void life_passed_listeners(void);
/* life_budget.c */
void life_usage_and_budget(void);
void life_own_limit(void);
void life_schedule_at_start(void);
void life_freeze(void);
void life_freeze_all(void);
void life_recovery(void);
/* life_project.c */
void life_project_memory(void);
void life_project_processes(void);
void life_project_processor(void);
/* life_warnings.c */
void life_warning_of_memory(void);
void life_warning_once_for_each_time(void);
void life_warning_before_the_end(void);
void life_warning_of_processes(void);
void life_warning_of_the_processor(void);

#endif
