/*
 * Waiting for any of many files: what poll(2) and select(2) have in common.
 *
 * First all are asked, and most calls end there. Else an entry goes into each queue, all are asked again, and the thread
 * sleeps until an entry was told or the time is over; then it asks again. What became true in between was told.
 */
#ifndef GROVE_POSIX_FILES_WATCH_H
#define GROVE_POSIX_FILES_WATCH_H

#include "kernel/services/posix/files/place.h"

/* struct pollfd as programs have it. */
struct watch_item {
    int32_t descriptor; /* negative: not looked at */
    uint16_t wanted, found; /* LINUX_POLL bits */
};

/*
 * Until one item is found to be so, or `until_ns` (a moment of clock_now_ns, or WAIT_FOREVER). How many are; 0: the time is
 * over; -LINUX_EINTR, with nothing found; -LINUX_ENOMEM. A number that is not open is found with LINUX_POLLNVAL.
 */
int watch_items(const struct files *files, struct watch_item *items, uint32_t count, uint64_t until_ns);

/*
 * A time span of a program's, in seconds and parts of one, that began at a moment: when it is over. False: it is none. It began now
 * where the call writes back what is left, else when the call did (process_call_began_ns).
 */
bool watch_until_from(uint64_t from_ns, int64_t seconds, int64_t nanoseconds, uint64_t *until_ns);
bool watch_until(int64_t seconds, int64_t nanoseconds, uint64_t *until_ns); /* from now on */
/* What is left of it, in whole seconds and nanoseconds. */
void watch_left(uint64_t until_ns, int64_t left[2]);

#endif
