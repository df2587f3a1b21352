/*
 * The last minute of each service, a sample a second, while somebody looks.
 *
 * Nobody has asked for LOOK_NS: everything is let go, and nothing runs. At most SERVICES_MAX services are kept; of more, the
 * first that the kernel names. Lost with this process.
 */
#include "servers/resource/resource.h"

#include <stdlib.h>
#include <string.h>

#include "servers/common/names.h"

#define LOOK_NS (10 * GROVE_SECOND)
#define SERVICES_MAX 256u

struct track {
    struct grove_name service;
    grove_object_id id;
    uint64_t processor_ns, time_ns; /* when it was looked at last */
    uint32_t count; /* samples ever taken; count mod GROVE_RESOURCE_SAMPLES is the next place */
    bool is_seen;
    struct grove_resource_sample ring[GROVE_RESOURCE_SAMPLES];
};

static struct {
    struct track *tracks[SERVICES_MAX];
    uint32_t count;
    uint64_t asked_ns; /* 0: nobody looks */
} kept;

static struct track *find(const char *service) {
    for (uint32_t index = 0; index < kept.count; index++)
        if (strcmp(kept.tracks[index]->service.text, service) == 0)
            return kept.tracks[index];
    return NULL;
}

static struct track *find_or_make(const struct grove_container_record *record, uint32_t *hint) {
    /* The kernel names them in the same order each time. */
    for (uint32_t step = 0; step < kept.count; step++) {
        struct track *track = kept.tracks[(*hint + step) % kept.count];
        if (track->id == record->id) {
            *hint = (*hint + step + 1) % kept.count;
            return track;
        }
    }
    struct track *track = kept.count == SERVICES_MAX ? NULL : calloc(1, sizeof *track);
    if (track == NULL)
        return NULL;
    track->service = record->name;
    track->id = record->id;
    kept.tracks[kept.count++] = track;
    return track;
}

static void add(struct track *track, const struct grove_container_record *record, uint64_t now_ns) {
    uint64_t span_ns = now_ns - track->time_ns;
    if (track->time_ns != 0 && span_ns > 0 && record->usage.processor_ns >= track->processor_ns)
        track->ring[track->count++ % GROVE_RESOURCE_SAMPLES] = (struct grove_resource_sample){
            .time_ns = now_ns,
            .processor_ppm =
                (uint64_t)((double)(record->usage.processor_ns - track->processor_ns) * 1e6 / (double)span_ns),
            .memory_bytes = record->usage.memory_bytes,
            .processes = record->usage.processes};
    track->processor_ns = record->usage.processor_ns;
    track->time_ns = now_ns;
    track->is_seen = true;
}

static void take_all(const struct resource *resource) {
    struct grove_container_record record;
    uint32_t cursor = 0, hint = 0;
    uint64_t now_ns = grove_now_ns();
    while (grove_container_next(resource->session, &cursor, &record) == 0) {
        struct track *track = record.ring == 3 || record.process == 0 ? NULL : find_or_make(&record, &hint);
        if (track != NULL)
            add(track, &record, now_ns);
        if (cursor == 0)
            break;
    }
}

/* Those that are gone, or all. */
static void let_go(bool all) {
    uint32_t left = 0;
    for (uint32_t index = 0; index < kept.count; index++) {
        struct track *track = kept.tracks[index];
        if (!all && track->is_seen) {
            track->is_seen = false;
            kept.tracks[left++] = track;
        } else {
            free(track);
        }
    }
    kept.count = left;
}

bool samples_tick(struct resource *resource) {
    if (kept.asked_ns == 0)
        return false;
    if (grove_now_ns() - kept.asked_ns > LOOK_NS) {
        kept.asked_ns = 0;
        let_go(true);
        return false;
    }
    take_all(resource);
    let_go(false);
    return true;
}

uint32_t samples_read(struct resource *resource, const char *service, struct grove_resource_sample *samples) {
    bool is_new = kept.asked_ns == 0;
    kept.asked_ns = grove_now_ns();
    if (is_new) {
        take_all(resource);
        let_go(false);
        resource_tick_soon(resource);
    }
    const struct track *track = find(service);
    if (track == NULL)
        return 0;
    uint32_t count = track->count < GROVE_RESOURCE_SAMPLES ? track->count : GROVE_RESOURCE_SAMPLES;
    for (uint32_t index = 0; index < count; index++)
        samples[index] = track->ring[(track->count - count + index) % GROVE_RESOURCE_SAMPLES];
    return count;
}
