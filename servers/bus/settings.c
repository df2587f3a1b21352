/*
 * What of the bus can be configured: `config:` of manifest.yaml, and where each key goes. All of it is hot: subscriptions that
 * are there keep what they were made with, whatever comes later takes what holds then.
 */
#include "servers/bus/dlq.h"
#include "servers/bus/durable.h"
#include "servers/bus/letters.h"
#include "servers/common/own_config.h"

/* The same as in manifest.yaml. */
static const struct bus_settings usual = {
    .queue_events = 1024,
    .in_flight = 64,
    .max_retries = 5,
    .timeout_ns = 30 * GROVE_SECOND,
    .backoff_first_ns = 100 * GROVE_MILLISECOND,
    .backoff_cap_ns = 60 * GROVE_SECOND,
    .block_ns = 5 * GROVE_SECOND,
    .letters = LETTERS_MAX,
    .letters_bytes = LETTERS_BYTES_MAX,
    .retain_bytes = UINT64_C(256) << 20,
    .retain_ns = 0,
};

static void changed(void *context) {
    struct bus *bus = context;
    dlq_limit(bus);
    streams_settle(bus);
}

void settings_begin(struct bus *bus) {
    static struct own_key keys[] = {
        {.name = "queue.events", .type = GROVE_CONFIG_INT},
        {.name = "queue.in-flight", .type = GROVE_CONFIG_INT},
        {.name = "queue.retries", .type = GROVE_CONFIG_INT},
        {.name = "queue.timeout", .type = GROVE_CONFIG_DURATION},
        {.name = "queue.backoff", .type = GROVE_CONFIG_DURATION},
        {.name = "queue.backoff-cap", .type = GROVE_CONFIG_DURATION},
        {.name = "queue.block", .type = GROVE_CONFIG_DURATION},
        {.name = "dead-letters.count", .type = GROVE_CONFIG_INT},
        {.name = "dead-letters.size", .type = GROVE_CONFIG_SIZE},
        {.name = "durable.keep-size", .type = GROVE_CONFIG_SIZE},
        {.name = "durable.keep-age", .type = GROVE_CONFIG_DURATION},
    };
    struct bus_settings *to = &bus->settings;
    uint64_t *const places[] = {&to->queue_events,     &to->in_flight,      &to->max_retries, &to->timeout_ns,
                                &to->backoff_first_ns, &to->backoff_cap_ns, &to->block_ns,    &to->letters,
                                &to->letters_bytes,    &to->retain_bytes,   &to->retain_ns};
    _Static_assert(sizeof keys / sizeof keys[0] == sizeof places / sizeof places[0], "a place for each key");
    for (unsigned i = 0; i < sizeof places / sizeof places[0]; i++)
        keys[i].to.amount = places[i];
    bus->settings = usual;
    own_config_begin(bus->folder, keys, sizeof keys / sizeof keys[0]);
}

void settings_follow(struct bus *bus) {
    own_config_follow(bus->session, changed, bus);
}
