/*
 * What each container uses, and what is promised. Of more than SERVICES_MAX containers the rest is told as one, called "other".
 */
#include <stdio.h>
#include <string.h>

#include "servers/common/metric.h"
#include "servers/resource/resource.h"

#define SERVICES_MAX 650u /* twelve values each: within what a system service may tell */

struct sums {
    uint64_t processor_ns, starts, denials;
    double memory, peak, shared, processes, channels, capabilities, descriptors, disk, network;
};

static double seconds(uint64_t ns) {
    return (double)ns / (double)GROVE_SECOND;
}

static void add(struct sums *sums, const struct grove_container_record *record) {
    sums->processor_ns += record->usage.processor_ns;
    sums->starts += record->generation;
    sums->denials += record->refusals;
    sums->memory += (double)record->usage.memory_bytes;
    sums->peak += (double)record->usage.memory_peak_bytes;
    sums->shared += (double)record->usage.shared_bytes;
    sums->processes += (double)record->usage.processes;
    sums->channels += record->channels;
    sums->capabilities += record->capabilities;
    sums->descriptors += (double)record->budget.descriptors;
    sums->disk += (double)record->disk_bytes;
    sums->network += (double)record->network_bytes;
}

static void tell(struct grove_metrics *metrics, const char *service, const struct sums *sums) {
    const struct {
        enum grove_metric_kind kind;
        const char *name, *help;
        double value;
    } values[] = {
        {GROVE_METRIC_COUNTER, "processor_seconds", "Processor time that the service has used.",
         seconds(sums->processor_ns)},
        {GROVE_METRIC_GAUGE, "memory_bytes", "Memory that the service uses.", sums->memory},
        {GROVE_METRIC_GAUGE, "memory_peak_bytes", "The most memory that the service has used.", sums->peak},
        {GROVE_METRIC_GAUGE, "shared_bytes", "Memory of channels and regions on the account of the service.",
         sums->shared},
        {GROVE_METRIC_GAUGE, "processes", "Processes and threads of the service.", sums->processes},
        {GROVE_METRIC_GAUGE, "channels", "Channels of the service, of both ends.", sums->channels},
        {GROVE_METRIC_GAUGE, "capabilities", "Capabilities that the service holds.", sums->capabilities},
        {GROVE_METRIC_GAUGE, "descriptors_limit", "Descriptors that a process of the service may have; 0 the default.",
         sums->descriptors},
        {GROVE_METRIC_GAUGE, "disk_bytes", "What the service keeps on disk; 0 where it has no limit on it.",
         sums->disk},
        {GROVE_METRIC_GAUGE, "network_bytes", "What the service has sent and received; 0 where it has no limit on it.",
         sums->network},
        {GROVE_METRIC_COUNTER, "starts", "Instances of the service that were started.", (double)sums->starts},
        {GROVE_METRIC_COUNTER, "capability_denials", "Times that the service lacked a capability.",
         (double)sums->denials},
    };
    for (unsigned i = 0; i < sizeof values / sizeof values[0]; i++)
        grove_metrics_tell(
            metrics, values[i].kind,
            &(struct grove_metric){.name = values[i].name, .help = values[i].help, .labels = {{"service", service}}},
            values[i].value);
}

static void tell_containers(const struct resource *resource, struct grove_metrics *metrics) {
    struct grove_container_record record;
    struct sums other = {0};
    uint32_t cursor = 0, count = 0;
    while (grove_container_next(resource->session, &cursor, &record) == 0) {
        if (record.ring != 3 && ++count <= SERVICES_MAX) {
            struct sums sums = {0};
            add(&sums, &record);
            tell(metrics, record.name.text, &sums);
        } else if (record.ring != 3) {
            add(&other, &record);
        }
        if (cursor == 0)
            break;
    }
    if (count > SERVICES_MAX)
        tell(metrics, "other", &other);
}

static void collect(struct grove_metrics *metrics, void *context) {
    const struct resource *resource = context;
    struct grove_machine machine;
    admission_machine(&machine);
    metric_gauge(metrics, "machine_memory_bytes", "Memory that the machine has.", (double)machine.memory_bytes);
    metric_gauge(metrics, "machine_processors", "Processors that the machine has.", machine.processors);
    metric_gauge(metrics, "promised_memory_bytes", "Memory that is promised to services that run.",
                 (double)machine.memory_promised);
    metric_gauge(metrics, "promised_processors", "Processors that are promised to services that run.",
                 (double)machine.processor_promised / 1e6);
    metric_gauge(metrics, "admitted_services", "Services that hold a promise.", machine.services);
    metric_gauge(metrics, "limit_cases", "Limits that are being watched or acted upon.", machine.cases);
    metric_counter(metrics, "refused_starts", "Starts that were refused, as the machine has no more.",
                   machine.refusals);
    tell_containers(resource, metrics);
}

void metrics_serve(struct resource *resource, struct grove_service *service) {
    metric_serve(service, GROVE_RESOURCE_ENDPOINT, collect, resource);
}
