/*
 * What the kernel does instead of its work when the command line asks for it. The build links one of two files: none.c
 * into the kernel, run.c and the tests into a kernel for testing.
 */
#ifndef GROVE_X86_64_TESTS_H
#define GROVE_X86_64_TESTS_H

/*
 * `try=NAME`: make that fault; `self-test`: run all self tests and leave; `unit-test`: the same with the
 * unit tests; `echo`: say what is typed. Returns if it asks for none of them. Runs on the
 * first processor, once all of them are up.
 */
void tests_run(const char *command_line);
/* The first program has ended. */
void tests_end(void);

/*
 * Faults made on purpose, so that a test sees what stops them. Each ends in a panic; one that comes back was stopped by
 * nothing, which is a failure.
 */
_Noreturn void trial_run(const char *name);

/* The unit tests of kernel/core and kernel/machine/bare; leaves. */
_Noreturn void unit_tests_run(void);

_Noreturn void echo_run(void);

/* Freeze and thaw the first program and all that it starts while they run, if the command line asks for it; how often it did. */
void freeze_loop_start(const char *command_line);
void freeze_loop_end(void);

/* Panic while services run, if the command line asks for it. */
void late_panic_start(const char *command_line);

/* A self test: NULL, or what is wrong, in a sentence. */
typedef const char *self_test(void);
self_test self_test_memory, self_test_processors, self_test_clock, self_test_tables, self_test_random, self_test_disk;
self_test self_test_switching, self_test_sleeping, self_test_preemption, self_test_storm, self_test_interrupting;
self_test self_test_lateness;

#endif
