/*
 * See watch.h. Each limit of a watched group is a spot, which is in one of these states:
 *
 *     listening   its descriptor is in the loop; an event leads to a look, and to resting
 *     resting     the descriptor is left alone until the timer, which looks again and listens
 *     blind       there is no descriptor for it here: it is looked at only when somebody asks
 */
#include "kernel/machine/linux/cgroup/watch.h"

#include "kernel/machine/linux/cgroup/crossing.h"
#include "kernel/machine/linux/cgroup/file.h"

#include <stdlib.h>
#include <unistd.h>

#define REST_FIRST_NS UINT64_C(100000000)
#define REST_LAST_NS UINT64_C(10000000000)
/* Memory can be gone quickly, and an event of it can be one of file caches only. */
#define REST_MEMORY_LAST_NS UINT64_C(1000000000)
#define AGAIN_FIRST_NS UINT64_C(1000000000)
#define AGAIN_LAST_NS UINT64_C(600000000000)

struct spot {
    struct cgroup_watch *watch;
    enum grove_resource resource;
    uint64_t limit; /* 0: not watched */
    int descriptor; /* -1: blind */
    uint32_t events; /* that come on it */
    bool is_listening;
    uint64_t timer, rest_ns, again_ns, listening_since_ns;
    uint64_t counted; /* of its events, at the last look; 0 for a new group */
    struct crossing crossing;
};

enum { MEMORY, PROCESSES, PROCESSOR, SPOTS };

struct cgroup_watch {
    const struct cgroup *group;
    uint64_t counted_group; /* the number of the group whose events were counted */
    cgroup_warning *handler;
    void *context;
    struct spot spots[SPOTS];
};

/* ---- looking ---- */

/* How many events of a look make it one: a single refused fork does, and a tenth of a second's waiting. */
static uint64_t least_events(enum grove_resource resource) {
    return resource == GROVE_RESOURCE_PROCESSOR ? UINT64_C(100000000) : 1;
}

/* Returns true if this is to be told, with what is used. */
static bool look(struct spot *spot, uint64_t now_ns, uint64_t *used) {
    struct cgroup_reading reading = {0};
    const struct cgroup *group = spot->watch->group;
    cgroup_used_version()->measure(group, spot->resource, &reading);
    *used = reading.used;
    if (spot->resource == GROVE_RESOURCE_MEMORY) {
        bool was_over = spot->crossing.is_over;
        bool is_new = crossing_level(&spot->crossing, now_ns, reading.used, spot->limit);
        if (was_over != spot->crossing.is_over)
            cgroup_used_version()->arm(group, spot->limit, !spot->crossing.is_over);
        return is_new;
    }
    uint64_t more = reading.events > spot->counted ? reading.events - spot->counted : 0;
    if (more < least_events(spot->resource))
        return false;
    spot->counted = reading.events;
    *used = spot->limit;
    return crossing_event(&spot->crossing, now_ns);
}

static void tell(const struct spot *spot, uint64_t used) {
    spot->watch->handler(spot->watch->context, spot->resource, used, spot->limit);
}

/* ---- listening and resting ---- */

static void spot_due(struct loop *loop, void *context);
static void spot_event(struct loop *loop, int descriptor, uint32_t events, void *context);

static void look_at(struct spot *spot, uint64_t when_ns) {
    if (spot->timer != 0)
        loop_cancel(linux_machine->loop, spot->timer);
    spot->timer = 0;
    (void)loop_at(linux_machine->loop, when_ns, spot_due, spot, &spot->timer);
}

/* An eventfd is emptied by reading it, and a file of a group begins to wait for its next change. */
static void drain(int descriptor) {
    char text[512];
    (void)lseek(descriptor, 0, SEEK_SET);
    (void)!read(descriptor, text, sizeof text);
}

static void start_listening(struct spot *spot, uint64_t now_ns) {
    if (spot->descriptor < 0 || spot->is_listening)
        return;
    drain(spot->descriptor);
    spot->is_listening = loop_watch(linux_machine->loop, spot->descriptor, spot->events, spot_event, spot) == GROVE_OK;
    spot->listening_since_ns = now_ns;
}

static void stop_listening(struct spot *spot) {
    if (spot->is_listening)
        loop_forget(linux_machine->loop, spot->descriptor);
    spot->is_listening = false;
}

static uint64_t doubled(uint64_t value_ns, uint64_t last_ns) {
    return value_ns * 2 < last_ns ? value_ns * 2 : last_ns;
}

static uint64_t rest_after(const struct spot *spot, uint64_t now_ns) {
    bool is_memory = spot->resource == GROVE_RESOURCE_MEMORY;
    bool came_soon = now_ns - spot->listening_since_ns < 2 * spot->rest_ns;
    return came_soon ? doubled(spot->rest_ns, is_memory ? REST_MEMORY_LAST_NS : REST_LAST_NS) : REST_FIRST_NS;
}

static void spot_event(struct loop *loop, int descriptor, uint32_t events, void *context) {
    struct spot *spot = context;
    uint64_t now_ns = machine_clock_ns(), used = 0;
    (void)loop;
    (void)descriptor;
    (void)events;
    stop_listening(spot);
    bool is_new = look(spot, now_ns, &used);
    spot->rest_ns = rest_after(spot, now_ns);
    if (is_new && spot->rest_ns < CROSSING_REST_NS)
        spot->rest_ns = CROSSING_REST_NS;
    look_at(spot, now_ns + spot->rest_ns);
    if (is_new)
        tell(spot, used);
}

static void spot_due(struct loop *loop, void *context) {
    struct spot *spot = context;
    uint64_t now_ns = machine_clock_ns(), used = 0;
    (void)loop;
    spot->timer = 0;
    start_listening(spot, now_ns);
    bool is_new = look(spot, now_ns, &used);
    spot->again_ns = is_new || !spot->crossing.is_over ? AGAIN_FIRST_NS : doubled(spot->again_ns, AGAIN_LAST_NS);
    if (spot->resource == GROVE_RESOURCE_MEMORY && spot->crossing.is_over)
        look_at(spot, now_ns + spot->again_ns);
    if (is_new)
        tell(spot, used);
}

/* ---- the whole ---- */

struct cgroup_watch *cgroup_watch_create(cgroup_warning *handler, void *context) {
    static const enum grove_resource resources[SPOTS] = {[MEMORY] = GROVE_RESOURCE_MEMORY,
                                                         [PROCESSES] = GROVE_RESOURCE_PROCESSES,
                                                         [PROCESSOR] = GROVE_RESOURCE_PROCESSOR};
    struct cgroup_watch *watch = calloc(1, sizeof *watch);
    if (watch == NULL)
        return NULL;
    watch->handler = handler;
    watch->context = context;
    for (unsigned i = 0; i < SPOTS; i++)
        watch->spots[i] = (struct spot){.watch = watch, .resource = resources[i], .descriptor = -1};
    return watch;
}

static void spot_clear(struct spot *spot) {
    stop_listening(spot);
    if (spot->limit != 0 && spot->resource == GROVE_RESOURCE_MEMORY)
        cgroup_used_version()->arm(spot->watch->group, spot->limit, false);
    if (spot->timer != 0)
        loop_cancel(linux_machine->loop, spot->timer);
    if (spot->descriptor >= 0)
        (void)close(spot->descriptor);
    spot->timer = 0;
    spot->descriptor = -1;
    spot->limit = 0;
}

/* The first look is the timer's: nobody is told anything from here. */
static void spot_set(struct spot *spot, const struct cgroup *group, uint64_t limit) {
    spot->limit = limit;
    spot->crossing.is_over = false;
    spot->rest_ns = REST_FIRST_NS;
    spot->again_ns = AGAIN_FIRST_NS;
    spot->descriptor = cgroup_used_version()->watch(group, spot->resource, limit, &spot->events);
    start_listening(spot, machine_clock_ns());
    look_at(spot, machine_clock_ns());
}

void cgroup_watch_set(struct cgroup_watch *watch, const struct cgroup *group, const struct grove_budget *budget) {
    const uint64_t limits[SPOTS] = {
        [MEMORY] = cgroup_memory_limit(budget), [PROCESSES] = budget->processes, [PROCESSOR] = budget->processor_ppm};
    bool is_same = group != NULL && group == watch->group;
    for (unsigned i = 0; group != NULL && group->number != watch->counted_group && i < SPOTS; i++)
        watch->spots[i].counted = 0;
    watch->counted_group = group != NULL ? group->number : watch->counted_group;
    for (unsigned i = 0; i < SPOTS; i++) {
        if (is_same && limits[i] == watch->spots[i].limit)
            continue;
        spot_clear(&watch->spots[i]);
        watch->group = group;
        if (group != NULL && limits[i] != 0)
            spot_set(&watch->spots[i], group, limits[i]);
    }
    watch->group = group;
}

void cgroup_watch_destroy(struct cgroup_watch *watch) {
    for (unsigned i = 0; i < SPOTS; i++)
        spot_clear(&watch->spots[i]);
    free(watch);
}

/* One that rests is looked at when it has rested. */
void cgroup_watch_look(struct cgroup_watch *watch) {
    for (unsigned i = 0; i < SPOTS; i++) {
        struct spot *spot = &watch->spots[i];
        if (spot->limit != 0 && (spot->is_listening || (spot->descriptor < 0 && spot->timer == 0)))
            look_at(spot, machine_clock_ns());
    }
}

void cgroup_watch_over(struct cgroup_watch *watch, enum grove_resource resource) {
    for (unsigned i = 0; i < SPOTS; i++) {
        struct spot *spot = &watch->spots[i];
        if (spot->resource == resource && spot->limit != 0 && crossing_end(&spot->crossing, machine_clock_ns()))
            tell(spot, spot->limit);
    }
}
