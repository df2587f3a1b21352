/* A module for tests: it uses what greeter exports. With the option `panic` its start faults, so that a panic names it. */
#include "kernel/machine/x86_64/module/exports.h"
#include "module_interface.h"

int greeter_count(void);
extern int greeter_calls;

static int counts[3] = {-1, -1, -1};
int *const volatile caller_at = counts; /* an address of its own, in its data */

static int *volatile nowhere = NULL;

static __attribute__((noinline)) void caller_faults(void) {
    console_print("caller: about to fault\n"); /* a function that calls others has a frame */
    *nowhere = 1;
}

static int start(const char *options) {
    for (int i = 0; i < 3; i++)
        caller_at[i] = greeter_count();
    console_print("caller: %d %d %d of %d\n", counts[0], counts[1], counts[2], greeter_calls);
    if (strcmp(options, "panic") == 0) {
        caller_faults();
        console_print("caller: not reached\n"); /* so that it is a call, not a jump */
    }
    return 0;
}

static void stop(void) {
}

MODULE("caller", start, stop, NULL, 0, "greeter");
