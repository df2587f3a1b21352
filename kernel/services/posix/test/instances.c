/* Instances that remember what was told of them. */
#include "kernel/services/posix/test/instances.h"

void instance_runs(struct instance *instance) {
    instance->runs++;
}

void instance_failed(struct instance *instance, enum grove_layer layer, int32_t error) {
    instance->layer = layer;
    instance->failures++;
    instance->error = error;
}

void instance_ended(struct instance *instance, const struct instance_end *end) {
    instance->ends++;
    instance->end = *end;
}

void instance_frozen(struct instance *instance) {
    instance->freezes++;
}
