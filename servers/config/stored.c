/*
 * The store as a source: keys "values/SERVICE/KEY" of the namespace system.config. What stands there is read whole, counts as
 * one source that is stronger than files and weaker than what is set by hand, and is read again when it changes. Whoever may
 * write there configures.
 *
 *     no store yet --(tries, ever less often)--> scan, page by page --> a change --> watch --(something changed)--> scan
 *
 * This service starts before the store. What the store said last lies in the state file, so it counts from the start, and
 * while there is no store. Crash: nothing is kept here; the next instance scans.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grove/store.h"
#include "grove/store_wire.h"
#include "servers/common/names.h"
#include "servers/config/config.h"

#define SPACE "system.config"
#define PREFIX "values/"
#define PREFIX_BYTES (sizeof PREFIX - 1)
#define PREFIX_END "values0" /* '0' comes behind '/' */

#define FIRST_TRY_NS (50 * GROVE_MILLISECOND)
#define LAST_TRY_NS (60 * GROVE_SECOND)
#define SCAN_NS (10 * GROVE_SECOND)
/* The store answers a watch after so long at most; the rest is for a store that is being restarted. */
#define WATCH_NS (GROVE_STORE_WAIT_MS_MAX * GROVE_MILLISECOND + 10 * GROVE_SECOND)

static struct {
    struct config *config;
    struct grove_channel *store;
    uint64_t try_ns; /* until the next try */
    uint64_t revision; /* what is older has been read */
    struct source *gathered; /* of the scan under way */
    uint8_t last[GROVE_STORE_KEY_MAX]; /* key of the scan under way */
    uint8_t last_bytes;
    bool is_busy; /* a call is under way */
    bool is_due; /* scan when it is over */
    char problem[PROBLEM_BYTES]; /* of what was gathered */
} stored;

static void scan(void);
static void watch(void);

/* ---- trying again ---- */

static void on_try(struct grove_service *service, void *context) {
    (void)service;
    (void)context;
    grove_channel_close(stored.store); /* it is opened anew: whatever was wrong with it is over */
    stored.store = NULL;
    scan();
}

static void try_later(void) {
    uint32_t timer;
    (void)grove_service_after(stored.config->service, stored.try_ns, on_try, NULL, &timer);
    stored.try_ns = stored.try_ns < LAST_TRY_NS / 2 ? 2 * stored.try_ns : LAST_TRY_NS;
}

static int call(uint32_t method, const void *data, size_t bytes, uint64_t timeout_ns, grove_answer_handler *done) {
    int status = stored.store != NULL ? 0 : grove_connect(GROVE_STORE_ENDPOINT, &stored.store);
    if (status == 0)
        status = grove_call_start(stored.store,
                                  &(struct grove_call){.method = method,
                                                       .priority = GROVE_PRIORITY_MEDIUM,
                                                       .data = data,
                                                       .length_bytes = bytes,
                                                       .timeout_ns = timeout_ns},
                                  done, NULL);
    stored.is_busy = status == 0;
    return status;
}

/* ---- reading ---- */

static void fault(const char *key, const char *what) {
    if (stored.problem[0] == '\0')
        (void)snprintf(stored.problem, sizeof stored.problem, "%.160s in the namespace " SPACE " of the store: %s", key,
                       what);
}

/* Lines are the items of a list; one line is a single value. */
static int put_value(const char *service, const char *key, const uint8_t *value, size_t bytes) {
    char items[CONFIG_TEXT_BYTES_MAX];
    if (bytes > 0 && value[bytes - 1] == '\n')
        bytes--;
    if (bytes >= sizeof items || memchr(value, '\0', bytes) != NULL)
        return GROVE_INVALID;
    memcpy(items, value, bytes);
    items[bytes] = '\0';
    for (char *at = items; (at = strchr(at, '\n')) != NULL;)
        *at++ = '\0';
    struct config_text text = {items, bytes + 1};
    int status = settings_put(&stored.gathered->settings, service, key, &text, 0);
    explicit_bzero(items, sizeof items);
    return status;
}

/* "values/SERVICE/KEY" */
static void take(const uint8_t *bytes, uint8_t key_bytes, const uint8_t *value, size_t value_bytes) {
    char text[GROVE_STORE_KEY_MAX + 1];
    struct grove_name service = {""};
    memcpy(text, bytes, key_bytes);
    text[key_bytes] = '\0';
    char *slash = strlen(text) == key_bytes ? strchr(text + PREFIX_BYTES, '/') : NULL;
    size_t name_bytes = slash != NULL ? (size_t)(slash - text) - PREFIX_BYTES : 0;
    if (name_bytes > 0 && name_bytes <= GROVE_NAME_MAX)
        memcpy(service.text, text + PREFIX_BYTES, name_bytes);
    if (slash == NULL || !service_name_is_valid(&service) || !config_key_is_valid(slash + 1)) {
        fault(text, "a key there is " PREFIX "SERVICE/KEY");
        return;
    }
    int status = put_value(service.text, slash + 1, value, value_bytes);
    if (status < 0)
        fault(text,
              status == GROVE_INVALID ? "a value there is text, of at most 4095 bytes" : grove_status_text(status));
}

/* False: the answer is malformed. */
static bool take_page(const uint8_t *data, size_t bytes, const struct grove_store_page *page) {
    size_t at = sizeof *page;
    for (uint32_t index = 0; index < page->count; index++) {
        struct grove_store_record record;
        if (at > bytes || bytes - at < sizeof record)
            return false;
        memcpy(&record, data + at, sizeof record);
        at += sizeof record;
        if (record.key_bytes < PREFIX_BYTES || record.key_bytes > bytes - at ||
            record.value_bytes > bytes - at - record.key_bytes)
            return false;
        take(data + at, record.key_bytes, data + at + record.key_bytes, record.value_bytes);
        memcpy(stored.last, data + at, record.key_bytes);
        stored.last_bytes = record.key_bytes;
        at = (at + record.key_bytes + record.value_bytes + 7) & ~(size_t)7;
    }
    return true;
}

static bool read_page(const struct grove_answer *answer, struct grove_store_page *page, const uint8_t **data,
                      size_t *bytes) {
    *data = answer->slice != NULL ? answer->slice : answer->data;
    *bytes = answer->slice != NULL ? answer->slice_bytes : answer->length_bytes;
    if (*bytes < sizeof *page)
        return false;
    memcpy(page, *data, sizeof *page);
    return page->version == GROVE_STORE_PROTOCOL_VERSION;
}

/* ---- the change ---- */

/* What is wrong with what was gathered stops it as a whole, as with files. */
static void submit(void) {
    struct config *config = stored.config;
    struct change *change = change_create(config, NULL, GROVE_CONFIG_SOURCE_STORE, 0);
    struct source *source = stored.gathered;
    stored.gathered = NULL;
    if (change == NULL || change_add(change, source) < 0) {
        source_destroy(source);
        if (change != NULL)
            change_discard(change);
        return;
    }
    memcpy(change->problem, stored.problem, sizeof change->problem);
    change_submit(change);
}

/* ---- scanning ---- */

static void scan_next(void);

static void on_page(int status, const struct grove_answer *answer, void *context) {
    struct grove_store_page page;
    const uint8_t *data;
    size_t bytes;
    (void)context;
    stored.is_busy = false;
    if (status == GROVE_CANCELLED)
        return;
    if (status < 0 || !read_page(answer, &page, &data, &bytes) || !take_page(data, bytes, &page)) {
        try_later();
        return;
    }
    if (stored.revision == 0) /* later pages may hold what is younger: it is read again then */
        stored.revision = page.revision;
    if (page.has_more != 0 && page.count > 0) {
        scan_next();
        return;
    }
    stored.try_ns = FIRST_TRY_NS;
    submit();
    watch();
}

static void scan_next(void) {
    struct {
        struct grove_store_scan_request head;
        char text[sizeof SPACE + GROVE_STORE_KEY_MAX + sizeof PREFIX_END];
    } message = {.head = {.version = GROVE_STORE_PROTOCOL_VERSION,
                          .flags = stored.last_bytes > PREFIX_BYTES ? GROVE_STORE_SCAN_AFTER : 0,
                          .namespace_bytes = sizeof SPACE - 1,
                          .from_bytes = stored.last_bytes,
                          .to_bytes = sizeof PREFIX_END - 1}};
    size_t at = sizeof SPACE - 1;
    memcpy(message.text, SPACE, at);
    memcpy(message.text + at, stored.last, stored.last_bytes);
    at += stored.last_bytes;
    memcpy(message.text + at, PREFIX_END, sizeof PREFIX_END - 1);
    at += sizeof PREFIX_END - 1;
    if (call(GROVE_STORE_SCAN, &message, sizeof message.head + at, SCAN_NS, on_page) < 0)
        try_later();
}

static void scan(void) {
    stored.is_due = stored.is_busy; /* a watch under way: it is answered in time, and then scanned */
    if (stored.is_busy)
        return;
    source_destroy(stored.gathered);
    stored.gathered = source_create(GROVE_CONFIG_SOURCE_STORE, "");
    stored.problem[0] = '\0';
    stored.revision = 0;
    memcpy(stored.last, PREFIX, PREFIX_BYTES);
    stored.last_bytes = PREFIX_BYTES;
    if (stored.gathered == NULL)
        try_later();
    else
        scan_next();
}

/* ---- watching ---- */

static void on_changes(int status, const struct grove_answer *answer, void *context) {
    struct grove_store_page page;
    const uint8_t *data;
    size_t bytes;
    (void)context;
    stored.is_busy = false;
    if (status == GROVE_CANCELLED)
        return;
    if (status < 0 || !read_page(answer, &page, &data, &bytes))
        try_later();
    else if (page.is_stale != 0 || page.count > 0 || stored.is_due)
        scan();
    else
        watch();
}

static void watch(void) {
    struct {
        struct grove_store_watch_request head;
        char text[sizeof SPACE + PREFIX_BYTES];
    } message = {.head = {.version = GROVE_STORE_PROTOCOL_VERSION,
                          .wait_ms = GROVE_STORE_WAIT_MS_MAX,
                          .since = stored.revision,
                          .namespace_bytes = sizeof SPACE - 1,
                          .prefix_bytes = PREFIX_BYTES}};
    memcpy(message.text, SPACE PREFIX, sizeof SPACE - 1 + PREFIX_BYTES);
    if (call(GROVE_STORE_WATCH, &message, sizeof message.head + sizeof SPACE - 1 + PREFIX_BYTES, WATCH_NS, on_changes) <
        0)
        try_later();
}

void stored_rescan(void) {
    scan();
}

void stored_open(struct config *config) {
    stored.config = config;
    stored.try_ns = FIRST_TRY_NS;
    scan();
}
