/* The kernel itself holds no tests: see tests.h. */
#include "kernel/machine/x86_64/test/tests.h"

void tests_run(const char *command_line) {
    (void)command_line;
}

void tests_end(void) {
}
