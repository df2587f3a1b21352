/*
 * The invariants of the core, verified the slow way: for tests only.
 *
 *     pools        used = items in use
 *     tables       every entry stands in the table of its container, and the counts of table and kinds are right
 *     trees        a living parent has the child in its list; depth is one more; rights are a subset
 *     lists        both directions agree
 *     channels     a side is in one list of its container; given means that there is a segment; sealed ones are sealed
 *     budgets      what containers and projects are charged is what their channels and regions weigh
 *     timers       heap order, and every timer knows its position
 */
#include "kernel/core/test/world.h"

#include <stddef.h>

static const char *fault;

static bool expect(bool is_true, const char *what) {
    if (!is_true && fault == NULL)
        fault = what;
    return is_true;
}

static uint32_t list_length(const struct list *head, uint32_t limit) {
    uint32_t count = 0;
    for (const struct list *link = head->next; link != head; link = link->next) {
        if (!expect(link != NULL && link->next->previous == link && link->previous->next == link, "a list is broken") ||
            !expect(count <= limit, "a list runs in a circle"))
            return count;
        count++;
    }
    return count;
}

static void check_pool(const struct pool *pool) {
    uint32_t used = 0;
    for (uint32_t index = 1; index < pool->touched; index++) {
        const void *item = pool_at(pool, index);
        used += item != NULL;
        expect(item == NULL || pool_index(item) == index, "an item does not know its index");
    }
    expect(used == pool->used, "a pool's count is wrong");
}

/* ---- capabilities ---- */

static void check_parent(const struct core *core, const struct capability *entry) {
    const struct capability *parent = pool_at(&core->capabilities, entry->parent);
    if (entry->parent == 0 || parent == NULL || parent->item.generation != entry->parent_generation ||
        parent->epoch != entry->parent_epoch || entry->is_revoked)
        return;
    bool is_listed = false;
    for (const struct list *link = parent->children.next; link != &parent->children && !is_listed; link = link->next)
        is_listed = link == &entry->sibling;
    expect(is_listed, "a child is not in its parent's list");
    expect(entry->depth == parent->depth + 1, "a child's depth is not one more than its parent's");
    if (entry->kind == parent->kind)
        expect((entry->rights & ~parent->rights) == 0 || entry->is_primary, "a child has more rights than its parent");
}

static void check_capability(const struct core *core, const struct capability *entry) {
    expect(core_container(core, entry->container) != NULL, "an entry stands in the table of a container that is gone");
    expect(list_is_linked(&entry->table), "an entry stands in no table");
    const struct container *holder = core_container(core, entry->container);
    expect(holder == NULL || holder->ring != CONTAINER_RING_EXTERNAL || (entry->rights & GROVE_RIGHT_EXTERNAL) != 0,
           "a container of ring 3 holds what is not marked external");
    expect(entry->depth <= CAPABILITY_DEPTH_MAX + 1, "the tree is too deep");
    list_length(&entry->children, core->capabilities.capacity);
    check_parent(core, entry);
}

static uint32_t check_capabilities(const struct core *core) {
    uint32_t living_tables = 0;
    for (uint32_t index = 1; index < core->capabilities.touched; index++) {
        const struct capability *entry = pool_at(&core->capabilities, index);
        if (entry == NULL)
            continue;
        living_tables++;
        check_capability(core, entry);
    }
    return living_tables;
}

/* ---- containers ---- */

static void check_kinds(const struct core *core, const struct container *container) {
    for (uint32_t kind = 0; kind < GROVE_CAP_KIND_COUNT; kind++) {
        uint32_t count = list_length(&container->kinds[kind].entries, core->capabilities.capacity);
        expect(count == container->kinds[kind].count, "the count of a kind is wrong");
    }
}

static void check_instance(const struct container *container) {
    bool is_up = container->state != GROVE_CONTAINER_CREATED && container->state != GROVE_CONTAINER_STOPPED;
    expect(is_up == (container->has_instance || container->is_ending), "the state does not fit the instance");
    expect(!container->is_running || container->has_instance, "a container runs without an instance");
    expect(container->queue_count <= PORT_QUEUE_MAX, "a queue is too long");
}

static uint32_t check_container(const struct core *core, const struct container *container) {
    uint32_t entries = list_length(&container->table, core->capabilities.capacity);
    expect(entries == container->capability_count, "the count of a table is wrong");
    expect(list_length(&container->queue, core->pending.capacity) == container->queue_count,
           "a queue's count is wrong");
    expect(list_length(&container->regions, core->regions.capacity) == container->region_count,
           "the count of regions is wrong");
    list_length(&container->attention, core->channels.capacity + core->containers.capacity + core->endpoints.capacity);
    list_length(&container->waiters, core->pending.capacity);
    list_length(&container->endpoints, core->endpoints.capacity);
    check_kinds(core, container);
    if (!container->is_client)
        check_instance(container);
    return entries;
}

/* ---- channels and charges ---- */

static void check_side(const struct core *core, const struct channel_side *side) {
    const struct container *holder = core_container(core, side->container);
    expect(side->is_done == (side->container == 0), "a side that is done has a container");
    if (side->is_done)
        return;
    expect(holder != NULL, "a side's container is gone");
    expect(list_is_linked(&side->link), "a side is in no list of its container");
    expect(!side->is_given || side->segment != MACHINE_OBJECT_NONE, "a side was given a segment that is not there");
    if (side->segment != MACHINE_OBJECT_NONE)
        expect(fake.objects[side->segment].is_sealed == side->is_sealed, "a segment's seal is not what the side says");
    if (side->is_given && holder != NULL)
        expect(holder->has_port || holder->is_ending || holder->is_dying, "a side is given to no instance");
}

static void check_channels(const struct core *core) {
    for (uint32_t index = 1; index < core->channels.touched; index++) {
        const struct channel *channel = pool_at(&core->channels, index);
        if (channel == NULL)
            continue;
        for (uint32_t role = 0; role < 2; role++)
            check_side(core, &channel->sides[role]);
        expect(!channel->sides[0].is_done || !channel->sides[1].is_done, "a channel without sides was not freed");
        expect((channel->key == 0) == channel->sides[GROVE_ROLE_CLIENT].is_done, "a channel's key is not its client's");
        expect(text_index(&core->texts, channel->key, TEXT_CHANNEL) == (channel->key != 0 ? index : 0),
               "a channel is not found by its key");
    }
}

static void weigh(const struct core *core, grove_object_id container, uint64_t *shared, uint64_t *channels) {
    for (uint32_t index = 1; index < core->channels.touched; index++) {
        const struct channel *channel = pool_at(&core->channels, index);
        if (channel == NULL || channel->client_id != container)
            continue;
        *shared += 2 * channel->layout.total_bytes;
        ++*channels;
    }
    for (uint32_t index = 1; index < core->regions.touched; index++) {
        const struct region *region = pool_at(&core->regions, index);
        if (region != NULL && region->container == (uint32_t)container)
            *shared += region->size_bytes;
    }
}

static void check_charges(const struct core *core) {
    for (uint32_t index = 1; index < core->containers.touched; index++) {
        const struct container *container = core_container(core, index);
        uint64_t shared = 0;
        uint64_t channels = 0;
        if (container == NULL)
            continue;
        weigh(core, pool_identity(container), &shared, &channels);
        expect(shared == container->charged.shared_bytes, "a container's shared memory is charged wrongly");
        expect(channels == container->charged.channels, "a container's channels are charged wrongly");
    }
}

/* The root project carries everything that is charged to anybody. */
static void check_root(const struct core *core) {
    const struct project *root = pool_at(&core->projects, core->root_project);
    uint64_t shared = 0;
    uint64_t channels = 0;
    for (uint32_t index = 1; index < core->channels.touched; index++) {
        const struct channel *channel = pool_at(&core->channels, index);
        if (channel == NULL)
            continue;
        shared += 2 * channel->layout.total_bytes;
        channels++;
    }
    for (uint32_t index = 1; index < core->regions.touched; index++) {
        const struct region *region = pool_at(&core->regions, index);
        shared += region != NULL ? region->size_bytes : 0;
    }
    expect(root->charged.shared_bytes == shared, "the root project's shared memory is charged wrongly");
    expect(root->charged.channels == channels, "the root project's channels are charged wrongly");
}

/* The sums of budget.h, found again from below: what the living members of a project weigh. */
static uint64_t first_limit(const struct grove_budget *budget, size_t field) {
    const uint64_t limits[] = {budget->memory_bytes, budget->processor_ppm, budget->processes};
    return limits[field];
}

static void check_promises(const struct core *core, uint32_t index, size_t field) {
    uint64_t sum = 0;
    for (uint32_t i = 1; i < core->containers.touched; i++) {
        const struct container *container = core_container(core, i);
        if (container != NULL && !container->is_dying && container->project == index)
            sum += first_limit(&container->budget, field);
    }
    for (uint32_t i = 1; i < core->projects.touched; i++) {
        const struct project *child = pool_at(&core->projects, i);
        if (child == NULL || child->parent != index)
            continue;
        uint64_t limit = first_limit(&child->budget, field);
        sum += limit != 0 ? limit : child->promised[field];
    }
    const struct project *project = pool_at(&core->projects, index);
    uint64_t limit = first_limit(&project->budget, field);
    expect(project->promised[field] == sum, "what is promised in a project is added up wrongly");
    expect(limit == 0 || sum <= limit, "more is promised than the project has");
}

static void check_tracers(const struct core *core) {
    uint32_t tracers = 0;
    for (uint32_t index = 1; index < core->containers.touched; index++)
        tracers += core_container(core, index) != NULL && core_container(core, index)->is_tracing;
    expect(tracers == core->trace.tracers, "the count of those who trace is wrong");
    expect((tracers != 0) == (core->trace.is_on != 0), "tracing is on for nobody, or off for somebody");
}

static void check_checkers(const struct core *core) {
    uint32_t count = 0;
    for (uint32_t index = 1; index < core->containers.touched; index++) {
        const struct container *container = core_container(core, index);
        if (container == NULL || !list_is_linked(&container->checker))
            continue;
        count++;
        expect(container->page != NULL && container->page->rights_epoch == core->rights_epoch,
               "a container that keeps answers is not shown the epoch");
    }
    expect(count == core->checker_count && count <= GROVE_CHECKERS_MAX, "the count of checkers is wrong");
    expect(core->rights_epoch != 0, "the epoch of rights says that nothing may be kept");
}

static void check_timers(const struct core *core) {
    for (uint32_t position = 1; position <= core->timers.count; position++) {
        const struct timer *timer = core->timers.heap[position];
        expect(timer->position == position, "a timer does not know its position");
        expect(position == 1 || core->timers.heap[position / 2]->deadline_ns <= timer->deadline_ns,
               "the heap of timers is out of order");
    }
}

const char *core_find_fault(const struct core *core) {
    const struct pool *pools[] = {&core->containers, &core->endpoints, &core->channels,    &core->regions,
                                  &core->projects,   &core->pending,   &core->capabilities};
    uint32_t entries = 0;
    uint32_t instances = 0;
    fault = NULL;
    for (size_t i = 0; i < sizeof(pools) / sizeof(pools[0]); i++)
        check_pool(pools[i]);
    for (uint32_t index = 1; index < core->containers.touched; index++) {
        const struct container *container = core_container(core, index);
        if (container == NULL)
            continue;
        entries += check_container(core, container);
        instances += container->has_instance;
    }
    expect(check_capabilities(core) == entries, "entries stand in no container's table");
    expect(instances == core->instances, "the count of instances is wrong");
    check_channels(core);
    check_charges(core);
    check_root(core);
    for (uint32_t index = 1; index < core->projects.touched; index++)
        for (size_t field = 0; field < PROJECT_PROMISES && pool_at(&core->projects, index) != NULL; field++)
            check_promises(core, index, field);
    expect(fake.projects_open + 1 == core->projects.used, "the machine does not know the projects");
    check_tracers(core);
    check_checkers(core);
    check_timers(core);
    return fault;
}
