/* What hooks were asked, by point; and what is set and registered. */
#include "servers/common/metric.h"
#include "servers/hooks/hooks.h"

static void tell_points(struct grove_metrics *metrics, const struct hooks *hooks) {
    for (uint32_t point = 0; point < GROVE_HOOK_POINTS; point++) {
        const char *text = grove_hook_point_text(point);
        metric_counter_of(metrics, "asked", "Times that a hook was asked, by point.", "point", text,
                          hooks->counts[point].asked);
        metric_counter_of(metrics, "vetoes", "Vetoes of hooks, by point.", "point", text, hooks->counts[point].vetoes);
        metric_counter_of(metrics, "failures", "Hooks that were late, gone or wrong, by point.", "point", text,
                          hooks->counts[point].failures);
    }
}

static void collect(struct grove_metrics *metrics, void *context) {
    const struct hooks *hooks = context;
    uint32_t set = 0, extensions[GROVE_EXTENSION_KINDS] = {0};
    for (uint32_t i = 0; i < hooks->state->hook_count; i++)
        set += hooks->state->hooks[i].order != 0;
    for (uint32_t i = 0; i < hooks->state->extension_count; i++) {
        const struct extension_slot *slot = &hooks->state->extensions[i];
        if (slot->order != 0 && slot->extension.kind < GROVE_EXTENSION_KINDS)
            extensions[slot->extension.kind]++;
    }
    metric_gauge(metrics, "set", "Hooks that are set.", set);
    for (uint32_t kind = 1; kind < GROVE_EXTENSION_KINDS; kind++)
        metric_gauge_of(metrics, "extensions", "Extensions that are registered, by kind.", "kind",
                        grove_extension_kind_text(kind), extensions[kind]);
    tell_points(metrics, hooks);
}

void metrics_serve(struct hooks *hooks, struct grove_service *service) {
    metric_serve(service, GROVE_HOOKS_ENDPOINT, collect, hooks);
}
