/* A link; see link.h. */
#include "examples/grid/common/link.h"

#include <stdio.h>

#define RETRY_NS (200 * GROVE_MILLISECOND)
#define SEND_TIMEOUT_NS (1 * GROVE_MICROSECOND)

/* Say once what is wrong; the next attempts are silent until one succeeds. */
static void link_fail(struct link *link) {
    if (!link->has_complained)
        fprintf(stderr, "%s: %s; trying again\n", link->endpoint, grove_last_error());
    link->has_complained = true;
    link->retry_ns = grove_now_ns() + RETRY_NS;
    if (link->channel != NULL)
        grove_channel_close(link->channel);
    link->channel = NULL;
}

static bool link_connect(struct link *link) {
    if (link->channel != NULL)
        return true;
    if (grove_now_ns() < link->retry_ns)
        return false;
    struct grove_connect_options options = {.tag = 0};
    options.lane_bytes[link->priority - GROVE_PRIORITY_HIGH] = link->lane_bytes;
    if (grove_connect_with(link->endpoint, &options, &link->channel) < 0) {
        link->channel = NULL;
        link_fail(link);
        return false;
    }
    link->has_complained = false;
    return true;
}

void link_flush(struct link *link) {
    const void *item;
    if (!link_connect(link))
        return;
    while ((item = outbox_next(&link->outbox)) != NULL) {
        struct grove_call message = {.method = link->method,
                                     .priority = link->priority,
                                     .data = item,
                                     .length_bytes = link->outbox.header->item_bytes,
                                     .timeout_ns = SEND_TIMEOUT_NS};
        int status = grove_send(link->channel, &message);
        if (status == GROVE_EXHAUSTED || status == GROVE_TIMED_OUT || status == GROVE_AGAIN)
            return;
        if (status < 0) {
            link_fail(link);
            return;
        }
        outbox_accept(&link->outbox);
    }
}
