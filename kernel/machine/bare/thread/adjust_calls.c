/*
 * adjtimex(2), clock_adjtime(2): how the wall clock is adjusted may be read. Nobody adjusts it, so it says that it is not
 * synchronised, and every change is refused with EPERM, to user 0 as well.
 */
#include "kernel/machine/bare/process/calls.h"
#include "kernel/machine/bare/process/user_memory.h"
#include "kernel/machine/bare/thread/moment.h"
#include "kernel/machine/bare/thread/thread.h"
#include "kernel/services/vfs/errors.h"

#define MODE_ADJTIME UINT32_C(0x8000) /* what adjtime(3) asks for, */
#define MODE_OFFSET UINT32_C(1) /* which is about an offset, */
#define MODE_ADJTIME_READ UINT32_C(0xa001) /* or only reads what is left of it */
#define STATUS_NOT_SYNCHRONISED 64
#define RESULT_NOT_SYNCHRONISED 5
#define ERROR_MOST_US 16000000 /* what an error is told as that nobody knows */
#define TIME_CONSTANT 2
#define PRECISION_US 1
#define TOLERANCE (500 << 16) /* parts in a million, with 16 bits of fraction */
#define TICK_US 10000
#define CLOCK_WALL 0
#define CLOCK_LAST 11
#define CLOCK_NONE 10 /* the number of a clock that is no more */

/* struct timex of 64-bit processors. */
struct adjustment {
    uint32_t modes, padding;
    int64_t offset, frequency, error_most, error_guessed;
    int32_t status, more_padding;
    int64_t constant, precision, tolerance, seconds, us, tick;
    int64_t pulse_frequency, jitter;
    int32_t shift, third_padding;
    int64_t stability, counts[4];
    int32_t atomic_offset, reserved[11];
};
_Static_assert(sizeof(struct adjustment) == 208, "as Linux lays it out");

static void fill(struct adjustment *adjustment) {
    const struct linux_time now = moment_split((uint64_t)clock_wall_ns());
    adjustment->offset = adjustment->frequency = 0;
    adjustment->error_most = adjustment->error_guessed = ERROR_MOST_US;
    adjustment->status = STATUS_NOT_SYNCHRONISED;
    adjustment->constant = TIME_CONSTANT;
    adjustment->precision = PRECISION_US;
    adjustment->tolerance = TOLERANCE;
    adjustment->seconds = now.seconds;
    adjustment->us = now.ns / 1000;
    adjustment->tick = TICK_US;
    adjustment->pulse_frequency = adjustment->jitter = adjustment->stability = 0;
    adjustment->shift = adjustment->atomic_offset = 0;
    for (uint32_t i = 0; i < 4; i++)
        adjustment->counts[i] = 0;
}

static int64_t adjust(uint64_t address) {
    struct adjustment adjustment;
    if (!process_read(&adjustment, address, sizeof(adjustment)))
        return -LINUX_EFAULT;
    if ((adjustment.modes & MODE_ADJTIME) != 0 && (adjustment.modes & MODE_OFFSET) == 0)
        return -LINUX_EINVAL;
    if (adjustment.modes != 0 && adjustment.modes != MODE_ADJTIME_READ)
        return -LINUX_EPERM;
    fill(&adjustment);
    return process_write(address, &adjustment, sizeof(adjustment)) ? RESULT_NOT_SYNCHRONISED : -LINUX_EFAULT;
}

int64_t system_call_adjtimex(const uint64_t arguments[6]) {
    return adjust(arguments[0]);
}

int64_t system_call_clock_adjtime(const uint64_t arguments[6]) {
    uint32_t clock = (uint32_t)arguments[0];
    if (clock == CLOCK_WALL)
        return adjust(arguments[1]);
    return clock <= CLOCK_LAST && clock != CLOCK_NONE ? -LINUX_EOPNOTSUPP : -LINUX_EINVAL;
}
