/*
 * What the driver and the service under test say to each other.
 */
#ifndef GROVE_CONFORMANCE_SERVICE_H
#define GROVE_CONFORMANCE_SERVICE_H

#include "grove/grove.h"

enum service_method {
    METHOD_ECHO = 1,
    METHOD_FAIL = 2,
    METHOD_COUNT = 3, /* one way; struct numbered, value: how long it takes */
    METHOD_COUNTS = 4, /* -> struct counts */
    METHOD_LEND = 5, /* slice -> loan of the same size, each byte one more */
    METHOD_PART = 6, /* slice -> bytes 100 to 149 of it */
    METHOD_NEVER = 7, /* never answered */
    METHOD_ORDER = 8, /* one way; the lane is noted */
    METHOD_ORDERED = 9, /* -> text of "HML" */
    METHOD_WHO = 10, /* -> struct who */
    METHOD_ADD = 11, /* struct numbered: adds once for each number -> the sum */
    METHOD_GENERATION = 12, /* -> uint32_t */
    METHOD_WRITE = 13, /* uint32_t: write it to the own region */
    METHOD_SHARE = 14, /* grants the own region to the caller's container (by calling back its endpoint) */
    METHOD_CAPABILITIES = 15, /* -> uint32_t: entries of kind FS_READ in the own table */
    METHOD_SWALLOW = 16, /* one way of any size; counted */
    METHOD_SWALLOWED = 17, /* -> uint32_t */
    METHOD_PROGRESS = 18, /* role client: -> struct progress */
    METHOD_HOLD = 19, /* uint64_t: have so many bytes more, for good */
    METHOD_WARNED = 20, /* -> struct warned */
    METHOD_MAY = 21, /* struct question: fails if the caller may not */
    METHOD_ASK = 22, /* struct question: puts it to the server (METHOD_MAY), and fails as that does */
};

struct numbered {
    uint64_t number;
    uint64_t value;
};

/* What the state region of the server keeps about METHOD_COUNT. */
struct counts {
    uint64_t next; /* number expected next */
    uint64_t marked; /* seen again, and marked as redelivered */
    uint64_t unmarked; /* seen again without the mark: a fault */
    uint64_t lost; /* numbers that were skipped: a fault */
};

/* A permission by its kind and its argument in text. */
struct question {
    uint32_t kind;
    char text[124];
};

/* The BUDGET_WARNING notices of an instance. */
struct warned {
    uint64_t count;
    uint64_t resource, used, limit; /* of the last one */
};

struct who {
    char client[GROVE_NAME_MAX + 1];
    uint32_t ring;
    uint32_t reserved;
};

struct progress {
    uint64_t sent; /* numbers used */
    uint64_t applied; /* answers applied, over all instances */
    uint64_t sum; /* of the last answer */
    uint64_t resumed; /* instances that found their channel again */
};

#endif
