/*
 * A page of a log being filled: struct log_chunk and bytes, one after the other, as READ answers them (protocol.h).
 */
#ifndef SERVERS_LOG_PAGE_H
#define SERVERS_LOG_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "servers/log/order.h"
#include "servers/log/protocol.h"

struct page {
    uint64_t since_ns; /* nothing older is wanted */
    bool with_steps; /* in the chunks, as LOG_READ_STEPS asks for them */
    char *buffer;
    size_t buffer_bytes, used_bytes;
    uint32_t count; /* chunks */
};

/* False: it does not fit, and the page is as it was. */
bool page_put(struct page *page, const struct log_chunk *chunk, const void *bytes);
/* The same for a sentence of the log service's own, with the stamp of what it is about. */
bool page_say(struct page *page, struct order_stamp stamp, const char *sentence);

#endif
