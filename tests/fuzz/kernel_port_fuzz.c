/*
 * Fuzz target: sequences of packets and machine events into the core, over the fake machine. The input is a stream of
 * choices (kernel/core/test/drive.h), among them packets of raw bytes. After every step all invariants are checked.
 */
#include "kernel/core/test/drive.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

#define STEPS_MAX 2000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes) {
    struct drive drive;
    drive_open(&drive, data, size_bytes);
    for (uint32_t i = 0; i < STEPS_MAX && drive_step(&drive); i++) {
        const char *fault = core_find_fault(drive.world.core);
        if (fault != NULL) {
            fprintf(stderr, "step %u: %s\n", i, fault);
            abort();
        }
    }
    drive_close(&drive);
    return 0;
}
