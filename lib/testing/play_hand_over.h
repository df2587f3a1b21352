/* Grove's call that hands the processor over (grove/abi/call.h), played by two of Linux's, for tests of who uses it. */
#ifndef GROVE_TESTING_PLAY_HAND_OVER_H
#define GROVE_TESTING_PLAY_HAND_OVER_H

#include <stdbool.h>

/* From here on sessions find it, and all runs on one processor, so that nobody spins. 0 or -1. */
int hand_over_play_begin(void);
int hand_over_play_end(void);
/* How often it was made since, by callers or by those who answer. */
unsigned hand_over_play_count(bool lends);

#endif
