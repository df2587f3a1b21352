/*
 * Random requests and events from seeds: whatever they are, every list, tree and account stays right, no object is
 * closed twice or left open, and the core comes to rest.
 */
#include "kernel/core/test/drive.h"

#include "kernel/core/test/unit.h"

#include <stdio.h>

#define SEEDS 60u
#define CHOICES 4000u

static void fill(uint8_t *bytes, size_t count, uint64_t seed) {
    uint64_t value = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    for (size_t i = 0; i < count; i++) {
        value ^= value << 13;
        value ^= value >> 7;
        value ^= value << 17;
        bytes[i] = (uint8_t)(value >> 32);
    }
}

static void run(uint64_t seed) {
    uint8_t bytes[CHOICES];
    struct drive drive;
    fill(bytes, sizeof(bytes), seed);
    drive_open(&drive, bytes, sizeof(bytes));
    while (drive_step(&drive)) {
        const char *fault = core_find_fault(drive.world.core);
        if (fault != NULL)
            fail_msg("seed %u, %u choices left: %s", (unsigned)seed, (unsigned)drive.left, fault);
    }
    drive_close(&drive);
}

static void invariants_hold(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        run(seed);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(invariants_hold)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
