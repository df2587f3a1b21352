/* What the layer of processes told of instances, for unit tests. */
#ifndef GROVE_POSIX_TEST_INSTANCES_H
#define GROVE_POSIX_TEST_INSTANCES_H

#include "kernel/services/containers/containers.h"

/* In place of those of kernel/services/containers/inside.h. */
struct instance {
    uint32_t runs, failures, ends, freezes;
    enum grove_layer layer; /* of the last failure */
    int32_t error;
    struct instance_end end;
};

#endif
