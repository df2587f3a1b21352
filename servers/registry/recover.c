/*
 * Coming back: after a death of this process, of the kernel, or for the first time.
 *
 *   1. The files say which services are registered and which of them are wanted.
 *   2. The own capability table says which containers this program made in earlier instances. One without a file was
 *      never acknowledged to anybody (or is a probe), and is destroyed.
 *   3. A service whose container runs is taken over as it runs; one that is wanted and does not run is started: after a
 *      death of the kernel that is all of them.
 *
 * No service is started twice: a container has at most one instance, and the kernel keeps that.
 */
#include "servers/registry/registry.h"

#include <stdio.h>
#include <stdlib.h>

struct found {
    struct grove_container_record record;
    grove_handle handle;
    bool is_claimed;
};

static struct {
    struct found *list;
    uint32_t count, size;
    struct name_table by_name;
} kept;

static int remember(grove_handle handle, const struct grove_container_record *record) {
    if (kept.count == kept.size)
        return GROVE_EXHAUSTED;
    struct found *found = &kept.list[kept.count++];
    found->record = *record;
    found->handle = handle;
    return name_table_add(&kept.by_name, found->record.name.text, found);
}

/* The size of the list is the pool's: containers in the table are at most as many. */
static int find_containers(struct registry *registry) {
    struct grove_capability_entry entry;
    struct grove_container_record record;
    const struct grove_notice_init *self = grove_session_identity(registry->session);
    uint32_t cursor = 0;
    int status;
    kept.size = REGISTRY_SERVICES_MAX;
    kept.list = calloc(kept.size, sizeof *kept.list);
    if (kept.list == NULL)
        return GROVE_NO_MEMORY;
    while ((status = grove_capability_list(registry->session, &cursor, &entry)) == 0) {
        if (entry.capability.kind != GROVE_CAP_CONTAINER || entry.object == self->id)
            continue;
        if (grove_container_read(registry->session, entry.handle, &record) == 0)
            (void)remember(entry.handle, &record);
        if (cursor == 0)
            return 0;
    }
    return status == GROVE_NOT_FOUND ? 0 : status;
}

static void register_again(struct registry *registry, struct grove_spec *spec, bool is_wanted) {
    char problem[2 * REGISTRY_REASON_BYTES] = "memory is exhausted";
    struct record *record;
    const char *name = grove_spec_text(spec, spec->name);
    struct found *found = name_table_find(&kept.by_name, name);
    grove_handle container = found == NULL ? GROVE_HANDLE_NONE : found->handle;
    int status = record_create(registry, spec, container, &record, problem, sizeof problem);
    if (status < 0) {
        (void)fprintf(stderr, "registry: cannot take %s up again: %s\n", name, problem);
        free(spec);
        return;
    }
    record->is_wanted = is_wanted;
    if (found != NULL && record->container == container)
        found->is_claimed = true;
}

static void destroy_unclaimed(struct registry *registry) {
    for (uint32_t index = 0; index < kept.count; index++) {
        if (kept.list[index].is_claimed)
            continue;
        (void)fprintf(stderr, "registry: %s was never acknowledged and is removed\n", kept.list[index].record.name.text);
        (void)grove_container_control(registry->session, kept.list[index].handle, GROVE_ACTION_DESTROY, 0,
                                      REGISTRY_KERNEL_TIMEOUT_NS);
    }
}

static void adopt_all(struct registry *registry) {
    for (struct record *record = registry->first; record != NULL; record = record->next) {
        const struct found *found = name_table_find(&kept.by_name, record->name);
        if (found != NULL && found->is_claimed)
            life_adopt(record, &found->record);
    }
}

static void want_again(struct registry *registry) {
    char problem[2 * REGISTRY_REASON_BYTES];
    static const struct grove_name none = {""};
    uint32_t count;
    for (struct record *record = registry->first; record != NULL; record = record->next) {
        struct grove_name name;
        if (!record->is_wanted ||
            (record->state != REGISTRY_STATE_REGISTERED && record->state != REGISTRY_STATE_STOPPED))
            continue;
        (void)snprintf(name.text, sizeof name.text, "%s", record->name);
        if (order_start(registry, &name, &none, &count, problem, sizeof problem) == 0)
            continue;
        (void)fprintf(stderr, "registry: %s\n", problem);
        life_event(record, LIFE_WANT); /* it says itself what it lacks, and goes on when that is there */
    }
}

int recover(struct registry *registry) {
    int status = find_containers(registry);
    if (status == 0)
        status = project_load(registry);
    if (status == 0)
        status = store_load(registry, register_again);
    if (status == 0) {
        destroy_unclaimed(registry);
        adopt_all(registry);
        want_again(registry);
    }
    name_table_deinit(&kept.by_name);
    free(kept.list);
    kept.list = NULL;
    return status;
}
