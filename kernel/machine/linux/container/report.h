/*
 * What a starting child, and later its small init, says to groved on the set-up socket: fixed-size packets.
 */
#ifndef GROVE_LINUX_REPORT_H
#define GROVE_LINUX_REPORT_H

#include <stdint.h>

enum report_kind {
    REPORT_FAILED = 1, /* layer and error say what */
    REPORT_LISTENER = 2, /* value: the listener's number in the child; it waits for one byte */
    REPORT_EXECUTING = 3, /* all layers stand; the next thing is the program */
    REPORT_RUNNING = 4, /* from the small init: the program runs */
    REPORT_ENDED = 5, /* from the small init: value is the program's wait status */
    REPORT_PREPARED = 6, /* from a spare (spare.c): it waits for its plan; value as for LISTENER, or 0 */
};
struct report {
    uint32_t kind;
    uint32_t layer;
    int32_t error;
    int32_t value;
};

#endif
