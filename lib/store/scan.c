/*
 * Scans, page by page, and snapshots.
 *
 * A page ends with a key; the next one begins behind it. So a scan holds nothing at the store between two pages, and goes
 * on over its restarts.
 */
#include "lib/store/internal.h"

#include <string.h>

int store_take_record(const uint8_t **rest, size_t *rest_bytes, struct grove_store_record *record, const uint8_t **key,
                      const uint8_t **value) {
    if (*rest_bytes < sizeof *record)
        return error_set(GROVE_CORRUPT, "the store's answer ends within an entry");
    memcpy(record, *rest, sizeof *record);
    size_t value_bytes = record->has_value != 0 ? record->value_bytes : 0;
    size_t bytes = sizeof *record + record->key_bytes + value_bytes;
    if (bytes > *rest_bytes)
        return error_set(GROVE_CORRUPT, "the store's answer ends within an entry");
    *key = *rest + sizeof *record;
    *value = record->has_value != 0 ? *key + record->key_bytes : NULL;
    bytes = (bytes + 7) & ~(size_t)7;
    bytes = bytes < *rest_bytes ? bytes : *rest_bytes;
    *rest += bytes;
    *rest_bytes -= bytes;
    return 0;
}

/* ---- the range ---- */

struct range {
    struct grove_store_scan_request request;
    uint8_t from[GROVE_STORE_KEY_MAX], to[GROVE_STORE_KEY_MAX];
};

/* The first key that does not begin with the prefix any more: its last byte that can grow, grown. */
static void end_of_prefix(struct range *range) {
    size_t bytes = range->request.from_bytes;
    memcpy(range->to, range->from, bytes);
    while (bytes > 0 && range->to[bytes - 1] == 0xff)
        bytes--;
    if (bytes == 0) {
        range->request.flags |= GROVE_STORE_SCAN_TO_END;
        return;
    }
    range->to[bytes - 1]++;
    range->request.to_bytes = (uint8_t)bytes;
}

static int make_range(const struct grove_store *store, const struct grove_store_scan *scan, struct range *range) {
    const void *from = scan->prefix != NULL ? scan->prefix : scan->from;
    size_t from_bytes = scan->prefix != NULL ? scan->prefix_bytes : scan->from_bytes;
    if (from_bytes > GROVE_STORE_KEY_MAX || scan->to_bytes > GROVE_STORE_KEY_MAX)
        return error_set(GROVE_INVALID, "the ends of a range have at most 255 bytes");
    range->request = (struct grove_store_scan_request){
        .version = GROVE_STORE_PROTOCOL_VERSION,
        .flags =
            (scan->is_backward ? GROVE_STORE_SCAN_BACKWARD : 0u) | (scan->keys_only ? GROVE_STORE_SCAN_KEYS_ONLY : 0u),
        .snapshot = scan->snapshot != NULL ? scan->snapshot->id : 0,
        .namespace_bytes = (uint8_t)strlen(store->name.text),
        .from_bytes = (uint8_t)(from != NULL ? from_bytes : 0),
    };
    if (range->request.from_bytes > 0)
        memcpy(range->from, from, from_bytes);
    if (scan->prefix != NULL) {
        end_of_prefix(range);
    } else if (scan->to != NULL) {
        memcpy(range->to, scan->to, scan->to_bytes);
        range->request.to_bytes = (uint8_t)scan->to_bytes;
    } else {
        range->request.flags |= GROVE_STORE_SCAN_TO_END;
    }
    return 0;
}

/* The next page lies behind the last key of this one: above it, or, going backward, below. */
static void go_on_behind(struct range *range, const uint8_t *key, uint8_t key_bytes) {
    if ((range->request.flags & GROVE_STORE_SCAN_BACKWARD) != 0) {
        memcpy(range->to, key, key_bytes);
        range->request.to_bytes = key_bytes;
        range->request.flags &= ~(uint32_t)GROVE_STORE_SCAN_TO_END;
        return;
    }
    memcpy(range->from, key, key_bytes);
    range->request.from_bytes = key_bytes;
    range->request.flags |= GROVE_STORE_SCAN_AFTER;
}

/* ---- pages ---- */

static int tell_page(struct range *range, const uint8_t *rest, size_t rest_bytes, uint32_t count,
                     grove_store_entry_handler *handler, void *context) {
    for (uint32_t index = 0; index < count; index++) {
        struct grove_store_record record;
        const uint8_t *key, *value;
        int status = store_take_record(&rest, &rest_bytes, &record, &key, &value);
        if (status < 0)
            return status;
        go_on_behind(range, key, record.key_bytes);
        status = handler(&(struct grove_store_entry){.key = key,
                                                     .key_bytes = record.key_bytes,
                                                     .data = value,
                                                     .length_bytes = record.value_bytes,
                                                     .version = record.revision,
                                                     .expires_ns = record.expires_ms * GROVE_MILLISECOND},
                         context);
        if (status != 0)
            return status;
    }
    return 0;
}

static int one_page(struct grove_store *store, struct range *range, grove_store_entry_handler *handler, void *context,
                    struct grove_store_page *page) {
    struct grove_answer answer;
    const uint8_t *rest;
    size_t rest_bytes;
    struct store_part parts[] = {{&range->request, sizeof range->request},
                                 {store->name.text, range->request.namespace_bytes},
                                 {range->from, range->request.from_bytes},
                                 {range->to, range->request.to_bytes}};
    int status = store_call(store, GROVE_STORE_SCAN, parts, 4, 0, &answer);
    if (status < 0)
        return status;
    status = store_answer(&answer, page, sizeof *page, &rest, &rest_bytes);
    if (status == 0 && page->has_more != 0 && page->count == 0)
        status = error_set(GROVE_CORRUPT, "the store's answer says that there is more, and shows nothing");
    if (status == 0)
        status = tell_page(range, rest, rest_bytes, page->count, handler, context);
    grove_answer_release(&answer);
    return status;
}

int grove_store_scan(struct grove_store *store, const struct grove_store_scan *scan, grove_store_entry_handler *handler,
                     void *context, uint64_t *version) {
    struct range range;
    struct grove_store_page page = {.has_more = 1};
    uint64_t left = scan->limit != 0 ? scan->limit : UINT64_MAX;
    bool is_first = true;
    int status = make_range(store, scan, &range);
    while (status == 0 && page.has_more != 0 && left > 0) {
        range.request.limit = left < UINT32_MAX ? (uint32_t)left : 0;
        status = one_page(store, &range, handler, context, &page);
        if (is_first && status >= 0 && version != NULL)
            *version = page.revision;
        is_first = false;
        left -= page.count < left ? page.count : left;
    }
    return status < 0 ? status : 0;
}

/* ---- snapshots ---- */

int grove_store_snapshot(struct grove_store *store, uint64_t lifetime_ns, struct grove_store_snapshot *snapshot) {
    struct grove_store_snapshot_reply reply;
    struct grove_answer answer;
    const uint8_t *rest;
    size_t rest_bytes;
    if (lifetime_ns < GROVE_MILLISECOND || lifetime_ns / GROVE_MILLISECOND > GROVE_STORE_SNAPSHOT_MS_MAX)
        return error_set(GROVE_INVALID, "a snapshot lives for 1 ms to 60 s");
    struct grove_store_snapshot_request request = {.version = GROVE_STORE_PROTOCOL_VERSION,
                                                   .lifetime_ms = (uint32_t)(lifetime_ns / GROVE_MILLISECOND)};
    int status = store_call_bytes(store, GROVE_STORE_SNAPSHOT, &request, sizeof request, 0, &answer);
    if (status < 0)
        return status;
    status = store_answer(&answer, &reply, sizeof reply, &rest, &rest_bytes);
    grove_answer_release(&answer);
    if (status == 0)
        *snapshot = (struct grove_store_snapshot){.id = reply.snapshot, .version = reply.revision};
    return status;
}

int grove_store_snapshot_end(struct grove_store *store, const struct grove_store_snapshot *snapshot) {
    struct grove_answer answer;
    struct grove_store_snapshot_request request = {.version = GROVE_STORE_PROTOCOL_VERSION, .snapshot = snapshot->id};
    int status = store_call_bytes(store, GROVE_STORE_SNAPSHOT_END, &request, sizeof request, 0, &answer);
    if (status == 0)
        grove_answer_release(&answer);
    return status;
}
