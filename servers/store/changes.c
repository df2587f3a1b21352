/*
 * The last changes, kept in memory, and who watches for more.
 *
 * A change is noted while its batch is applied and told when that is on the disk. Who asks for changes from before the
 * oldest one kept, or from before this instance, is told to scan again: there are no gaps that nobody hears of.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "servers/store/events.h"
#include "servers/store/maps.h"
#include "servers/store/remote.h"

/* The largest transaction changes 256 keys of 255 bytes. */
#define CHANGES_PAGE_BYTES 98304u

static struct change **change_at(struct store *store, uint64_t number) {
    return &store->changes[number & (CHANGES_KEPT - 1)];
}

static void note_change(void *context, struct namespace *space, const uint8_t *key, uint8_t key_bytes,
                        uint64_t revision, bool is_deleted) {
    struct store *store = context;
    struct change **place = change_at(store, store->change_count);
    struct change *change = malloc(sizeof *change + key_bytes);
    if (*place != NULL)
        store->changes_from = (*place)->revision;
    free(*place);
    *place = change;
    store->change_count++;
    if (change == NULL) {
        store->changes_from = revision; /* this one cannot be told: nobody gets past it without a scan */
        return;
    }
    *change =
        (struct change){.revision = revision, .namespace = space->id, .is_deleted = is_deleted, .key_bytes = key_bytes};
    memcpy(change->key, key, key_bytes);
}

void changes_open(struct store *store) {
    store->changes_from = store->engine.revision;
    store->engine.on_change = note_change;
    store->engine.on_change_context = store;
}

void changes_rolled_back(struct store *store) {
    while (store->change_count > store->change_mark) {
        struct change **place = change_at(store, --store->change_count);
        free(*place);
        *place = NULL;
    }
}

/* ---- telling ---- */

static bool concerns(const struct change *change, const struct watcher *watcher) {
    return change->namespace == watcher->namespace && change->key_bytes >= watcher->prefix_bytes &&
           memcmp(change->key, watcher->prefix, watcher->prefix_bytes) == 0;
}

static size_t put_change(uint8_t *place, const struct change *change) {
    struct grove_store_record record = {.version = GROVE_STORE_PROTOCOL_VERSION,
                                        .revision = change->revision,
                                        .key_bytes = change->key_bytes,
                                        .is_deleted = change->is_deleted};
    size_t bytes = (sizeof record + change->key_bytes + 7) & ~(size_t)7;
    memset(place, 0, bytes);
    memcpy(place, &record, sizeof record);
    memcpy(place + sizeof record, change->key, change->key_bytes);
    return bytes;
}

/* The next change from *number on that a watcher wants and that is on the disk. */
static bool next_change(struct store *store, const struct watcher *watcher, uint64_t *number,
                        const struct change **found) {
    for (; *number < store->change_count; ++*number) {
        const struct change *change = *change_at(store, *number);
        if (change == NULL || change->revision <= watcher->since || change->revision > store->durable ||
            !concerns(change, watcher))
            continue;
        *found = change;
        ++*number;
        return true;
    }
    return false;
}

static uint64_t first_kept(const struct store *store) {
    return store->change_count > CHANGES_KEPT ? store->change_count - CHANGES_KEPT : 0;
}

/* Changes of one transaction stay together: a page holds all that one can make, and is cut between two. */
static size_t fill(struct store *store, const struct watcher *watcher, uint8_t *bytes, struct grove_store_page *page) {
    uint64_t number = first_kept(store), whole_revision = watcher->since, last_revision = watcher->since;
    size_t used = sizeof *page, whole_used = used;
    uint32_t whole_count = 0;
    const struct change *change = NULL;
    page->revision = store->durable;
    while (next_change(store, watcher, &number, &change)) {
        if (change->revision != last_revision) {
            whole_used = used;
            whole_count = page->count;
            whole_revision = last_revision;
            last_revision = change->revision;
        }
        if (used + sizeof(struct grove_store_record) + 256 > CHANGES_PAGE_BYTES) {
            page->has_more = 1;
            page->revision = whole_revision;
            page->count = whole_count;
            return whole_used;
        }
        used += put_change(bytes + used, change);
        page->count++;
    }
    return used;
}

static int tell_page(struct store *store, const struct watcher *watcher) {
    struct grove_store_page page = {.version = GROVE_STORE_PROTOCOL_VERSION};
    uint8_t *bytes = malloc(CHANGES_PAGE_BYTES);
    if (bytes == NULL)
        return grove_fail(watcher->request, GROVE_NO_MEMORY, "the store has no memory for an answer");
    size_t used = fill(store, watcher, bytes, &page);
    memcpy(bytes, &page, sizeof page);
    int status = reply_bytes(watcher->request, bytes, used);
    free(bytes);
    return status;
}

/* Answers if there is something to say, or if it must say that nothing came. */
static bool tell(struct store *store, const struct watcher *watcher, bool is_over) {
    uint64_t number = first_kept(store);
    const struct change *change = NULL;
    bool is_stale = watcher->since < store->changes_from;
    if (!is_stale && next_change(store, watcher, &number, &change)) {
        (void)tell_page(store, watcher);
        return true;
    }
    if (!is_stale && !is_over)
        return false;
    struct grove_store_page page = {
        .version = GROVE_STORE_PROTOCOL_VERSION, .is_stale = is_stale, .revision = store->durable};
    (void)grove_reply(watcher->request, &page, sizeof page);
    return true;
}

/* ---- waiting ---- */

static void watcher_end(struct store *store, struct watcher **place) {
    struct watcher *watcher = *place;
    *place = watcher->next;
    store->watcher_count--;
    grove_service_cancel(store->service, watcher->timer);
    grove_request_finish(watcher->request);
    free(watcher);
}

/* All that was committed is on the disk when this runs, and nothing is applied beyond it. */
static void show_in_maps(struct store *store) {
    bool has_missed = store->changes_shown < first_kept(store);
    for (; !has_missed && store->changes_shown < store->change_count; store->changes_shown++) {
        const struct change *change = *change_at(store, store->changes_shown);
        has_missed = change == NULL;
        if (change != NULL)
            maps_follow(store, change->namespace, change->key, change->key_bytes);
    }
    store->changes_shown = store->change_count;
    maps_publish(store, has_missed);
}

/* Who listens misses what is not kept any more: a batch of more changes than that says the newest. */
static void tell_bus(struct store *store) {
    uint64_t number = store->changes_told > first_kept(store) ? store->changes_told : first_kept(store);
    for (; number < store->change_count; number++) {
        const struct change *change = *change_at(store, number);
        const struct namespace *space = change != NULL ? store->engine.by_id[change->namespace] : NULL;
        if (space != NULL && (space->flags & GROVE_STORE_NAMESPACE_EVENTS) != 0)
            event_changed(space->name, change->key, change->key_bytes, change->revision, change->is_deleted);
    }
    store->changes_told = store->change_count;
}

void changes_durable(struct store *store) {
    if (store->maps != NULL)
        show_in_maps(store);
    store->changes_shown = store->change_count;
    tell_bus(store);
    for (struct watcher **place = &store->watchers; *place != NULL;) {
        struct watcher *watcher = *place;
        const struct namespace *space = namespace_find(&store->engine, watcher->name);
        watcher->namespace = space != NULL ? space->id : 0;
        if (tell(store, watcher, false))
            watcher_end(store, place);
        else
            place = &watcher->next;
    }
}

static void on_watch_over(struct grove_service *service, void *context) {
    struct watcher *watcher = context;
    struct store *store = watcher->store;
    (void)service;
    (void)tell(store, watcher, true);
    struct watcher **place = &store->watchers;
    while (*place != watcher)
        place = &(*place)->next;
    watcher_end(store, place);
}

static int wait_for_changes(struct store *store, struct grove_request *request, const struct watcher *made,
                            uint32_t wait_ms) {
    if (store->watcher_count >= WATCHERS_MAX)
        return grove_fail(request, GROVE_EXHAUSTED, "as many clients watch as may at a time: %u", WATCHERS_MAX);
    struct watcher *watcher = malloc(sizeof *watcher);
    if (watcher == NULL)
        return grove_fail(request, GROVE_NO_MEMORY, "the store has no memory for another request");
    *watcher = *made;
    int status =
        grove_service_after(store->service, wait_ms * GROVE_MILLISECOND, on_watch_over, watcher, &watcher->timer);
    if (status < 0 || grove_request_defer(request) < 0) {
        free(watcher);
        return grove_fail(request, GROVE_NO_MEMORY, "the store has no memory for another request");
    }
    watcher->next = store->watchers;
    store->watchers = watcher;
    store->watcher_count++;
    return 0;
}

int on_watch(struct grove_request *request, void *context) {
    struct store *store = context;
    struct grove_store_watch_request wanted;
    struct grove_name name;
    size_t bytes = 0;
    int status = take_head(request, &wanted, sizeof wanted);
    if (status < 0)
        return status;
    const uint8_t *message = message_of(request, &bytes);
    if (bytes < sizeof wanted + wanted.namespace_bytes + wanted.prefix_bytes ||
        wanted.wait_ms > GROVE_STORE_WAIT_MS_MAX)
        return grove_fail(request, GROVE_INVALID, "the message is shorter than it says, or waits for more than 30 s");
    struct watcher watcher = {
        .store = store, .request = request, .since = wanted.since, .prefix_bytes = wanted.prefix_bytes};
    memcpy(watcher.prefix, message + sizeof wanted + wanted.namespace_bytes, wanted.prefix_bytes);
    char text[255];
    memcpy(text, message + sizeof wanted, wanted.namespace_bytes);
    status = take_name(request, text, wanted.namespace_bytes, &name);
    if (status == 0)
        status = access_check(store, request, name.text, ACCESS_READ, watcher.prefix_bytes > 0 ? watcher.prefix : NULL,
                              watcher.prefix_bytes);
    if (status < 0)
        return status;
    memcpy(watcher.name, name.text, sizeof watcher.name);
    const struct namespace *space = namespace_find(&store->engine, name.text);
    if (is_remote(space))
        return grove_fail(request, GROVE_UNSUPPORTED, "the namespace %s is kept by a service, and cannot be watched",
                          name.text);
    watcher.namespace = space != NULL ? space->id : 0;
    if (tell(store, &watcher, wanted.wait_ms == 0))
        return 0;
    return wait_for_changes(store, request, &watcher, wanted.wait_ms);
}
