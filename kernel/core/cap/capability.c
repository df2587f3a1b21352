/* Entries of capability tables: see capability.h for the tree, the lists and the argument about revocation. */
#include "kernel/core/state.h"

#include <string.h>

#define RIGHTS_KNOWN (GROVE_RIGHTS_ALL | GROVE_RIGHT_EXTERNAL)

/* ---- identity and life ---- */

grove_handle capability_handle(const struct capability *entry) {
    return pool_identity(entry);
}

/* The parent while this entry still hangs on it; NULL if the parent is gone or has cut this entry off. */
static struct capability *living_parent(const struct core *core, const struct capability *entry) {
    struct capability *parent = pool_at(&core->capabilities, entry->parent);
    if (parent == NULL || parent->item.generation != entry->parent_generation || parent->epoch != entry->parent_epoch)
        return NULL;
    return parent;
}

bool capability_is_alive(const struct core *core, const struct capability *entry) {
    while (!entry->is_revoked) {
        if (entry->parent == 0)
            return true;
        entry = living_parent(core, entry);
        if (entry == NULL)
            return false;
    }
    return false;
}

/* ---- making and removing ---- */

static bool is_permission(uint16_t kind) {
    return kind < GROVE_CAP_KIND_COUNT;
}

/* Slot 0 of the lists by kind holds the container handles that others granted. */
static struct capability_list *list_of(struct container *container, uint16_t kind) {
    return &container->kinds[is_permission(kind) ? kind : 0];
}

static bool is_searched(const struct capability_new *new) {
    uint16_t kind = new->capability->kind;
    if (!is_permission(kind))
        return kind == GROVE_CAP_CONTAINER && !new->is_primary;
    return new->parent == NULL || new->parent->container != pool_index(new->container);
}

static int check_room(const struct core *core, const struct capability_new *new) {
    if (new->parent != NULL &&new->parent->depth >= CAPABILITY_DEPTH_MAX)
        return GROVE_EXHAUSTED;
    if (new->container->capability_count >= core_table_limit(core, new->container))
        return GROVE_EXHAUSTED;
    if (is_searched(new) && list_of(new->container, new->capability->kind)->count >= CAPABILITY_TOPS_MAX)
        return GROVE_EXHAUSTED;
    return GROVE_OK;
}

static int keep_argument(struct core *core, struct capability *entry, const struct grove_argument *argument) {
    entry->argument_kind = (uint8_t)argument->kind;
    switch (argument->kind) {
    case GROVE_ARGUMENT_PATH:
    case GROVE_ARGUMENT_PATTERN:
        return text_intern(&core->texts, argument->value.text, argument->length_bytes, &entry->as.text);
    case GROVE_ARGUMENT_ADDRESS:
        return text_intern(&core->texts, &argument->value.address, sizeof(argument->value.address), &entry->as.text);
    case GROVE_ARGUMENT_QUANTITY:
        entry->as.quantity = argument->value.quantity;
        return GROVE_OK;
    default:
        return GROVE_OK;
    }
}

static bool has_text(const struct capability *entry) {
    return entry->argument_kind == GROVE_ARGUMENT_PATH || entry->argument_kind == GROVE_ARGUMENT_PATTERN ||
           entry->argument_kind == GROVE_ARGUMENT_ADDRESS;
}

static void link_parent(struct capability *entry, struct capability *parent) {
    entry->parent = pool_index(parent);
    entry->parent_generation = parent->item.generation;
    entry->parent_epoch = parent->epoch;
    entry->depth = (uint8_t)(parent->depth + 1);
    list_append(&parent->children, &entry->sibling);
}

int capability_create(struct core *core, const struct capability_new *new, struct capability **out) {
    int status = check_room(core, new);
    if (status < 0)
        return status;
    struct capability *entry = pool_take(&core->capabilities);
    if (entry == NULL)
        return GROVE_EXHAUSTED;
    entry->kind = (uint8_t) new->capability->kind;
    entry->rights = (uint8_t) new->capability->rights;
    entry->as.object = new->object;
    status = keep_argument(core, entry, &new->capability->argument);
    if (status < 0) {
        pool_give_back(&core->capabilities, entry);
        return status;
    }
    entry->container = pool_index(new->container);
    entry->is_primary = new->is_primary;
    list_init(&entry->children);
    if (new->parent != NULL)
        link_parent(entry, new->parent);
    list_append(&new->container->table, &entry->table);
    new->container->capability_count++;
    if (is_searched(new)) {
        list_append(&list_of(new->container, entry->kind)->entries, &entry->kind_link);
        list_of(new->container, entry->kind)->count++;
    }
    *out = entry;
    return GROVE_OK;
}

int capability_create_object(struct core *core, struct container *container, struct capability *parent, uint16_t kind,
                             uint16_t rights, grove_object_id object, struct capability **entry) {
    struct grove_capability capability = {.kind = kind, .rights = rights};
    struct capability_new new = {
        .container = container, .parent = parent, .capability = &capability, .object = object, .is_primary = true};
    if (container->ring == CONTAINER_RING_EXTERNAL)
        capability.rights |= GROVE_RIGHT_EXTERNAL;
    return capability_create(core, &new, entry);
}

void *capability_object(const struct core *core, uint16_t kind, grove_object_id id) {
    switch (kind) {
    case GROVE_CAP_CONTAINER:
        return pool_find(&core->containers, id);
    case GROVE_CAP_ENDPOINT:
        return pool_find(&core->endpoints, id);
    case GROVE_CAP_CHANNEL:
        return pool_find(&core->channels, id);
    case GROVE_CAP_REGION:
        return pool_find(&core->regions, id);
    default:
        return pool_find(&core->projects, id);
    }
}

/* What ends with the primary entry of an object. */
static void end_object(struct core *core, uint16_t kind, uint8_t side, void *object) {
    struct channel *channel = object;
    switch (kind) {
    case GROVE_CAP_CONTAINER:
        container_destroy(core, object);
        break;
    case GROVE_CAP_ENDPOINT:
        endpoint_destroy(core, object);
        break;
    case GROVE_CAP_CHANNEL:
        channel_close_side(core, channel, &channel->sides[side], GROVE_CLOSED);
        break;
    case GROVE_CAP_REGION:
        region_handle_lost(core, object);
        break;
    default:
        project_handle_lost(core, object);
        break;
    }
}

/* Files are shown to an instance when it starts; one that lost a right to files must not go on with them. */
bool capability_is_of_files(uint16_t kind) {
    return kind == GROVE_CAP_FS_READ || kind == GROVE_CAP_FS_WRITE || kind == GROVE_CAP_FS_EXEC ||
           kind == GROVE_CAP_DEVICE;
}

/* Remove an entry without children. The object of a primary entry ends. */
static void capability_remove(struct core *core, struct capability *entry) {
    struct container *container = pool_at(&core->containers, entry->container);
    if (is_permission(entry->kind) && !container->is_dying && capability_is_alive(core, entry))
        capability_rights_changed(core);
    bool was_searched = list_is_linked(&entry->kind_link);
    list_remove(&entry->kind_link);
    list_remove(&entry->table);
    list_remove(&entry->sibling);
    container->capability_count--;
    if (was_searched)
        list_of(container, entry->kind)->count--;
    if (has_text(entry))
        text_unref(&core->texts, entry->as.text);
    uint16_t kind = entry->kind;
    uint8_t side = entry->side;
    void *object = entry->is_primary ? capability_object(core, kind, entry->as.object) : NULL;
    pool_give_back(&core->capabilities, entry);
    if (object != NULL)
        end_object(core, kind, side, object);
    else if (was_searched && capability_is_of_files(kind))
        container_view_narrowed(core, container);
}

bool capability_remove_leaf(struct core *core, struct capability *entry) {
    struct capability *leaf = entry;
    while (!list_is_empty(&leaf->children))
        leaf = list_item(leaf->children.next, struct capability, sibling);
    capability_remove(core, leaf);
    return leaf == entry;
}

void capability_cut_children(struct capability *entry, struct list *condemned) {
    entry->epoch++;
    list_append_all(condemned, &entry->children);
}

void capability_cut(struct capability *entry, struct list *condemned) {
    entry->is_revoked = true;
    list_remove(&entry->sibling);
    list_append(condemned, &entry->sibling);
}

uint32_t capability_sweep(struct core *core, struct list *condemned, uint32_t limit) {
    uint32_t count = 0;
    for (; count < limit && !list_is_empty(condemned); count++)
        capability_remove_leaf(core, list_item(condemned->next, struct capability, sibling));
    return count;
}

void capability_condemn(struct core *core, struct capability *entry) {
    if (entry->is_revoked)
        return;
    capability_cut(entry, &core->condemned);
    work_queue(core, &core->condemned_work, WORK_CONDEMNED);
}

void capability_drop(struct core *core, grove_handle *handle) {
    struct capability *entry = pool_find(&core->capabilities, *handle);
    *handle = GROVE_HANDLE_NONE;
    if (entry != NULL)
        capability_condemn(core, entry);
}

/* ---- finding ---- */

int capability_find_handle(const struct core *core, const struct container *container, grove_handle handle,
                           struct capability **out) {
    struct capability *entry = pool_find(&core->capabilities, handle);
    if (entry == NULL || entry->container != pool_index(container) || !capability_is_alive(core, entry))
        return GROVE_STALE_HANDLE;
    *out = entry;
    return GROVE_OK;
}

int capability_find_object(const struct core *core, const struct container *container, grove_handle handle,
                           uint16_t kind, uint16_t rights, struct capability **out) {
    struct capability *entry = NULL;
    int status = capability_find_handle(core, container, handle, &entry);
    if (status < 0)
        return status;
    if (entry->kind != kind)
        return GROVE_INVALID;
    if ((entry->rights & rights) != rights)
        return GROVE_DENIED;
    *out = entry;
    return GROVE_OK;
}

static void load_argument(const struct core *core, const struct capability *entry, struct grove_argument *argument) {
    uint32_t length = 0;
    const char *bytes = has_text(entry) ? text_bytes(&core->texts, entry->as.text, &length) : "";
    argument->kind = entry->argument_kind;
    argument->reserved = 0;
    argument->length_bytes = entry->argument_kind == GROVE_ARGUMENT_ADDRESS ? 0 : (uint16_t)length;
    if (entry->argument_kind == GROVE_ARGUMENT_QUANTITY)
        argument->value.quantity = entry->as.quantity;
    else
        memcpy(&argument->value, bytes, length);
}

bool capability_covers(const struct core *core, const struct capability *entry, const struct grove_argument *wanted) {
    struct grove_argument argument; /* only its used part is filled in: this runs for every entry of a list */
    load_argument(core, entry, &argument);
    return grove_argument_covers(&argument, wanted);
}

struct capability *capability_find(const struct core *core, const struct container *container,
                                   const struct grove_capability *wanted, uint16_t rights) {
    if (!is_permission(wanted->kind))
        return NULL;
    const struct list *head = &container->kinds[wanted->kind].entries;
    for (struct list *link = head->next; link != head; link = link->next) {
        struct capability *entry = list_item(link, struct capability, kind_link);
        if ((entry->rights & rights) == rights && capability_covers(core, entry, &wanted->argument) &&
            capability_is_alive(core, entry))
            return entry;
    }
    return NULL;
}

struct capability *capability_find_name(const struct core *core, const struct container *container, uint16_t kind,
                                        const struct grove_name *name) {
    struct grove_capability wanted;
    capability_for_name(kind, name, &wanted);
    return capability_find(core, container, &wanted, GROVE_RIGHT_USE);
}

/* ---- forms ---- */

void capability_describe(const struct core *core, const struct capability *entry, struct grove_capability *capability) {
    memset(capability, 0, sizeof(*capability));
    capability->kind = entry->kind;
    capability->rights = entry->rights;
    load_argument(core, entry, &capability->argument);
}

bool capability_is_valid(const struct grove_capability *capability) {
    uint16_t kind = capability->argument.kind;
    if (capability->kind == GROVE_CAP_NONE || (capability->rights & ~RIGHTS_KNOWN) != 0 || capability->reserved != 0)
        return false;
    if (kind != GROVE_ARGUMENT_NONE && kind != grove_capability_argument_kind(capability->kind))
        return false;
    return grove_argument_is_valid(&capability->argument);
}

void capability_for_name(uint16_t kind, const struct grove_name *name, struct grove_capability *capability) {
    memset(capability, 0, sizeof(*capability));
    capability->kind = kind;
    capability->rights = GROVE_RIGHT_USE;
    capability->argument.kind = GROVE_ARGUMENT_PATTERN;
    capability->argument.length_bytes = (uint16_t)name_length(name);
    memcpy(capability->argument.value.text, name->text, capability->argument.length_bytes);
}
