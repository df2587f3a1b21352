/* The list of alarms; see alarms.h. Pure. */
#include "examples/grid/alarm/alarms.h"

#include "grove/abi/status.h"

#include <stdlib.h>

#define ALARMS_MAGIC 0x4d4c4147u /* "GALM" */

void alarms_start(struct alarms *alarms) {
    if (alarms->magic == ALARMS_MAGIC && alarms->version == 1)
        return;
    *alarms = (struct alarms){.version = 1, .next_number = 1};
    alarms->magic = ALARMS_MAGIC;
}

static struct alarm_record *find_active(struct alarms *alarms, unsigned kind, unsigned feeder) {
    for (unsigned i = 0; i < ALARMS_ACTIVE_MAX; i++) {
        struct alarm_record *record = &alarms->active[i];
        if (record->number != 0 && record->ended_wall_ns == 0 && record->kind == kind && record->feeder == feeder)
            return record;
    }
    return NULL;
}

/* A free place, or that of the oldest alarm that is over and that nobody acknowledged. */
static struct alarm_record *find_place(struct alarms *alarms) {
    struct alarm_record *oldest = NULL;
    for (unsigned i = 0; i < ALARMS_ACTIVE_MAX; i++) {
        struct alarm_record *record = &alarms->active[i];
        if (record->number == 0)
            return record;
        if (record->ended_wall_ns != 0 && (oldest == NULL || record->number < oldest->number))
            oldest = record;
    }
    return oldest;
}

/* An alarm that is over and acknowledged goes into the history. A kill in between leaves it in both, not in neither. */
static void retire(struct alarms *alarms, struct alarm_record *record) {
    if (record->ended_wall_ns == 0 || record->acknowledged_wall_ns == 0)
        return;
    alarms->history[alarms->history_count % ALARMS_HISTORY_MAX] = *record;
    __atomic_store_n(&alarms->history_count, alarms->history_count + 1, __ATOMIC_RELEASE);
    __atomic_store_n(&record->number, 0, __ATOMIC_RELEASE);
}

static void alarm_raise(struct alarms *alarms, const struct alarm_event *event) {
    if (find_active(alarms, event->kind, event->feeder) != NULL)
        return;
    struct alarm_record *record = find_place(alarms);
    if (record == NULL) {
        alarms->overflowed++;
        return;
    }
    __atomic_store_n(&record->number, 0, __ATOMIC_RELEASE);
    *record = (struct alarm_record){.raised_wall_ns = event->wall_ns,
                                    .kind = event->kind,
                                    .feeder = event->feeder,
                                    .cause = event->cause,
                                    .value = event->value};
    uint64_t number = alarms->next_number;
    __atomic_store_n(&alarms->next_number, number + 1, __ATOMIC_RELEASE);
    __atomic_store_n(&record->number, number, __ATOMIC_RELEASE);
}

static void alarm_end(struct alarms *alarms, const struct alarm_event *event) {
    struct alarm_record *record = find_active(alarms, event->kind, event->feeder);
    if (record == NULL)
        return;
    record->ended_wall_ns = event->wall_ns;
    retire(alarms, record);
}

int alarms_event(struct alarms *alarms, const struct alarm_event *event) {
    if (event->kind == 0 || event->kind >= ALARM_KIND_END || event->sequence == 0)
        return GROVE_INVALID;
    if (numbering_is_repeated(&alarms->numbering, event->epoch, event->sequence)) {
        numbering_take(&alarms->numbering, event->epoch, event->sequence);
        return GROVE_EXISTS;
    }
    if (event->is_over)
        alarm_end(alarms, event);
    else
        alarm_raise(alarms, event);
    numbering_take(&alarms->numbering, event->epoch, event->sequence);
    return 0;
}

int alarms_acknowledge(struct alarms *alarms, uint64_t number, uint64_t wall_ns) {
    bool found = number == 0;
    for (unsigned i = 0; i < ALARMS_ACTIVE_MAX; i++) {
        struct alarm_record *record = &alarms->active[i];
        if (record->number == 0 || (number != 0 && record->number != number))
            continue;
        found = true;
        if (record->acknowledged_wall_ns == 0)
            record->acknowledged_wall_ns = wall_ns;
        retire(alarms, record);
    }
    return found ? 0 : GROVE_NOT_FOUND;
}

static int newest_first(const void *left, const void *right) {
    const struct alarm_record *a = left, *b = right;
    return a->number < b->number ? 1 : a->number > b->number ? -1 : 0;
}

unsigned alarms_list(const struct alarms *alarms, struct alarm_record *records, unsigned capacity) {
    struct alarm_record all[ALARMS_ACTIVE_MAX] = {{0}};
    unsigned count = 0;
    for (unsigned i = 0; i < ALARMS_ACTIVE_MAX; i++)
        if (alarms->active[i].number != 0)
            all[count++] = alarms->active[i];
    qsort(all, count, sizeof all[0], newest_first);
    if (count > capacity)
        count = capacity;
    for (unsigned i = 0; i < count; i++)
        records[i] = all[i];
    return count;
}

unsigned alarms_list_history(const struct alarms *alarms, struct alarm_record *records, unsigned capacity) {
    uint64_t kept = alarms->history_count < ALARMS_HISTORY_MAX ? alarms->history_count : ALARMS_HISTORY_MAX;
    unsigned count = kept < capacity ? (unsigned)kept : capacity;
    for (unsigned i = 0; i < count; i++)
        records[i] = alarms->history[(alarms->history_count - 1 - i) % ALARMS_HISTORY_MAX];
    return count;
}
