/* Filling pages; see page.h. */
#include "servers/log/page.h"

#include <string.h>

bool page_put(struct page *page, const struct log_chunk *chunk, const void *bytes) {
    size_t needed_bytes = sizeof *chunk + (((size_t)chunk->length_bytes + 7) & ~(size_t)7);
    char *place = page->buffer + page->used_bytes;
    if (page->buffer_bytes - page->used_bytes < needed_bytes)
        return false;
    memset(place + needed_bytes - 8, 0, 8); /* the padding; what is not padding is written over */
    memcpy(place, chunk, sizeof *chunk);
    if (chunk->length_bytes > 0)
        memcpy(place + sizeof *chunk, bytes, chunk->length_bytes);
    page->used_bytes += needed_bytes;
    page->count++;
    return true;
}

bool page_say(struct page *page, struct order_stamp stamp, const char *sentence) {
    struct log_chunk chunk = {.time_ns = stamp.time_ns,
                              .length_bytes = (uint32_t)strlen(sentence),
                              .stream = LOG_CHUNK_STREAM(LOG_STREAM_LOG, page->with_steps ? stamp.steps : 0)};
    return page_put(page, &chunk, sentence);
}
