/*
 * The historian: keeps every reading on disk and answers about them.
 *
 *     historian --config FILE --folder FOLDER
 *
 * What it holds in memory follows from the folder (store.h) and from the events that are not finished yet
 * (intake.h); only a counter of repetitions lives in the state region.
 */
#include "examples/grid/common/measures.h"
#include "examples/grid/historian/queries.h"

#include <stdio.h>
#include <string.h>

struct historian {
    struct grid_config config;
    struct intake intake;
};

static void on_stop(struct grove_service *service, void *context) {
    (void)service;
    intake_flush(&((struct historian *)context)->intake);
}

static void on_collect(struct grove_metrics *metrics, void *context) {
    const struct intake *intake = context;
    struct store_counts counts = store_counts(intake->store);
    measure_counter(metrics, "readings_stored", "Readings on disk.", counts.stored);
    measure_counter(metrics, "readings_lost", "Readings that were taken and never came.", counts.missing);
    measure_counter(metrics, "readings_redelivered", "Readings that came a second time.", *intake->redelivered);
    measure_counter(metrics, "readings_damaged", "Readings on disk that failed their check.", counts.damaged);
    measure_gauge(metrics, "history_bytes", "Of all that is kept.", (double)counts.bytes);
    measure_gauge(metrics, "history_blocked", "1 while the disk takes nothing.", intake->is_blocked);
}

static int refuse(int status, const struct problem *problem) {
    fprintf(stderr, "historian: %s\n", problem->sentence[0] ? problem->sentence : grove_status_text(status));
    return 1;
}

static int serve(struct historian *historian, const char *folder) {
    static const struct {
        uint32_t method;
        grove_handler *handler;
    } methods[] = {{HISTORIAN_COUNTS, query_counts}, {HISTORIAN_LATEST, query_latest}, {HISTORIAN_RANGE, query_range}};
    struct intake *intake = &historian->intake;
    struct grove_service_options options = {.on_stop = on_stop, .context = historian};
    struct grove_region *region;
    struct problem problem = {""};
    bool is_fresh;
    struct store_limits limits = {.segment_bytes = historian->config.segment_bytes,
                                  .keep_bytes = historian->config.keep_bytes};
    int status = store_open(folder, &limits, &intake->store, &problem);
    if (status < 0)
        return refuse(status, &problem);
    if (grove_service_create(&options, &intake->service) < 0 ||
        grove_region_state(grove_service_session(intake->service), sizeof(uint64_t), &region, &is_fresh) < 0)
        return grove_report("historian");
    intake->redelivered = grove_region_data(region, NULL);
    intake->commit_ns = historian->config.commit_ns;
    for (unsigned i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if (grove_service_on(intake->service, "historian", methods[i].method, methods[i].handler, intake) < 0)
            return grove_report("historian");
    (void)measures_open(intake->service, "historian", on_collect, intake);
    if (intake_start(intake) < 0 || grove_service_run(intake->service) < 0)
        return grove_report("historian");
    return 0;
}

int main(int count, char **words) {
    static struct historian historian;
    struct problem problem = {""};
    if (count != 5 || strcmp(words[1], "--config") != 0 || strcmp(words[3], "--folder") != 0) {
        fputs("usage: historian --config FILE --folder FOLDER\n", stderr);
        return 2;
    }
    int status = config_load(words[2], &historian.config, &problem);
    return status < 0 ? refuse(status, &problem) : serve(&historian, words[4]);
}
