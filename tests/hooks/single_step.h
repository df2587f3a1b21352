/*
 * How many instructions something takes, counted one by one: the same number each time, on a busy machine as on a quiet one.
 */
#ifndef TESTS_HOOKS_SINGLE_STEP_H
#define TESTS_HOOKS_SINGLE_STEP_H

/*
 * Run `run(context)` in a child process, instruction by instruction. Returns how many there were, with a few before and after it
 * that are the same for whatever runs; SINGLE_STEP_REFUSED where no process may be traced, SINGLE_STEP_DIED if a signal ended
 * it. What runs may not use other threads.
 */
#define SINGLE_STEP_REFUSED (-1L)
#define SINGLE_STEP_DIED (-2L)
long single_step(void (*run)(const void *context), const void *context);

#endif
