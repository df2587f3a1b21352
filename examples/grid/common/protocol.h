/*
 * What the services of the grid say to each other: methods and messages.
 *
 * Every message is a fixed structure without gaps, in little-endian order (both processors of Grove are), so that the
 * signatures in the manifests describe them to `grove call` as well. Readings carry a number per feeder and stream,
 * from 1 on without gaps: whoever receives them can tell exactly what was lost and what came twice.
 */
#ifndef GRID_COMMON_PROTOCOL_H
#define GRID_COMMON_PROTOCOL_H

#include "examples/grid/common/config.h"

enum reading_quality {
    QUALITY_NO_ANSWER = 1u << 0, /* the device did not answer in this cycle: values are the last known */
    QUALITY_UNREACHABLE = 1u << 1, /* there is no connection to the device */
    QUALITY_EXCEPTION = 1u << 2, /* the device answered with a Modbus exception */
    QUALITY_PARTIAL = 1u << 3, /* some quantities of the feeder are not in its register map */
};
/* Values may be acted upon. */
#define QUALITY_BAD ((unsigned)(QUALITY_NO_ANSWER | QUALITY_UNREACHABLE | QUALITY_EXCEPTION))

struct reading {
    uint64_t epoch; /* of the numbering: changes when the sender had to start anew */
    uint64_t sequence; /* per feeder, from 1 */
    uint64_t time_ns; /* monotonic: when the answer arrived */
    uint64_t wall_ns; /* since 1970 */
    float voltage_v, current_a, frequency_hz, power_w;
    uint16_t feeder;
    uint16_t quality;
    uint16_t breaker_closed;
    uint16_t reserved;
};
_Static_assert(sizeof(struct reading) == 56, "no gaps");

/* ---- endpoint acquire ---- */

enum { ACQUIRE_STATUS = 1 };
struct acquire_status {
    uint64_t epoch;
    uint64_t cycles, missed_cycles;
    uint64_t taken; /* readings made */
    uint64_t accepted; /* of them on disk at the bus */
    uint64_t waiting; /* kept here until they are */
    uint64_t refused; /* not taken into the outbox, because it was full too */
    uint64_t protect_accepted, protect_dropped;
    uint32_t feeders, devices_connected;
    /* then `feeders` struct reading: the latest of each, its sequence being the last one numbered */
};

/* ---- endpoint protect ---- */

enum { PROTECT_READING = 1, PROTECT_STATUS = 2, PROTECT_TRIP = 3, PROTECT_RESET = 4 };
struct protect_feeder {
    uint16_t feeder;
    uint8_t breaker; /* enum breaker_phase */
    uint8_t cause; /* enum trip_cause */
    uint32_t reserved;
    uint64_t trips;
    uint64_t received, redelivered, missing;
};
struct protect_status {
    uint64_t trips, reactions, deadline_missed;
    uint64_t median_ns, worst_ns, deadline_ns;
    uint64_t received, redelivered, missing;
    uint64_t unprepared; /* trips that were written before their intent was on the disk */
    uint64_t settings; /* number of the newest change of the configuration that counts; 0: grid.conf alone */
    float frequency_hz; /* as protection sees it */
    uint32_t stage; /* stages that have shed */
    uint32_t feeders;
    uint32_t followed; /* feeders of which the store has what it should */
    /* then `feeders` struct protect_feeder */
};
/* TRIP and RESET: a struct feeder_request; 0 with RESET means all. The reply is empty. */
struct feeder_request {
    uint32_t feeder;
};

enum breaker_phase {
    BREAKER_NORMAL = 0,
    BREAKER_OPENING = 1, /* decided; the device has not confirmed yet */
    BREAKER_TRIPPED = 2, /* confirmed; stays so until an operator resets it */
    BREAKER_CLOSING = 3, /* reset; the device has not confirmed yet */
};
/* X(name, number, text) */
#define TRIP_CAUSE_TABLE(X) \
    X(NONE, 0, "none") \
    X(INSTANTANEOUS, 1, "short circuit") \
    X(OVERCURRENT, 2, "overcurrent") \
    X(SHEDDING, 3, "load shedding") \
    X(OPERATOR, 4, "operator") \
    X(FOUND, 5, "found") /* it was open after a crash of the machine, and who opened it is not known */
enum trip_cause {
#define TRIP_CAUSE_ENUM(name, number, text) CAUSE_##name = (number),
    TRIP_CAUSE_TABLE(TRIP_CAUSE_ENUM)
#undef TRIP_CAUSE_ENUM
        CAUSE_COUNT,
};

/* ---- readings on the bus ---- */

/* Durable events, `grid.reading.FEEDER`: struct reading, one or more of that feeder in the order of their numbers. */
#define READING_SUBJECT "grid.reading."

/* ---- endpoint historian ---- */

enum { HISTORIAN_COUNTS = 2, HISTORIAN_LATEST = 3, HISTORIAN_RANGE = 4 };
struct historian_feeder {
    uint64_t feeder;
    uint64_t epoch, sequence; /* the last one on disk */
    uint64_t stored; /* in all epochs */
    uint64_t missing; /* numbers that were skipped */
};
struct historian_counts {
    uint64_t stored, redelivered, missing;
    uint64_t commits, segments, bytes;
    uint64_t damaged; /* records on disk that failed their check */
    uint32_t is_blocked; /* the disk takes nothing: readings wait, none is dropped */
    uint32_t feeders;
    /* then `feeders` struct historian_feeder */
};
/*
 * LATEST: feeder_request; reply: struct reading. RANGE: reply: struct historian_range_reply, then `count` struct reading,
 * oldest first; a limit of 0 is the largest, HISTORIAN_RANGE_MAX.
 */
#define HISTORIAN_RANGE_MAX 64u
struct historian_range {
    uint64_t from_wall_ns, to_wall_ns;
    uint32_t feeder, limit;
};
struct historian_range_reply {
    uint64_t next_wall_ns; /* ask again from here; 0: that was all */
    uint32_t count, reserved;
};

/* ---- endpoint alarm ---- */

enum { ALARM_LIST = 2, ALARM_ACKNOWLEDGE = 3, ALARM_HISTORY = 4 };
/* X(name, number, word, text): the word stands in the subject of its events */
#define ALARM_KIND_TABLE(X) \
    X(TRIP, 1, "trip", "breaker tripped") \
    X(SHED, 2, "shed", "feeder shed") \
    X(NO_CONFIRMATION, 3, "no-confirmation", "breaker does not answer") \
    X(FREQUENCY, 4, "frequency", "frequency low") \
    X(COMMUNICATION, 5, "communication", "no good readings")
enum alarm_kind {
#define ALARM_KIND_ENUM(name, number, word, text) ALARM_##name = (number),
    ALARM_KIND_TABLE(ALARM_KIND_ENUM)
#undef ALARM_KIND_ENUM
        ALARM_KIND_END,
};
/* A durable event on the bus, `grid.alarm.KIND.FEEDER`, as text (alarm_text.h). */
#define ALARM_SUBJECT "grid.alarm."
struct alarm_event {
    uint64_t epoch, sequence; /* as with readings: an event that comes twice counts once */
    uint64_t wall_ns;
    uint16_t kind; /* enum alarm_kind */
    uint16_t feeder; /* 0: the whole grid */
    uint16_t cause; /* enum trip_cause */
    uint16_t is_over; /* 1: the condition has ended */
    double value; /* ampere or hertz, by kind */
};
struct alarm_record {
    uint64_t number;
    uint64_t raised_wall_ns, ended_wall_ns, acknowledged_wall_ns; /* 0: not */
    uint16_t kind, feeder, cause, reserved;
    double value;
};
/* LIST and HISTORY: up to ALARM_REPLY_MAX struct alarm_record, newest first. ACKNOWLEDGE: u32 number; 0 means all. */
#define ALARM_REPLY_MAX 64u

const char *trip_cause_text(unsigned cause);
const char *alarm_kind_text(unsigned kind);
const char *alarm_kind_word(unsigned kind);

#endif
