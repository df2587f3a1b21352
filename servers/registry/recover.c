/*
 * Coming back: after a death of this process, of the kernel, or for the first time.
 *
 *   1. The files say which services are registered and which of them are wanted.
 *   2. The kernel lists the containers that this program made in earlier instances, several in one reply. One without a
 *      file was never acknowledged to anybody (or is a probe), and is destroyed.
 *   3. A service whose container runs is taken over as it runs; one that is wanted and does not run is started: after a
 *      death of the kernel that is all of them.
 *
 * No service is started twice: a container has at most one instance, and the kernel keeps that.
 */
#include "servers/registry/registry.h"

#include <stdio.h>
#include <stdlib.h>

#include "servers/registry/files.h"

struct found {
    struct grove_container_entry entry;
    bool is_claimed; /* it has a file */
};

static struct {
    struct found *list;
    uint32_t count, size;
    struct name_table by_name;
} kept;

static int remember(const struct grove_container_entry *entry) {
    if (kept.count == kept.size)
        return GROVE_EXHAUSTED;
    struct found *found = &kept.list[kept.count++];
    found->entry = *entry;
    return name_table_add(&kept.by_name, found->entry.name.text, found);
}

/* The size of the list is the pool's: containers in the table are at most as many. */
static int find_containers(struct registry *registry) {
    uint32_t cursor = 0;
    kept.size = REGISTRY_SERVICES_MAX;
    kept.list = calloc(kept.size, sizeof *kept.list);
    if (kept.list == NULL)
        return GROVE_NO_MEMORY;
    do {
        struct grove_message message = {.operation = GROVE_REQUEST_CONTAINER_LIST};
        const struct grove_container_list *list = &message.body.container_list;
        message.body.container_read.cursor = cursor;
        int status = grove_kernel_request(registry->session, &message, NULL, 0, NULL, NULL, REGISTRY_KERNEL_TIMEOUT_NS);
        if (status < 0)
            return status;
        for (uint32_t index = 0; index < list->count && index < GROVE_CONTAINER_LIST_MAX; index++)
            if ((status = remember(&list->entries[index])) == GROVE_NO_MEMORY)
                return status;
        cursor = list->cursor;
    } while (cursor != 0);
    return 0;
}

/* For want of memory the whole is given up and tried again by the next instance: a service that runs must not be taken
 * for one that was never acknowledged. */
static int register_again(struct registry *registry, struct grove_spec *spec, const struct grove_name *owner,
                          bool is_wanted) {
    char problem[2 * REGISTRY_REASON_BYTES] = "memory is exhausted";
    struct record *record;
    const char *name = grove_spec_text(spec, spec->name);
    struct found *found = name_table_find(&kept.by_name, name);
    if (found != NULL)
        found->is_claimed = true;
    int status =
        record_create(registry, spec, owner, found == NULL ? NULL : &found->entry, &record, problem, sizeof problem);
    if (status < 0) {
        (void)fprintf(stderr, "registry: cannot take %s up again: %s\n", name, problem);
        free(spec);
        return file_is_scarcity(status) ? status : 0;
    }
    record->is_wanted = is_wanted;
    return 0;
}

static void destroy_unclaimed(struct registry *registry) {
    for (uint32_t index = 0; index < kept.count; index++) {
        if (kept.list[index].is_claimed)
            continue;
        (void)fprintf(stderr, "registry: %s was never acknowledged and is removed\n", kept.list[index].entry.name.text);
        (void)grove_container_control(registry->session, kept.list[index].entry.container, GROVE_ACTION_DESTROY, 0,
                                      REGISTRY_KERNEL_TIMEOUT_NS);
    }
}

static void adopt_all(struct registry *registry) {
    for (struct record *record = registry->first; record != NULL; record = record->next) {
        const struct found *found = name_table_find(&kept.by_name, record->name);
        if (found == NULL || !found->is_claimed)
            continue;
        const struct grove_container_entry *entry = &found->entry;
        life_adopt(record, &(struct grove_container_record){.id = entry->id,
                                                            .state = entry->state,
                                                            .generation = entry->generation,
                                                            .exit_cause = entry->exit_cause,
                                                            .exit_detail = entry->exit_detail,
                                                            .layer = entry->layer,
                                                            .started_ns = entry->started_ns,
                                                            .ready_ns = entry->ready_ns});
    }
}

static void judge_all(struct registry *registry) {
    for (struct record *record = registry->first; record != NULL; record = record->next)
        judge(record);
}

static void want_again(struct registry *registry) {
    char problem[2 * REGISTRY_REASON_BYTES];
    uint32_t count;
    for (struct record *record = registry->first; record != NULL; record = record->next) {
        const struct selection alone = {.records = &record, .count = 1, .named = record};
        if (!record->is_wanted ||
            (record->state != REGISTRY_STATE_REGISTERED && record->state != REGISTRY_STATE_STOPPED))
            continue;
        if (order_start(registry, &alone, &count, problem, sizeof problem) == 0)
            continue;
        (void)fprintf(stderr, "registry: %s\n", problem);
        life_event(record, LIFE_WANT); /* it says itself what it lacks, and goes on when that is there */
    }
}

int recover(struct registry *registry) {
    registry->is_recovering = true;
    int status = find_containers(registry);
    if (status == 0)
        status = project_load(registry);
    if (status == 0)
        status = store_load(registry, register_again);
    if (status == 0) {
        system_expect(registry);
        destroy_unclaimed(registry);
        adopt_all(registry);
        registry->is_recovering = false;
        if (grove_session_identity(registry->session)->generation > 1)
            announce_gap();
        judge_all(registry);
        want_again(registry);
        system_look_for_rest(registry);
    }
    if (status < 0)
        (void)fprintf(stderr, "registry: cannot take up what is registered: %s; the next instance tries again\n",
                      grove_status_text(status));
    name_table_deinit(&kept.by_name);
    free(kept.list);
    kept.list = NULL;
    return status;
}
