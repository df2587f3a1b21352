/*
 * The list of alarms: active ones, and the history of those that are over.
 *
 * An alarm is one condition (kind and feeder). It is raised, may be acknowledged, and ends; it leaves the list of active
 * ones when it is both over and acknowledged. Raising one that is active changes nothing, so an event that comes twice
 * counts once. Everything is plain data in the state region; a slot becomes valid with the store of its number, the
 * last one, so a kill leaves a whole alarm or none.
 */
#ifndef GRID_ALARM_ALARMS_H
#define GRID_ALARM_ALARMS_H

#include "examples/grid/common/numbering.h"
#include "examples/grid/common/protocol.h"

#define ALARMS_ACTIVE_MAX 128u
#define ALARMS_HISTORY_MAX 256u

struct alarms {
    uint32_t magic, version;
    uint64_t next_number;
    uint64_t overflowed; /* alarms that found no place among the active ones */
    struct numbering numbering;
    struct alarm_record active[ALARMS_ACTIVE_MAX]; /* number 0: free */
    uint64_t history_count; /* alarms that ever went into the history; the newest is at (count - 1) mod MAX */
    struct alarm_record history[ALARMS_HISTORY_MAX];
};

/* Begin anew unless the memory holds a list already. */
void alarms_start(struct alarms *alarms);
/* GROVE_EXISTS: this event was taken before. GROVE_INVALID: unknown kind or number. */
int alarms_event(struct alarms *alarms, const struct alarm_event *event);
/* One alarm, or all with 0. GROVE_NOT_FOUND. */
int alarms_acknowledge(struct alarms *alarms, uint64_t number, uint64_t wall_ns);
/* The newest first; returns how many were copied, at most `capacity`. */
unsigned alarms_list(const struct alarms *alarms, struct alarm_record *records, unsigned capacity);
unsigned alarms_list_history(const struct alarms *alarms, struct alarm_record *records, unsigned capacity);

#endif
