/*
 * Requests that wait: for the disk, for services to end.
 *
 * What one turn of the loop has changed is written together and synchronised once; then all who asked for it are
 * answered. So an answer means durable, and many registrations cost one commit.
 */
#include "servers/registry/registry.h"

#include <stdio.h>
#include <stdlib.h>

/* Long enough for requests that come in a row to share a commit, short beside the commit itself. */
#define COMMIT_DELAY_NS (3 * GROVE_MILLISECOND)

/* ---- requests that are answered later ---- */

struct later *later_add(struct registry *registry, struct later **list, struct grove_request *request) {
    struct later *later = calloc(1, sizeof *later);
    if (later == NULL || grove_request_defer(request) < 0) {
        free(later);
        (void)grove_fail(request, GROVE_NO_MEMORY, "the registry has no memory for another request");
        return NULL;
    }
    later->request = request;
    later->registry = registry;
    while (*list != NULL)
        list = &(*list)->next;
    *list = later;
    return later;
}

void later_done(struct later **link) {
    struct later *later = *link;
    *link = later->next;
    if (later->timer != 0)
        grove_service_cancel(later->registry->service, later->timer);
    grove_request_finish(later->request);
    free(later);
}

/* ---- commits ---- */

int commit_answer(struct registry *registry, struct grove_request *request, uint32_t count) {
    struct registry_count reply = {
        .version = REGISTRY_PROTOCOL_VERSION, .count = count, .sequence = registry->sequence};
    return grove_reply(request, &reply, sizeof reply);
}

static void note_failure(const struct record *record, int status, int *worst, char *failed, size_t failed_bytes) {
    if (status == 0)
        return;
    *worst = status;
    (void)snprintf(failed, failed_bytes, "%s", record->name);
}

static int write_dirty(struct registry *registry, const char **name) {
    static char failed[GROVE_NAME_MAX + 1];
    int worst = 0;
    for (struct record *record = registry->dirty_first, *next; record != NULL; record = next) {
        next = record->dirty_next;
        int status =
            record->is_prepared ? 0 : store_prepare(registry, record->node.spec, &record->owner, record->is_wanted);
        note_failure(record, status, &worst, failed, sizeof failed);
        if (status < 0)
            store_forget(record);
    }
    while (registry->dirty_first != NULL) {
        struct record *record = registry->dirty_first;
        note_failure(record, store_commit(registry, record->name), &worst, failed, sizeof failed);
        store_forget(record);
    }
    int project_status = project_commit(registry, failed, sizeof failed);
    int status = store_synchronise(registry);
    *name = failed;
    worst = worst < 0 ? worst : project_status;
    return worst < 0 ? worst : status;
}

static void commit(struct grove_service *service, void *context) {
    (void)service;
    struct registry *registry = context;
    const char *name;
    registry->is_commit_due = false;
    int status = write_dirty(registry, &name);
    if (status < 0)
        (void)fprintf(stderr, "registry: cannot keep %s: %s\n", name, grove_status_text(status));
    while (registry->commits != NULL) {
        struct later *later = registry->commits;
        if (status < 0)
            (void)grove_fail(later->request, status,
                             "it took effect but cannot be kept in the state folder (%s: %s); make room or make it "
                             "writable, and say it again",
                             name, grove_status_text(status));
        else
            (void)commit_answer(registry, later->request, later->count);
        later_done(&registry->commits);
    }
    method_stop_progressed(registry);
}

void commit_soon(struct registry *registry) {
    uint32_t timer;
    if (registry->is_commit_due)
        return;
    registry->is_commit_due = grove_service_after(registry->service, COMMIT_DELAY_NS, commit, registry, &timer) == 0;
    if (!registry->is_commit_due)
        commit(registry->service, registry);
}

int commit_then_answer(struct registry *registry, struct grove_request *request, uint32_t count) {
    struct later *later = later_add(registry, &registry->commits, request);
    if (later == NULL)
        return GROVE_NO_MEMORY;
    later->count = count;
    commit_soon(registry);
    return 0;
}
