/* What was written to the log, and what was not. */
#include "servers/common/metric.h"
#include "servers/log/log.h"
#include "servers/log/protocol.h"

static void collect(struct grove_metrics *metrics, void *context) {
    const struct logger *logger = context;
    uint32_t streams = 0;
    metric_counter(metrics, "written_bytes", "Bytes of services' streams that were written to segments.",
                   logger->written_bytes);
    metric_counter(metrics, "lost_bytes", "Bytes of services' streams that the disk refused.", logger->lost_bytes);
    for (size_t i = 0; i < logger->sources.size; i++) {
        const struct source *source = logger->sources.slots[i].value;
        for (unsigned stream = 0; source != NULL && stream < LOG_STREAMS; stream++)
            streams += source->streams[stream].descriptor >= 0;
    }
    metric_gauge(metrics, "streams", "Streams that are being read.", streams);
}

void metrics_serve(struct logger *logger, struct grove_service *service) {
    metric_serve(service, LOG_ENDPOINT, collect, logger);
}
