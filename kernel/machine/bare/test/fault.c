/* For unit tests on this computer: the only machine operation that kernel/machine/bare calls. */
#include "kernel/core/machine.h"

#include <stdio.h>
#include <stdlib.h>

void machine_panic(const char *sentence) {
    fprintf(stderr, "panic: %s\n", sentence);
    abort();
}
