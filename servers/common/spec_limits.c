/* See spec_limits.h. */
#include "servers/common/spec_limits.h"

#define HOUR_NS (3600 * GROVE_SECOND)

bool limit_is_valid(const struct grove_limit *limit) {
    bool lasts = limit->policy == GROVE_LIMIT_THROTTLE || limit->policy == GROVE_LIMIT_SUSPEND;
    bool is_watchable = limit->resource == GROVE_RESOURCE_MEMORY || limit->resource == GROVE_RESOURCE_PROCESSES ||
                        limit->resource == GROVE_RESOURCE_SHARED || limit->resource == GROVE_RESOURCE_CHANNELS ||
                        limit->resource == GROVE_RESOURCE_PROCESSOR || limit->resource == GROVE_RESOURCE_DISK ||
                        limit->resource == GROVE_RESOURCE_NETWORK || limit->resource == GROVE_RESOURCE_NETWORK_TOTAL;
    return is_watchable && limit->policy <= GROVE_LIMIT_TERMINATE && limit->after_ns <= HOUR_NS &&
           (!lasts || (limit->for_ns >= GROVE_MILLISECOND && limit->for_ns <= HOUR_NS)) &&
           (limit->policy != GROVE_LIMIT_THROTTLE || limit->to_ppm > 0);
}

static const struct grove_limits *limits_of(const struct grove_spec *spec, uint32_t *length) {
    return grove_spec_section(spec, GROVE_SECTION_LIMITS, length);
}

const char *spec_limits_fault(const struct grove_spec *spec) {
    uint32_t length;
    const struct grove_limits *limits = limits_of(spec, &length);
    if (limits == NULL)
        return NULL;
    if (length < sizeof *limits || limits->version != GROVE_LIMITS_VERSION || limits->count > GROVE_LIMITS_MAX ||
        length != sizeof *limits + limits->count * sizeof limits->limits[0])
        return "its limits are of a version that is not known, or too many";
    for (uint32_t index = 0; index < limits->count; index++) {
        if (!limit_is_valid(&limits->limits[index]))
            return "a policy of its limits is none, or has a value out of range";
        for (uint32_t other = 0; other < index; other++)
            if (limits->limits[other].resource == limits->limits[index].resource)
                return "two policies of its limits are for the same resource";
    }
    return NULL;
}

struct grove_limit spec_limit(const struct grove_spec *spec, uint32_t resource) {
    uint32_t length;
    const struct grove_limits *limits = limits_of(spec, &length);
    for (uint32_t index = 0; limits != NULL && index < limits->count; index++)
        if (limits->limits[index].resource == resource)
            return limits->limits[index];
    return (struct grove_limit){.resource = resource, .policy = GROVE_LIMIT_TELL};
}
