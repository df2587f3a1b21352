/*
 * Snapshots: views of the providers with an end. One keeps the database's log from being reused, so there are few, and none
 * outlives its time. They end with this instance: whoever comes with one afterwards is told so.
 */
#include <string.h>

#include "servers/store/store.h"

static void snapshot_close(struct snapshot *snapshot) {
    struct engine *engine = &snapshot->store->engine;
    if (snapshot->views[0] != NULL)
        engine->sqlite->operations->view_close(engine->sqlite, snapshot->views[0]);
    if (snapshot->views[1] != NULL)
        engine->memory->operations->view_close(engine->memory, snapshot->views[1]);
    *snapshot = (struct snapshot){.store = snapshot->store};
}

static void on_snapshot_over(struct grove_service *service, void *context) {
    (void)service;
    snapshot_close(context);
}

static struct snapshot *find(struct store *store, uint64_t id) {
    for (unsigned index = 0; index < SNAPSHOTS_MAX; index++)
        if (store->snapshots[index].id == id)
            return &store->snapshots[index];
    return NULL;
}

static int snapshot_open(struct store *store, struct snapshot *snapshot, uint32_t lifetime_ms) {
    struct engine *engine = &store->engine;
    snapshot->store = store;
    int status = engine->sqlite->operations->view_open(engine->sqlite, &snapshot->views[0]);
    if (status == 0)
        status = engine->memory->operations->view_open(engine->memory, &snapshot->views[1]);
    if (status == 0)
        status = grove_service_after(store->service, lifetime_ms * GROVE_MILLISECOND, on_snapshot_over, snapshot,
                                     &snapshot->timer);
    if (status < 0)
        snapshot_close(snapshot);
    return status;
}

int on_snapshot(struct grove_request *request, void *context) {
    struct store *store = context;
    struct grove_store_snapshot_request wanted;
    int status = take_head(request, &wanted, sizeof wanted);
    commits_poll(store);
    if (status < 0)
        return status;
    if (wanted.lifetime_ms == 0 || wanted.lifetime_ms > GROVE_STORE_SNAPSHOT_MS_MAX)
        return grove_fail(request, GROVE_INVALID, "a snapshot lives for 1 ms to 60 s");
    if (read_waits(store, request, store->engine.revision, on_snapshot))
        return 0;
    struct snapshot *snapshot = find(store, 0);
    if (snapshot == NULL)
        return grove_fail(request, GROVE_EXHAUSTED, "there are %u snapshots already, which is as many as there may be",
                          SNAPSHOTS_MAX);
    status = snapshot_open(store, snapshot, wanted.lifetime_ms);
    if (status < 0)
        return grove_fail(request, status, "a snapshot cannot be taken: %s", grove_status_text(status));
    /* Not to be taken for one of an earlier instance: the clock is in it. */
    snapshot->id = grove_now_ns() << 4 | (++store->snapshot_count & 15);
    snapshot->revision = store->engine.revision;
    snapshot->client = grove_request_client_id(request);
    struct grove_store_snapshot_reply reply = {
        .version = GROVE_STORE_PROTOCOL_VERSION, .snapshot = snapshot->id, .revision = snapshot->revision};
    return grove_reply(request, &reply, sizeof reply);
}

int on_snapshot_end(struct grove_request *request, void *context) {
    struct store *store = context;
    struct grove_store_snapshot_request wanted;
    int status = take_head(request, &wanted, sizeof wanted);
    if (status < 0)
        return status;
    struct snapshot *snapshot = wanted.snapshot != 0 ? find(store, wanted.snapshot) : NULL;
    if (snapshot == NULL || snapshot->client != grove_request_client_id(request))
        return 0; /* it has ended already */
    grove_service_cancel(store->service, snapshot->timer);
    snapshot_close(snapshot);
    return 0;
}

int snapshot_view(struct store *store, struct grove_request *request, uint64_t id, const struct namespace *space,
                  struct provider_view **view, uint64_t *revision) {
    struct snapshot *snapshot = find(store, id);
    if (snapshot == NULL || snapshot->client != grove_request_client_id(request))
        return grove_fail(request, GROVE_STALE_HANDLE,
                          "this snapshot has ended: its time is over, or the store was restarted; take another");
    *view = snapshot->views[space->provider == store->engine.memory ? 1 : 0];
    *revision = snapshot->revision;
    return 0;
}
