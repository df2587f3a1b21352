/*
 * Reading: one key, or a page of a range.
 *
 * What is committed and not on the disk yet is not shown: a read that would see it waits for the synchronisation under
 * way, so that nobody ever saw what a failing machine then forgot. It is handled again, from its start, by the same
 * handler.
 */
#include <stdlib.h>
#include <string.h>

#include "servers/store/points.h"
#include "servers/store/remote.h"

/* ---- waiting for the disk ---- */

bool read_waits(struct store *store, struct grove_request *request, uint64_t revision, grove_handler *handler) {
    if (revision <= store->durable || !store->is_syncing)
        return false;
    struct waiting_read *waiting = malloc(sizeof *waiting);
    if (waiting == NULL || request_keep(request) < 0) {
        free(waiting);
        (void)grove_fail(request, GROVE_NO_MEMORY, "the store has no memory for another request");
        return true;
    }
    *waiting = (struct waiting_read){
        .next = store->reads, .request = request, .handler = handler, .copy = request_take_copy(request)};
    store->reads = waiting;
    return true;
}

/* All of them see what is durable now; none of them can wait again, as no synchronisation is under way. */
void reads_again(struct store *store) {
    struct waiting_read *list = store->reads;
    store->reads = NULL;
    while (list != NULL) {
        struct waiting_read *waiting = list;
        list = waiting->next;
        request_again(waiting->request, waiting->handler, store, waiting->copy);
        free(waiting);
    }
}

/* ---- one key ---- */

static int reply_absent(struct grove_request *request) {
    struct grove_store_record record = {.version = GROVE_STORE_PROTOCOL_VERSION};
    return grove_reply(request, &record, sizeof record);
}

static int reply_value(struct store *store, struct grove_request *request, const char *name, const uint8_t *key,
                       uint8_t key_bytes, const struct engine_value *value) {
    uint8_t small[sizeof(struct grove_store_record) + 1024];
    size_t bytes = sizeof(struct grove_store_record) + value->value_bytes;
    uint8_t *message = bytes <= sizeof small ? small : malloc(bytes);
    if (message == NULL)
        return grove_fail(request, GROVE_NO_MEMORY, "the store has no memory for a value of %u bytes",
                          value->value_bytes);
    struct grove_store_record record = {.version = GROVE_STORE_PROTOCOL_VERSION,
                                        .value_bytes = value->value_bytes,
                                        .revision = value->version,
                                        .expires_ms = value->expires_ms,
                                        .has_value = 1};
    memcpy(message, &record, sizeof record);
    if (value->value_bytes > 0)
        memcpy(message + sizeof record, value->data, value->value_bytes);
    bool is_held = points_hold_reply(store, request, name, key, key_bytes, message, bytes);
    int status = is_held ? 0 : reply_bytes(request, message, bytes);
    if (message != small)
        free(message);
    return status;
}

static int fail_read(struct grove_request *request, int status, const char *name) {
    return grove_fail(request, status, "the namespace %s cannot be read: %s", name, grove_status_text(status));
}

/* Key or name behind the structure. Copied: what lies in the message may change. */
static int take_text(struct grove_request *request, size_t offset, size_t bytes, void *text) {
    size_t message_bytes = 0;
    const uint8_t *message = message_of(request, &message_bytes);
    if (message == NULL || offset > message_bytes || bytes > message_bytes - offset)
        return grove_fail(request, GROVE_INVALID, "the message is shorter than it says");
    memcpy(text, message + offset, bytes);
    return 0;
}

int on_get(struct grove_request *request, void *context) {
    struct store *store = context;
    struct grove_store_get_request wanted;
    struct grove_name name;
    uint8_t key[255];
    char text[255];
    int status = take_head(request, &wanted, sizeof wanted);
    commits_poll(store);
    if (status == 0)
        status = take_text(request, sizeof wanted, wanted.namespace_bytes, text);
    if (status == 0)
        status = take_text(request, sizeof wanted + wanted.namespace_bytes, wanted.key_bytes, key);
    if (status == 0)
        status = take_name(request, text, wanted.namespace_bytes, &name);
    if (status == 0)
        status = access_check(store, request, name.text, ACCESS_READ, key, wanted.key_bytes);
    if (status < 0)
        return status;
    if (wanted.key_bytes == 0)
        return grove_fail(request, GROVE_INVALID, "a key must have 1 to 255 bytes");
    if (points_hold_read(store, request, name.text, key, wanted.key_bytes, on_get))
        return 0;
    struct namespace *space = namespace_find(&store->engine, name.text);
    struct provider_view *view = NULL;
    struct engine_value value = {0};
    uint64_t revision = 0;
    store->read_ns = grove_now_ns();
    if (space == NULL || space->is_dropped)
        return reply_absent(request);
    if (is_remote(space)) {
        wanted.namespace_bytes = (uint8_t)strlen(space->name);
        return remote_reads(store, request, space, &wanted, sizeof wanted, key, wanted.key_bytes);
    }
    if (wanted.snapshot != 0 && snapshot_view(store, request, wanted.snapshot, space, &view, &revision) < 0)
        return GROVE_STALE_HANDLE;
    status = engine_get(&store->engine, view, space, key, wanted.key_bytes, &value);
    if (status < 0)
        return fail_read(request, status, name.text);
    if (view == NULL && read_waits(store, request, value.version != 0 ? value.version : space->revision, on_get))
        return 0;
    return value.version != 0 ? reply_value(store, request, space->name, key, wanted.key_bytes, &value)
                              : reply_absent(request);
}

/* ---- ranges ---- */

struct page {
    struct grove_store_page head;
    uint8_t *bytes; /* head, records; PAGE_BYTES and room for one large value */
    size_t used, size;
    uint32_t limit;
    int status;
};

static int page_grow(struct page *page, size_t wanted) {
    if (wanted <= page->size)
        return 0;
    uint8_t *grown = realloc(page->bytes, wanted);
    if (grown == NULL)
        return GROVE_NO_MEMORY;
    page->bytes = grown;
    page->size = wanted;
    return 0;
}

static int page_add(const uint8_t *key, uint8_t key_bytes, const struct engine_value *value, void *context) {
    struct page *page = context;
    size_t value_bytes = value->data != NULL ? value->value_bytes : 0;
    size_t bytes = (sizeof(struct grove_store_record) + key_bytes + value_bytes + 7) & ~(size_t)7;
    if (page->head.count > 0 && (page->head.count == page->limit || page->used + bytes > PAGE_BYTES)) {
        page->head.has_more = 1;
        return 1;
    }
    page->status = page_grow(page, page->used + bytes);
    if (page->status < 0)
        return page->status;
    struct grove_store_record record = {.version = GROVE_STORE_PROTOCOL_VERSION,
                                        .value_bytes = value->value_bytes,
                                        .revision = value->version,
                                        .expires_ms = value->expires_ms,
                                        .key_bytes = key_bytes,
                                        .has_value = value->data != NULL};
    uint8_t *place = page->bytes + page->used;
    memset(place, 0, bytes);
    memcpy(place, &record, sizeof record);
    memcpy(place + sizeof record, key, key_bytes);
    if (value_bytes > 0)
        memcpy(place + sizeof record + key_bytes, value->data, value_bytes);
    page->used += bytes;
    page->head.count++;
    return 0;
}

struct scan {
    struct grove_store_scan_request wanted;
    struct grove_name name;
    uint8_t from[255], to[255];
};

static int take_scan(struct grove_request *request, struct scan *scan) {
    char text[255];
    size_t at = sizeof scan->wanted;
    int status = take_head(request, &scan->wanted, sizeof scan->wanted);
    if (status == 0)
        status = take_text(request, at, scan->wanted.namespace_bytes, text);
    if (status < 0)
        return status;
    at += scan->wanted.namespace_bytes;
    status = take_text(request, at, scan->wanted.from_bytes, scan->from);
    if (status == 0)
        status = take_text(request, at + scan->wanted.from_bytes, scan->wanted.to_bytes, scan->to);
    return status < 0 ? status : take_name(request, text, scan->wanted.namespace_bytes, &scan->name);
}

/* How many bytes all keys of the range begin with. */
static uint8_t common_bytes(const struct scan *scan) {
    uint8_t common = 0;
    const struct grove_store_scan_request *wanted = &scan->wanted;
    if ((wanted->flags & GROVE_STORE_SCAN_TO_END) == 0)
        while (common < wanted->from_bytes && common < wanted->to_bytes && scan->from[common] == scan->to[common])
            common++;
    /* [p, p+1) holds exactly what begins with p. */
    if (common + 1 == wanted->to_bytes && common < wanted->from_bytes && scan->to[common] == scan->from[common] + 1)
        common++;
    return common;
}

/* A share of a prefix lets one scan below it: the range must lie in one prefix, which is what both its ends begin with. */
static int check_scan(struct store *store, struct grove_request *request, const struct scan *scan) {
    uint8_t common = common_bytes(scan);
    return access_check(store, request, scan->name.text, ACCESS_READ, common > 0 ? scan->from : NULL, common);
}

static int scan_page(struct store *store, struct grove_request *request, const struct scan *scan,
                     struct namespace *space, struct provider_view *view, uint64_t revision) {
    struct page page = {.limit = scan->wanted.limit != 0 ? scan->wanted.limit : UINT32_MAX, .used = sizeof page.head};
    struct provider_range range = {.namespace = space->id,
                                   .from = scan->from,
                                   .to = scan->to,
                                   .from_bytes = scan->wanted.from_bytes,
                                   .to_bytes = scan->wanted.to_bytes,
                                   .is_after = (scan->wanted.flags & GROVE_STORE_SCAN_AFTER) != 0,
                                   .has_end = (scan->wanted.flags & GROVE_STORE_SCAN_TO_END) == 0,
                                   .is_backward = (scan->wanted.flags & GROVE_STORE_SCAN_BACKWARD) != 0,
                                   .keys_only = (scan->wanted.flags & GROVE_STORE_SCAN_KEYS_ONLY) != 0};
    page.head.version = GROVE_STORE_PROTOCOL_VERSION;
    page.head.revision = revision;
    int status = page_grow(&page, PAGE_BYTES);
    if (status == 0)
        status = engine_scan(&store->engine, view, space, &range, page_add, &page);
    status = page.status < 0 ? page.status : status;
    if (status == 0) {
        memcpy(page.bytes, &page.head, sizeof page.head);
        if (!points_hold_reply(store, request, space->name, NULL, 0, page.bytes, page.used))
            status = reply_bytes(request, page.bytes, page.used);
    } else {
        status = fail_read(request, status, scan->name.text);
    }
    free(page.bytes);
    return status;
}

static int pass_scan_on(struct store *store, struct grove_request *request, struct scan *scan,
                        const struct namespace *space) {
    uint8_t ends[2 * GROVE_STORE_KEY_MAX];
    memcpy(ends, scan->from, scan->wanted.from_bytes);
    memcpy(ends + scan->wanted.from_bytes, scan->to, scan->wanted.to_bytes);
    scan->wanted.namespace_bytes = (uint8_t)strlen(space->name);
    return remote_reads(store, request, space, &scan->wanted, sizeof scan->wanted, ends,
                        (size_t)scan->wanted.from_bytes + scan->wanted.to_bytes);
}

int on_scan(struct grove_request *request, void *context) {
    struct store *store = context;
    struct scan scan;
    struct provider_view *view = NULL;
    uint64_t revision = 0;
    int status = take_scan(request, &scan);
    commits_poll(store);
    if (status == 0)
        status = check_scan(store, request, &scan);
    if (status < 0)
        return status;
    if (points_hold_read(store, request, scan.name.text, scan.from, common_bytes(&scan), on_scan))
        return 0;
    struct namespace *space = namespace_find(&store->engine, scan.name.text);
    store->read_ns = grove_now_ns();
    if (space == NULL || space->is_dropped) {
        struct grove_store_page none = {.version = GROVE_STORE_PROTOCOL_VERSION, .revision = store->durable};
        return grove_reply(request, &none, sizeof none);
    }
    if (is_remote(space))
        return pass_scan_on(store, request, &scan, space);
    if (scan.wanted.snapshot != 0 && snapshot_view(store, request, scan.wanted.snapshot, space, &view, &revision) < 0)
        return GROVE_STALE_HANDLE;
    if (view == NULL && read_waits(store, request, space->revision, on_scan))
        return 0;
    return scan_page(store, request, &scan, space, view, view != NULL ? revision : store->durable);
}
