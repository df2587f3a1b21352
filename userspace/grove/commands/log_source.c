/*
 * Chunks put together into lines. See log_source.h.
 */
#include "userspace/grove/commands/log_source.h"

#include <stdlib.h>
#include <string.h>

void log_source_init(struct log_source *source, const struct grove_name *name, uint32_t lines, uint64_t since_ns) {
    *source = (struct log_source){.name = *name};
    source->wanted = (struct log_read){
        .version = LOG_PROTOCOL_VERSION, .flags = LOG_READ_STEPS, .name = *name, .lines = lines, .since_ns = since_ns};
}

static void drop_all(struct log_source *source) {
    while (log_source_line(source) != NULL)
        log_source_drop(source);
}

void log_source_deinit(struct log_source *source) {
    drop_all(source);
    free(source->lines);
    for (uint32_t stream = 0; stream < LOG_SOURCE_STREAMS; stream++)
        free(source->begun[stream].text);
}

const struct log_line *log_source_line(const struct log_source *source) {
    return source->first < source->count ? &source->lines[source->first] : NULL;
}

void log_source_drop(struct log_source *source) {
    free(source->lines[source->first++].text);
    if (source->first == source->count)
        source->first = source->count = 0;
}

/* ---- lines ---- */

static bool append(struct log_source *source, uint32_t stream, const char *text, size_t length) {
    size_t needed = source->begun[stream].length + length + 1;
    if (needed > source->begun[stream].size) {
        char *grown = realloc(source->begun[stream].text, 2 * needed);
        if (grown == NULL)
            return false;
        source->begun[stream].text = grown;
        source->begun[stream].size = 2 * needed;
    }
    memcpy(source->begun[stream].text + source->begun[stream].length, text, length);
    source->begun[stream].length += length;
    source->begun[stream].text[source->begun[stream].length] = '\0';
    return true;
}

static void end_line(struct log_source *source, uint32_t stream) {
    if (source->count == source->size) {
        size_t size = source->size == 0 ? 16 : 2 * source->size;
        struct log_line *grown = realloc(source->lines, size * sizeof *grown);
        if (grown == NULL)
            return;
        source->lines = grown;
        source->size = size;
    }
    char *text = strdup(source->begun[stream].length > 0 ? source->begun[stream].text : "");
    if (text != NULL)
        source->lines[source->count++] = (struct log_line){.text = text,
                                                           .time_ns = source->begun[stream].time_ns,
                                                           .steps = source->begun[stream].steps,
                                                           .stream = stream};
    source->begun[stream].length = 0;
}

static void add_chunk(struct log_source *source, const struct log_chunk *chunk, const char *text) {
    uint32_t kind = LOG_CHUNK_KIND(chunk->stream), stream = kind < LOG_SOURCE_STREAMS ? kind : 0;
    for (size_t left = chunk->length_bytes; left > 0;) {
        const char *end = memchr(text, '\n', left);
        size_t length = end == NULL ? left : (size_t)(end - text);
        if (source->begun[stream].length == 0) {
            source->begun[stream].time_ns = chunk->time_ns;
            source->begun[stream].steps = LOG_CHUNK_STEPS(chunk->stream);
        }
        if (!append(source, stream, text, length))
            return;
        if (end == NULL && source->begun[stream].length < LOG_LINE_MAX)
            return;
        end_line(source, stream);
        if (end == NULL)
            return;
        text += length + 1;
        left -= length + 1;
    }
}

void log_source_finish(struct log_source *source) {
    for (uint32_t stream = 0; stream < LOG_SOURCE_STREAMS; stream++)
        if (source->begun[stream].length > 0)
            end_line(source, stream);
}

/* ---- pages ---- */

static int add_page(const struct invocation *invocation, struct log_source *source, const struct grove_answer *answer,
                    struct log_page *page) {
    size_t offset = sizeof *page;
    if (answer->length_bytes < sizeof *page)
        return command_fail(invocation, "the log service answered with too little");
    memcpy(page, answer->data, sizeof *page);
    for (uint32_t index = 0; index < page->count; index++) {
        struct log_chunk chunk;
        if (answer->length_bytes - offset < sizeof chunk)
            break;
        memcpy(&chunk, (const char *)answer->data + offset, sizeof chunk);
        offset += sizeof chunk;
        size_t padded = ((size_t)chunk.length_bytes + 7u) & ~(size_t)7;
        if (answer->length_bytes - offset < padded)
            break;
        add_chunk(source, &chunk, (const char *)answer->data + offset);
        offset += padded;
    }
    return 0;
}

int log_source_read(const struct invocation *invocation, struct log_source *source, uint32_t wait_ms) {
    struct grove_channel *channel;
    struct grove_answer answer;
    struct log_page page = {0};
    source->wanted.flags = (source->wanted.flags & ~(uint32_t)LOG_READ_WAIT) | (wait_ms > 0 ? LOG_READ_WAIT : 0);
    source->wanted.wait_ms = wait_ms;
    int status = system_connect(invocation, LOG_ENDPOINT, &channel);
    if (status == 0)
        status = system_call(invocation, channel, LOG_READ, &source->wanted, sizeof source->wanted,
                             2 * SYSTEM_TIMEOUT_NS, &answer);
    if (status != 0)
        return status;
    status = add_page(invocation, source, &answer, &page);
    grove_answer_release(&answer);
    if (status != 0)
        return status;
    source->wanted.segment = page.segment;
    source->wanted.offset_bytes = page.offset_bytes;
    source->wanted.flags |= LOG_READ_FROM_POSITION;
    source->is_end = page.is_end != 0;
    return 0;
}
