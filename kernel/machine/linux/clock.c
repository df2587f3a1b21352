/* Clocks, randomness and the bug check of the linux machine. */
#include "kernel/core/machine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

static uint64_t read_clock(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

uint64_t machine_clock_ns(void) {
    return read_clock(CLOCK_MONOTONIC);
}

uint64_t machine_wall_clock_ns(void) {
    return read_clock(CLOCK_REALTIME);
}

void machine_random(void *buffer, size_t size_bytes) {
    size_t done = 0;
    while (done < size_bytes) {
        ssize_t got = getrandom((char *)buffer + done, size_bytes - done, 0);
        if (got < 0 && errno != EINTR)
            machine_panic("the operating system gives no random bytes");
        if (got > 0)
            done += (size_t)got;
    }
}

void machine_panic(const char *sentence) {
    fprintf(stderr, "groved: panic: %s\n", sentence);
    abort();
}
