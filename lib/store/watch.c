/*
 * Watching for changes, and sharing.
 */
#include "lib/store/internal.h"

#include <string.h>

/* Beyond its own wait the store gets this long to answer. */
#define ANSWER_TIME_NS (5 * GROVE_SECOND)

static int tell(const uint8_t *rest, size_t rest_bytes, uint32_t count, grove_store_change_handler *handler,
                void *context) {
    for (uint32_t index = 0; index < count; index++) {
        struct grove_store_record record;
        const uint8_t *key, *value;
        int status = store_take_record(&rest, &rest_bytes, &record, &key, &value);
        if (status < 0)
            return status;
        handler(&(struct grove_store_change){.key = key,
                                             .key_bytes = record.key_bytes,
                                             .version = record.revision,
                                             .is_deleted = record.is_deleted != 0},
                context);
    }
    return 0;
}

static int take_page(const struct grove_answer *answer, grove_store_change_handler *handler, void *context,
                     uint64_t *version) {
    struct grove_store_page page;
    const uint8_t *rest;
    size_t rest_bytes;
    int status = store_answer(answer, &page, sizeof page, &rest, &rest_bytes);
    if (status < 0)
        return status;
    if (page.is_stale != 0) {
        *version = page.revision;
        return error_set(GROVE_STALE_HANDLE, "the store does not know all changes since then any more: scan again");
    }
    if (page.count == 0)
        return error_set(GROVE_TIMED_OUT, "nothing changed in time");
    status = tell(rest, rest_bytes, page.count, handler, context);
    if (status == 0)
        *version = page.revision;
    return status;
}

int grove_store_watch(struct grove_store *store, const void *prefix, size_t prefix_bytes, uint64_t timeout_ns,
                      grove_store_change_handler *handler, void *context, uint64_t *version) {
    struct grove_answer answer;
    if (prefix_bytes > GROVE_STORE_KEY_MAX || timeout_ns / GROVE_MILLISECOND > GROVE_STORE_WAIT_MS_MAX)
        return error_set(GROVE_INVALID, "a watch has a prefix of at most 255 bytes and waits for at most 30 s");
    struct grove_store_watch_request request = {.version = GROVE_STORE_PROTOCOL_VERSION,
                                                .wait_ms = (uint32_t)(timeout_ns / GROVE_MILLISECOND),
                                                .since = *version,
                                                .namespace_bytes = (uint8_t)strlen(store->name.text),
                                                .prefix_bytes = (uint8_t)prefix_bytes};
    struct store_part parts[] = {
        {&request, sizeof request}, {store->name.text, request.namespace_bytes}, {prefix, prefix_bytes}};
    int status = store_call(store, GROVE_STORE_WATCH, parts, 3, timeout_ns + ANSWER_TIME_NS, &answer);
    if (status < 0)
        return status;
    status = take_page(&answer, handler, context, version);
    grove_answer_release(&answer);
    return status;
}

int grove_store_share(struct grove_store *store, const void *prefix, size_t prefix_bytes, const char *with,
                      uint32_t rights) {
    struct grove_answer answer;
    if (prefix_bytes > GROVE_STORE_KEY_MAX || with == NULL || with[0] == '\0' || strlen(with) > GROVE_NAME_MAX)
        return error_set(GROVE_INVALID,
                         "a share has a prefix of at most 255 bytes and a pattern over names of services");
    struct grove_store_share_request request = {.version = GROVE_STORE_PROTOCOL_VERSION,
                                                .rights = rights,
                                                .name = store->name,
                                                .prefix_bytes = (uint8_t)prefix_bytes};
    memcpy(request.with.text, with, strlen(with) + 1);
    struct store_part parts[] = {{&request, sizeof request}, {prefix, prefix_bytes}};
    int status = store_call(store, GROVE_STORE_SHARE, parts, 2, 0, &answer);
    if (status == 0)
        grove_answer_release(&answer);
    return status;
}
