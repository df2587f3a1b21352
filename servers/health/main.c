/*
 * health: is every service well, and what is going to happen?
 *
 *     registry, boot specs -> services.c, specs.c -> checks.c -> heartbeat.c calls.c network.c commands.c
 *                                                       |
 *              methods -> queries.c extensions.c     judge.c, trends.c -> changes.c, alerts.c -> sinks.c
 *
 * It asks nobody who has no check, so an idle machine with no checks has no wake-ups of it. It acts on nothing that it
 * sees: that is for reincarnation.
 *
 * Killed at any point it comes back with its history, alerts and silences (kept.h) and its sinks (sinks.c); a try under way
 * is made again when it is due.
 */
#include "servers/health/monitor.h"

#include "servers/common/own_config.h"

#include <stdio.h>
#include <stdlib.h>

static const struct {
    uint32_t number;
    grove_handler *handler;
} methods[] = {
    {GROVE_HEALTH_QUERY, query_records},     {GROVE_HEALTH_CHECKS, query_checks},
    {GROVE_HEALTH_HISTORY, query_history},   {GROVE_HEALTH_WATCH, change_watch},
    {GROVE_HEALTH_PROBE, query_probe},       {GROVE_HEALTH_ALERTS, query_alerts},
    {GROVE_HEALTH_SILENCE, query_silence},   {GROVE_HEALTH_SILENCES, query_silences},
    {GROVE_HEALTH_SINK_PUT, sink_put},       {GROVE_HEALTH_SINK_REMOVE, sink_remove},
    {GROVE_HEALTH_SINKS, sinks_list},        {GROVE_HEALTH_REGISTER, extension_register},
    {GROVE_HEALTH_REPORT, extension_report},
};

static int on_init(struct grove_service *service, enum grove_start_reason reason, void *context) {
    struct monitor *monitor = context;
    (void)reason;
    monitor->service = service;
    monitor->session = grove_service_session(service);
    monitor->kept = kept_open(monitor->session);
    if (monitor->kept == NULL)
        return GROVE_NO_MEMORY;
    own_config_follow(monitor->session, NULL, NULL);
    return services_begin(monitor);
}

int main(int argument_count, char **arguments) {
    static struct monitor monitor;
    struct grove_service *service;
    if (argument_count != 3) {
        (void)fprintf(stderr,
                      "usage: health STATE-FOLDER BOOT-FOLDER (started by init; see servers/health/manifest.yaml)\n");
        return 2;
    }
    monitor.boot_folder = arguments[2];
    settings_begin(&monitor, arguments[1]);
    if (sinks_open(&monitor, arguments[1]) < 0)
        return 1;
    struct grove_service_options options = {.on_init = on_init, .context = &monitor};
    if (grove_service_create(&options, &service) < 0)
        return grove_report("health");
    for (unsigned index = 0; index < sizeof methods / sizeof methods[0]; index++)
        if (grove_service_on(service, GROVE_HEALTH_ENDPOINT, methods[index].number, methods[index].handler, &monitor) <
            0)
            return grove_report("health");
    metrics_serve(&monitor, service);
    return grove_service_run(service) < 0 ? grove_report("health") : 0;
}
