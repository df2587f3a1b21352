/* For unit tests on this computer: the only machine operation that kernel/machine/bare calls. */
#include "kernel/core/machine.h"
#include "kernel/machine/bare/process/user_memory.h"

#include <stdio.h>
#include <stdlib.h>

void machine_panic(const char *sentence) {
    fprintf(stderr, "panic: %s\n", sentence);
    abort();
}

/* The memory of the programs that tests make is read by their tables. */
bool process_load_present(uint64_t address, uint32_t *value) {
    (void)address;
    (void)value;
    return false;
}
