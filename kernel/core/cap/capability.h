/*
 * Capabilities: entries of the containers' tables, and the tree in which they were derived.
 *
 * An entry belongs to one container and names either a permission (kind and argument) or an object (kind and identity).
 * Every entry but a root has a parent, in the same table or in another; it never allows more than its parent. The tree
 * is at most CAPABILITY_DEPTH_MAX deep.
 *
 * Revocation. An entry is alive if neither it nor an ancestor is revoked. `epoch` makes cutting off all children one
 * store: a child remembers its parent's epoch at birth and is dead when that has changed. So a revocation takes effect
 * at once, whatever the size of the subtree, and every check costs at most CAPABILITY_DEPTH_MAX steps. The dead entries
 * are then removed leaves first, in steps of WORK_STEP; because leaves go first, no entry ever outlives its parent's slot
 * except one that is dead already, and the parent's generation tells that too.
 *
 * Lists. An entry is in its container's table, in its parent's list of children (or in a list of condemned subtrees),
 * and, if it is a permission whose parent is not in the same table, in the table's list for its kind. Only the entries of
 * these lists are searched when a use is checked: a child in the same table allows nothing that its parent does not.
 * CAPABILITY_TOPS_MAX bounds their length, so that nobody can slow down somebody else's checks by granting.
 */
#ifndef GROVE_CORE_CAPABILITY_H
#define GROVE_CORE_CAPABILITY_H

#include "grove/abi/port.h"
#include "kernel/core/list.h"
#include "kernel/core/pool/pool.h"
#include "kernel/core/text/text.h"

#define CAPABILITY_DEPTH_MAX 32u
#define CAPABILITY_TOPS_MAX 1024u

struct core;
struct container;

struct capability {
    struct pool_item item;
    uint32_t parent; /* pool index; 0: a root */
    uint32_t parent_generation;
    uint32_t parent_epoch;
    uint32_t epoch;
    uint32_t container;
    uint8_t kind;
    uint8_t depth;
    uint8_t rights;
    uint8_t argument_kind;
    bool is_revoked;
    bool is_primary; /* the object ends with this entry */
    uint8_t side; /* CHANNEL: enum grove_channel_role of the holder */
    union {
        uint64_t quantity;
        text_id text; /* PATH, PATTERN, ADDRESS (its bytes) */
        grove_object_id object;
    } as;
    struct list children;
    struct list sibling;
    struct list table;
    struct list kind_link;
};

/* The entries of one kind in a table that are searched. */
struct capability_list {
    struct list entries;
    uint32_t count;
};

struct capability_new {
    struct container *container;
    struct capability *parent; /* NULL: a root */
    const struct grove_capability *capability; /* checked: well formed, and covered by the parent */
    grove_object_id object;
    bool is_primary;
};

/* GROVE_EXHAUSTED: no slot, no text, the table or the list of the kind is full, or the tree is too deep. */
int capability_create(struct core *core, const struct capability_new *new, struct capability **entry);
/* An object entry with these rights, `is_primary`: shorthand for capability_create. */
int capability_create_object(struct core *core, struct container *container, struct capability *parent, uint16_t kind,
                             uint16_t rights, grove_object_id object, struct capability **entry);
/* Dead from now on; removed, with all below it, in the background. */
void capability_condemn(struct core *core, struct capability *entry);
/* The same for the entry that an object keeps of itself, if it is still there; *handle is none after that. */
void capability_drop(struct core *core, grove_handle *handle);

bool capability_is_alive(const struct core *core, const struct capability *entry);
grove_handle capability_handle(const struct capability *entry);
/* The live entry of this container that a handle names. GROVE_STALE_HANDLE. */
int capability_find_handle(const struct core *core, const struct container *container, grove_handle handle,
                           struct capability **entry);
/* The same with a kind and rights: GROVE_INVALID for another kind, GROVE_DENIED without the rights. */
int capability_find_object(const struct core *core, const struct container *container, grove_handle handle,
                           uint16_t kind, uint16_t rights, struct capability **entry);
/* A live permission of the container that covers `wanted` and has at least these rights, or NULL. */
struct capability *capability_find(const struct core *core, const struct container *container,
                                   const struct grove_capability *wanted, uint16_t rights);
/* A live permission to use what a name stands for, or NULL. */
struct capability *capability_find_name(const struct core *core, const struct container *container, uint16_t kind,
                                        const struct grove_name *name);
/* The object that an entry of this kind names, or NULL if it is gone. */
void *capability_object(const struct core *core, uint16_t kind, grove_object_id id);
/* A kind that decides which files an instance is shown. */
bool capability_is_of_files(uint16_t kind);
bool capability_covers(const struct core *core, const struct capability *entry, const struct grove_argument *wanted);
/* A permission of somebody who lives ends: every answer to a CAPABILITY_CHECK so far has to be asked for again. */
void capability_rights_changed(struct core *core);
/* The form that crosses the boundary. */
void capability_describe(const struct core *core, const struct capability *entry, struct grove_capability *capability);
/* Well formed as a request: known kind, the argument kind it takes, known rights. */
bool capability_is_valid(const struct grove_capability *capability);
/* A permission whose argument is a name. */
void capability_for_name(uint16_t kind, const struct grove_name *name, struct grove_capability *capability);

/*
 * Descend from `entry` to a leaf and remove it. The step of every removal of a subtree: it ends when `entry` itself was
 * the leaf, and then returns true.
 */
bool capability_remove_leaf(struct core *core, struct capability *entry);
/* Cut off all that was derived from `entry`: dead at once, collected in `condemned`. */
void capability_cut_children(struct capability *entry, struct list *condemned);
/* Cut off the entry itself. */
void capability_cut(struct capability *entry, struct list *condemned);
/* Remove leaves of condemned subtrees until `limit` are gone or the list is empty; returns how many. */
uint32_t capability_sweep(struct core *core, struct list *condemned, uint32_t limit);

#endif
