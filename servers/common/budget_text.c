/* See budget_text.h. */
#include "servers/common/budget_text.h"

#include <inttypes.h>
#include <stdio.h>

#include "grove/abi/spec.h"

static const struct {
    const char *name;
    double unit;
    const char *unit_text;
} resources[] = {
    [GROVE_RESOURCE_MEMORY] = {"memory", 1 << 20, " MiB"},
    [GROVE_RESOURCE_PROCESSES] = {"processes", 1, ""},
    [GROVE_RESOURCE_SHARED] = {"shared memory", 1 << 20, " MiB"},
    [GROVE_RESOURCE_CHANNELS] = {"channels", 1, ""},
    [GROVE_RESOURCE_PROCESSOR] = {"processor time", 10000, "%"},
    [GROVE_RESOURCE_DISK] = {"disk", 1 << 20, " MiB"},
    [GROVE_RESOURCE_NETWORK] = {"network", 1 << 10, " KiB/s"},
    [GROVE_RESOURCE_NETWORK_TOTAL] = {"traffic", 1 << 20, " MiB"},
};

const char *budget_text(uint32_t resource, uint64_t used, uint64_t limit, bool is_refused, char *text,
                        size_t text_bytes) {
    bool is_known = resource < sizeof resources / sizeof *resources && resources[resource].name != NULL && limit != 0;
    if (!is_known) {
        (void)snprintf(text, text_bytes, "went over its budget");
        return text;
    }
    const char *name = resources[resource].name, *unit = resources[resource].unit_text;
    double limit_units = (double)limit / resources[resource].unit, used_units = (double)used / resources[resource].unit;
    if (is_refused || resource == GROVE_RESOURCE_PROCESSES)
        (void)snprintf(text, text_bytes, "was refused more %s: it may have %.4g%s", name, limit_units, unit);
    else if (resource == GROVE_RESOURCE_NETWORK)
        (void)snprintf(text, text_bytes, "had to wait with what it sends or receives: it may have %.4g%s", limit_units,
                       unit);
    else if (resource == GROVE_RESOURCE_PROCESSOR)
        (void)snprintf(text, text_bytes, "had to wait for a processor: it may have %.4g%s of one", limit_units, unit);
    else
        (void)snprintf(text, text_bytes, "used %.4g%s of the %.4g%s of %s that it may have", used_units, unit,
                       limit_units, unit, name);
    return text;
}
