/* The health of the links; see link_health.h. All of it is made again by the next instance. */
#include "examples/grid/acquire/link_health.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SILENT_NS (500 * GROVE_MILLISECOND)
#define REPORT_EVERY_NS (2 * GROVE_SECOND)
#define INTERVAL_NS (5 * GROVE_SECOND) /* as registered: a report at least so often */
#define RETRY_NS GROVE_SECOND
#define CALL_TIMEOUT_NS (5 * GROVE_SECOND)
#define SEND_TIMEOUT_NS (1 * GROVE_MICROSECOND)

/* "feeder-4-suburb", in the letters that health allows. */
static void name_check(const struct link_health *health, unsigned index, char name[GROVE_HEALTH_CHECK_NAME_BYTES]) {
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    const struct config_feeder *feeder = &health->config->feeder[index];
    snprintf(name, GROVE_HEALTH_CHECK_NAME_BYTES, "feeder-%" PRIu64 "-%.16s", feeder->number, feeder->name);
    for (size_t at = strspn(name, allowed); name[at] != '\0'; at += strspn(name + at, allowed))
        name[at] = '-';
}

void link_health_init(struct link_health *health, const struct grid_config *config, const struct reading *latest,
                      uint64_t now_ns) {
    *health = (struct link_health){.config = config, .latest = latest, .began_ns = now_ns};
    for (unsigned i = 0; i < config->feeder_count; i++) {
        health->check[i].health = health;
        name_check(health, i, health->check[i].name);
    }
}

void link_health_note(struct link_health *health, unsigned feeder, const struct reading *reading) {
    if (!(reading->quality & QUALITY_BAD))
        health->good_ns[feeder] = reading->time_ns;
}

/* ---- registering ---- */

static void complain(struct link_health *health, uint64_t now_ns) {
    if (!health->has_complained)
        fprintf(stderr, "acquire: system.health does not know the links: %s; trying again\n", grove_last_error());
    health->has_complained = true;
    health->retry_ns = now_ns + RETRY_NS;
}

static void disconnect(struct link_health *health) {
    if (health->channel != NULL)
        grove_channel_close(health->channel);
    health->channel = NULL;
}

static bool connect(struct link_health *health, uint64_t now_ns) {
    struct grove_connect_options options = {.tag = GROVE_HEALTH_REGISTER, .arena_bytes = GROVE_ARENA_NONE};
    if (health->channel != NULL)
        return true;
    if (grove_connect_with(GROVE_HEALTH_ENDPOINT, &options, &health->channel) == 0)
        return true;
    health->channel = NULL;
    complain(health, now_ns);
    return false;
}

static void on_registered(int status, const struct grove_answer *answer, void *context) {
    struct link_check *check = context;
    (void)answer;
    check->health->is_registering = false;
    check->is_registered = status == 0;
    if (status == 0)
        check->health->has_complained = false;
    else
        complain(check->health, grove_now_ns());
}

static int register_check(struct link_health *health, struct link_check *check) {
    struct grove_health_extension extension = {.version = GROVE_HEALTH_VERSION,
                                               .plan = {.kind = GROVE_CHECK_REPORT,
                                                        .severity = GROVE_SEVERITY_WARNING,
                                                        .failures = 1,
                                                        .timeout_ns = REPORT_EVERY_NS,
                                                        .interval_ns = INTERVAL_NS}};
    memcpy(extension.plan.name, check->name, sizeof extension.plan.name);
    int status = grove_call_start(health->channel,
                                  &(struct grove_call){.method = GROVE_HEALTH_REGISTER,
                                                       .priority = GROVE_PRIORITY_LOW,
                                                       .data = &extension,
                                                       .length_bytes = sizeof extension,
                                                       .timeout_ns = CALL_TIMEOUT_NS},
                                  on_registered, check);
    health->is_registering = status == 0;
    return status;
}

/* ---- reporting ---- */

static bool is_well(const struct link_health *health, unsigned feeder, uint64_t now_ns) {
    uint64_t heard_ns = health->good_ns[feeder] > 0 ? health->good_ns[feeder] : health->began_ns;
    return now_ns < heard_ns + SILENT_NS;
}

/* An instance that has just begun knows of a feeder only when it was heard, or was silent for long enough. */
static bool is_known(const struct link_health *health, unsigned feeder, uint64_t now_ns) {
    return health->good_ns[feeder] > 0 || !is_well(health, feeder, now_ns);
}

static void explain(const struct link_health *health, unsigned feeder, char *sentence, size_t size_bytes) {
    const struct config_device *device = &health->config->device[health->config->feeder[feeder].device];
    unsigned quality = health->latest[feeder].quality;
    const char *what = quality & QUALITY_UNREACHABLE ? "cannot be reached"
                       : quality & QUALITY_EXCEPTION ? "refuses its registers"
                                                     : "does not answer";
    snprintf(sentence, size_bytes, "device %s at %s:%" PRIu64 " %s", device->name, device->host, device->port, what);
}

static int report(struct link_health *health, unsigned feeder, bool well) {
    struct grove_health_report_message message = {.version = GROVE_HEALTH_VERSION, .status = well ? 0 : GROVE_CLOSED};
    memcpy(message.check, health->check[feeder].name, sizeof message.check);
    if (!well)
        explain(health, feeder, message.sentence, sizeof message.sentence);
    return grove_send(health->channel, &(struct grove_call){.method = GROVE_HEALTH_REPORT,
                                                            .priority = GROVE_PRIORITY_LOW,
                                                            .data = &message,
                                                            .length_bytes = sizeof message,
                                                            .timeout_ns = SEND_TIMEOUT_NS});
}

static bool is_broken(int status) {
    return status == GROVE_CLOSED || status == GROVE_CORRUPT || status == GROVE_STALE_HANDLE;
}

/* Returns false if the channel is gone. */
static bool report_if_due(struct link_health *health, unsigned index, uint64_t now_ns) {
    struct link_check *check = &health->check[index];
    bool well = is_well(health, index, now_ns);
    bool is_news = !check->was_told || check->was_told_well != well;
    if (!check->is_registered || !is_known(health, index, now_ns) ||
        (!is_news && now_ns < check->told_ns + REPORT_EVERY_NS))
        return true;
    int status = report(health, index, well);
    if (is_broken(status))
        return false;
    if (status == 0) {
        check->was_told = true;
        check->was_told_well = well;
    }
    check->told_ns = now_ns;
    return true;
}

void link_health_tick(struct link_health *health, uint64_t now_ns) {
    if (now_ns < health->retry_ns || !connect(health, now_ns))
        return;
    for (unsigned i = 0; i < health->config->feeder_count; i++) {
        if (!health->check[i].is_registered && !health->is_registering &&
            register_check(health, &health->check[i]) < 0) {
            disconnect(health);
            complain(health, now_ns);
            return;
        }
        if (!report_if_due(health, i, now_ns)) {
            disconnect(health);
            return;
        }
    }
}
