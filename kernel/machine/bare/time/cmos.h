/*
 * The date of the PC's clock (MC146818 and its kin): the registers as they are read, made into seconds. Binary or decimal
 * digits, 12 or 24 hours, with a register for the century where the firmware names one.
 */
#ifndef GROVE_BARE_CMOS_H
#define GROVE_BARE_CMOS_H

#include <stdint.h>

#define CMOS_STATE_24_HOURS 0x02u
#define CMOS_STATE_BINARY 0x04u
#define CMOS_HOUR_AFTERNOON 0x80u

struct cmos_date {
    uint8_t second, minute, hour, day, month, year;
    uint8_t century; /* 0: there is no such register */
    uint8_t state_b; /* CMOS_STATE_: how the others are to be read */
};

/*
 * Seconds since 1970, taken for UTC. Without a century the year is one from 1970 to 2069. GROVE_INVALID: that is no date, or one before
 * 1970.
 */
int cmos_read_date(const struct cmos_date *date, int64_t *seconds);

#endif
