/* A module for the unit tests: it uses what `sample` exports. */
#include "kernel/machine/bare/module/module.h"

#define MODULE_INTERFACE 42

void sample_note(const char *text, int number);
int sample_twice(int number);
extern int sample_starts;

static int start(const char *options) {
    (void)options;
    sample_note("twice", sample_twice(21) + sample_starts);
    return 0;
}

static void stop(void) {
}

MODULE("user", start, stop, (const struct module_symbol *)0, 0, "sample");
