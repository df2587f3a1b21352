/* See crossing.h. */
#include "kernel/machine/linux/cgroup/crossing.h"

static bool warn(struct crossing *crossing, uint64_t now_ns) {
    if (crossing->warned_ns != 0 && now_ns - crossing->warned_ns < CROSSING_REST_NS)
        return false;
    crossing->is_over = true;
    crossing->warned_ns = now_ns;
    return true;
}

bool crossing_level(struct crossing *crossing, uint64_t now_ns, uint64_t used, uint64_t limit) {
    if (used < crossing_left_mark(limit))
        crossing->is_over = false;
    return !crossing->is_over && used >= crossing_mark(limit) && warn(crossing, now_ns);
}

bool crossing_end(struct crossing *crossing, uint64_t now_ns) {
    bool was_told = crossing->warned_ns != 0 && now_ns - crossing->warned_ns < CROSSING_CALM_NS;
    return !crossing->is_over && !was_told && warn(crossing, now_ns);
}

bool crossing_event(struct crossing *crossing, uint64_t now_ns) {
    bool was_calm = now_ns - crossing->event_ns >= CROSSING_CALM_NS;
    crossing->event_ns = now_ns;
    return (!crossing->is_over || was_calm) && warn(crossing, now_ns);
}
