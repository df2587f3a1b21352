/* Times as programs tell them (struct timespec of 64-bit Linux), and moments of the monotonic clock. */
#ifndef GROVE_BARE_MOMENT_H
#define GROVE_BARE_MOMENT_H

#include <stdbool.h>
#include <stdint.h>

#define NS_PER_SECOND UINT64_C(1000000000)
/* The latest moment: what is later, and what the scheduler's clock could not hold. */
#define MOMENT_LAST (UINT64_C(1) << 60)

struct linux_time {
    int64_t seconds, ns;
};

/* Below zero, or with more than a second of nanoseconds: -LINUX_EINVAL. What is too long is cut to MOMENT_LAST. */
int moment_check(const struct linux_time *time, uint64_t *ns);
/*
 * The moment that lies at `address`: so long from now, or at that time of the monotonic or the wall clock. -LINUX_EFAULT,
 * -LINUX_EINVAL.
 */
int moment_read(uint64_t address, bool is_absolute, bool is_wall, uint64_t *until_ns);
struct linux_time moment_split(uint64_t ns);

#endif
