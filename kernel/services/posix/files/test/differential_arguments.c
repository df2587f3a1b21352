/* See differential_arguments.h. */
#include "kernel/services/posix/files/test/differential_arguments.h"

#include "kernel/services/posix/files/test/host.h"

#include <string.h>

static uint64_t state;

void steps_begin(uint64_t seed) {
    state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
}

uint32_t random_below(uint32_t limit) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33) % limit;
}

bool one_in(uint32_t count) {
    return random_below(count) == 0;
}

uint64_t any_descriptor(void) {
    if (one_in(30))
        return one_in(2) ? UINT32_MAX : 1000;
    return random_below(one_in(4) ? 24 : 12);
}

uint64_t any_folder(void) {
    return one_in(6) ? any_descriptor() : HERE;
}

void put_path(char *path) {
    static const char *const names[] = {"a", "b", "c", "d", "a", "b", "..", "."};
    char *at = path;
    uint32_t parts = one_in(2) ? 1 : 1 + random_below(2);
    if (one_in(8))
        *at++ = '/';
    for (uint32_t i = 0; i < parts; i++) {
        const char *name = PICK(names);
        size_t size = strlen(name);
        memcpy(at, name, size);
        at += size;
        if (i + 1 < parts || one_in(20))
            *at++ = '/';
    }
    *at = 0;
    if (one_in(60))
        path[0] = 0;
}

uint64_t any_path(uint32_t offset) {
    if (one_in(80))
        return one_in(2) ? 0 : ARENA_ADDRESS + ARENA_BYTES - 1 + random_below(2);
    return ARENA_ADDRESS + offset;
}

uint64_t any_address(uint32_t offset) {
    return one_in(60) ? UINT64_C(0x1000) : ARENA_ADDRESS + offset;
}

uint64_t any_open_flags(void) {
    static const uint32_t flags[] = {LINUX_O_CREAT,   LINUX_O_EXCL,     LINUX_O_TRUNC,     LINUX_O_APPEND,
                                     LINUX_O_CLOEXEC, LINUX_O_NOFOLLOW, LINUX_O_DIRECTORY, LINUX_O_PATH};
    uint64_t picked = one_in(2) ? LINUX_O_RDWR : random_below(3);
    if (one_in(2))
        picked |= LINUX_O_CREAT;
    for (unsigned i = 0; i < ITEMS(flags); i++)
        if (one_in(14))
            picked |= flags[i];
    if (one_in(16))
        picked = LINUX_O_TMPFILE | (one_in(6) ? random_below(3) : LINUX_O_RDWR) | (one_in(4) ? LINUX_O_EXCL : 0);
    return picked | NO_WAIT;
}

uint64_t any_mode(void) {
    static const uint32_t modes[] = {0777, 0755, 0644, 0600, 0000, 0444};
    return PICK(modes);
}

uint64_t any_size(void) {
    static const uint32_t sizes[] = {0, 1, 7, 8, 9, 16, 100, 4096, 5000, 8192, 12000};
    return PICK(sizes);
}

uint64_t any_offset(void) {
    static const uint64_t offsets[] = {0, 1, 100, 4095, 4096, 8192, 20000, 60000, UINT64_MAX, UINT64_C(1) << 62};
    return PICK(offsets);
}

void put_value(struct step *step, uint32_t at, uint64_t value, uint32_t bytes) {
    memcpy(step->in + at, &value, bytes);
}

uint32_t any_poll_bits(void) {
    static const uint32_t bits[] = {1, 4, 5, 0x41, 0x104, 0x145, 0, 2, 0x2001};
    return PICK(bits);
}
