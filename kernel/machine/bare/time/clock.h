/* What time it is. Any context. */
#ifndef GROVE_BARE_CLOCK_H
#define GROVE_BARE_CLOCK_H

#include <stdint.h>

/* Nanoseconds since the kernel began; never goes back, and is the same on all processors. */
uint64_t clock_now_ns(void);
/* Nanoseconds since 1970; whoever sets it may make it jump. */
int64_t clock_wall_ns(void);
/* From now on it is `now_ns`. */
void clock_set_wall_ns(int64_t now_ns);

#endif
