/* See play_hand_over.h. */
#include "lib/testing/play_hand_over.h"

#include "grove/abi/call.h"
#include "lib/session/hand_over.h"

#include <errno.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static unsigned counts[2];
static cpu_set_t all_processors;

static long answer_of(long result) {
    return result < 0 ? -errno : result;
}

static long play(const uint32_t *wake, uint64_t words, uint64_t expected, uint64_t deadline_ns, uint64_t flags) {
    const struct timespec limit = {.tv_sec = (time_t)(deadline_ns / GROVE_SECOND),
                                   .tv_nsec = (long)(deadline_ns % GROVE_SECOND)};
    const struct timespec *until = deadline_ns == UINT64_MAX ? NULL : &limit;
    const struct grove_hand_over_word *list = (const struct grove_hand_over_word *)(uintptr_t)words;
    struct futex_waitv waited[GROVE_HAND_OVER_WORDS_MAX];
    __atomic_fetch_add(&counts[(flags & GROVE_HAND_OVER_LENDS) != 0], 1, __ATOMIC_RELAXED);
    syscall(SYS_futex, wake, FUTEX_WAKE, 1, NULL, NULL, 0);
    if ((flags & GROVE_HAND_OVER_LIST) == 0)
        return answer_of(
            syscall(SYS_futex, words, FUTEX_WAIT_BITSET, (uint32_t)expected, until, NULL, FUTEX_BITSET_MATCH_ANY));
    for (uint64_t i = 0; i < expected; i++)
        waited[i] = (struct futex_waitv){.val = list[i].expected, .uaddr = list[i].address, .flags = FUTEX_32};
    return answer_of(syscall(SYS_futex_waitv, waited, (unsigned)expected, 0, until, CLOCK_MONOTONIC));
}

int hand_over_play_begin(void) {
    cpu_set_t one;
    CPU_ZERO(&one);
    counts[0] = counts[1] = 0;
    if (sched_getaffinity(0, sizeof(all_processors), &all_processors) < 0)
        return -1;
    for (size_t i = 0; i < CPU_SETSIZE && CPU_COUNT(&one) == 0; i++)
        if (CPU_ISSET(i, &all_processors))
            CPU_SET(i, &one);
    hand_over_played = play;
    return sched_setaffinity(0, sizeof(one), &one);
}

int hand_over_play_end(void) {
    hand_over_played = NULL;
    return sched_setaffinity(0, sizeof(all_processors), &all_processors);
}

unsigned hand_over_play_count(bool lends) {
    return __atomic_load_n(&counts[lends], __ATOMIC_RELAXED);
}
