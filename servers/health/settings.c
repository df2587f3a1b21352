/* What of health can be configured: `config:` of manifest.yaml, and where each key goes. All of it is hot. */
#include "servers/common/own_config.h"
#include "servers/health/monitor.h"

/* The same as in manifest.yaml. */
static const struct health_settings usual = {
    .breaker = {.failures = 5, .span_max_ns = 300 * GROVE_SECOND},
    .tell_again_ns = 3600 * GROVE_SECOND,
    .horizon_ns = UINT64_C(6) * 3600 * GROVE_SECOND,
    .urgent_ns = 120 * GROVE_SECOND,
    .growth = 0.2,
    .errors = 0.5,
};

void settings_begin(struct monitor *monitor, const char *folder) {
    struct health_settings *to = &monitor->settings;
    static struct own_key keys[7];
    const struct own_key made[] = {
        {"breaker.failures", GROVE_CONFIG_INT, {.amount = &to->breaker.failures}},
        {"breaker.longest", GROVE_CONFIG_DURATION, {.amount = &to->breaker.span_max_ns}},
        {"alerts.again", GROVE_CONFIG_DURATION, {.amount = &to->tell_again_ns}},
        {"trends.horizon", GROVE_CONFIG_DURATION, {.amount = &to->horizon_ns}},
        {"trends.urgent", GROVE_CONFIG_DURATION, {.amount = &to->urgent_ns}},
        {"trends.growth", GROVE_CONFIG_FLOAT, {.real = &to->growth}},
        {"trends.errors", GROVE_CONFIG_FLOAT, {.real = &to->errors}},
    };
    _Static_assert(sizeof keys == sizeof made, "a place for each key");
    for (unsigned index = 0; index < sizeof keys / sizeof keys[0]; index++)
        keys[index] = made[index];
    *to = usual;
    own_config_begin(folder, keys, sizeof keys / sizeof keys[0]);
}
