/*
 * Standard streams of a container.
 *
 * Output and error of a container that logs are pipes of which groved holds both ends for as long as the container
 * exists: a writer is never hit by a broken pipe because the log service is away, and what was written outlives the
 * writer. The pipe's size is the limit (law 10): a writer faster than the log waits. Input is then /dev/null.
 */
#include "kernel/machine/linux/container/container.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

void streams_keep(struct streams_child *child, int descriptor) {
    child->own[child->own_count++] = descriptor;
}

void streams_close_child(struct streams_child *child) {
    while (child->own_count > 0)
        (void)close(child->own[--child->own_count]);
}

static int streams_log(struct container *container, unsigned which, int *descriptor) {
    if (container->stream_write[which] < 0) {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) < 0)
            return GROVE_NO_DESCRIPTORS;
        /* Only the reader must not wait: it is a service that polls. */
        (void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
        container->stream_read[which] = ends[0];
        container->stream_write[which] = ends[1];
    }
    *descriptor = container->stream_write[which];
    return GROVE_OK;
}

int streams_open(struct container *container, const struct machine_start *start, struct plan *plan) {
    const uint8_t modes[3] = {start->spec->stream_in, start->spec->stream_out, start->spec->stream_error};
    for (unsigned i = 0; i < 3; i++) {
        plan->streams[i] = container_shared.null;
        if (modes[i] == GROVE_STREAM_PASSED && start->streams[i] != MACHINE_OBJECT_NONE) {
            plan->streams[i] = start->streams[i];
        } else if (modes[i] == GROVE_STREAM_LOG && i > 0) {
            int result = streams_log(container, i - 1, &plan->streams[i]);
            if (result < 0)
                return result;
        }
    }
    return GROVE_OK;
}
