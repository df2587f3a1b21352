/* What time it is. Any context. */
#ifndef GROVE_BARE_CLOCK_H
#define GROVE_BARE_CLOCK_H

#include <stdint.h>

/* Nanoseconds since the kernel began; never goes back, and is the same on all processors. */
uint64_t clock_now_ns(void);
/* Nanoseconds since 1970. */
int64_t clock_wall_ns(void);

#endif
