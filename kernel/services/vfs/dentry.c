/* The cache of names: see dentry.h. */
#include "kernel/services/vfs/dentry.h"

#include "kernel/services/vfs/errors.h"

#include <string.h>

/* More go than come, so that a cache that grew while all of it was in use shrinks again; and a step stays short. */
#define EVICT_STEP 4u

struct name dentry_name(const struct dentry *dentry) {
    const struct dentry_name *name = &dentry->name;
    return (struct name){.text = name->long_text != NULL ? name->long_text : name->short_text,
                         .size_bytes = name->size_bytes};
}

/* Keyed, since names come from outside: who can choose names cannot choose buckets. */
static uint32_t hash_of(const struct vfs *vfs, const struct dentry *folder, const struct name *name) {
    uint64_t hash = vfs->hash_key ^ (uint64_t)(uintptr_t)folder;
    for (uint32_t i = 0; i < name->size_bytes; i++)
        hash = (hash ^ (uint8_t)name->text[i]) * UINT64_C(0x9e3779b97f4a7c15);
    hash ^= vfs->hash_key >> 32;
    hash *= UINT64_C(0xff51afd7ed558ccd);
    return (uint32_t)(hash >> 32);
}

static struct list *bucket_of(struct vfs *vfs, uint32_t hash) {
    return &vfs->buckets[hash & (vfs->bucket_count - 1)];
}

static void hash_in(struct dentry *dentry) {
    struct vfs *vfs = dentry->system->vfs;
    struct name name = dentry_name(dentry);
    dentry->hash = hash_of(vfs, dentry->parent, &name);
    dentry->is_hashed = true;
    list_prepend(bucket_of(vfs, dentry->hash), &dentry->hash_link);
}

static void hash_out(struct dentry *dentry) {
    dentry->is_hashed = false;
    list_remove(&dentry->hash_link);
}

/* In use by somebody other than names in the cache that are not used themselves. */
static uint32_t users_of(const struct dentry *dentry) {
    return dentry->references - dentry->children + dentry->used_children;
}

/* A removed name lets go of its inode with its last user, whatever names below it are still in the cache. */
static void settle(struct dentry *dentry) {
    if (dentry->is_hashed || dentry->parent == NULL || dentry->inode == NULL || users_of(dentry) > 0)
        return;
    inode_unref(dentry->inode);
    dentry->inode = NULL;
}

/* Of a dentry without references. Its parent may have none after that: then it is unused, or goes too if not hashed. */
static void destroy(struct dentry *dentry) {
    while (dentry != NULL) {
        struct vfs *vfs = dentry->system->vfs;
        struct dentry *parent = dentry->parent;
        list_remove(&dentry->unused_link);
        hash_out(dentry);
        if (dentry->inode != NULL)
            inode_unref(dentry->inode);
        if (dentry->name.long_text != NULL)
            machine_give_back(vfs->machine, dentry->name.long_text, dentry->name.size_bytes);
        machine_give_back(vfs->machine, dentry, sizeof(*dentry));
        vfs->dentries--;
        if (parent == NULL)
            return;
        parent->children--;
        if (--parent->references > 0)
            return;
        if (parent->is_hashed) {
            list_append(&vfs->unused, &parent->unused_link);
            return;
        }
        dentry = parent;
    }
}

struct dentry *dentry_ref(struct dentry *dentry) {
    if (dentry->references++ == 0) {
        list_remove(&dentry->unused_link);
        if (dentry->parent != NULL)
            dentry->parent->used_children++;
    }
    return dentry;
}

void dentry_unref(struct dentry *dentry) {
    dentry->references--;
    settle(dentry);
    if (dentry->references > 0)
        return;
    if (dentry->parent != NULL) {
        dentry->parent->used_children--;
        settle(dentry->parent);
    }
    if (dentry->is_hashed)
        list_append(&dentry->system->vfs->unused, &dentry->unused_link);
    else
        destroy(dentry);
}

static void evict(struct vfs *vfs, uint32_t dentries_max) {
    for (uint32_t i = 0; i < EVICT_STEP && vfs->dentries > dentries_max; i++) {
        struct dentry *oldest = list_first_item(&vfs->unused, struct dentry, unused_link);
        if (oldest == NULL)
            return;
        destroy(oldest);
    }
}

static int set_name(struct dentry *dentry, const struct vfs_machine *machine, const struct name *name) {
    dentry->name = (struct dentry_name){.size_bytes = name->size_bytes};
    char *text = dentry->name.short_text;
    if (name->size_bytes > DENTRY_SHORT_BYTES) {
        text = machine_take(machine, name->size_bytes);
        if (text == NULL)
            return -LINUX_ENOMEM;
        dentry->name.long_text = text;
    }
    memcpy(text, name->text, name->size_bytes);
    return 0;
}

/* A dentry with one reference, not hashed. */
static int make(struct file_system *system, struct dentry *parent, const struct name *name, struct dentry **made) {
    struct vfs *vfs = system->vfs;
    evict(vfs, vfs->dentries_max - 1);
    struct dentry *dentry = machine_take(vfs->machine, sizeof(*dentry));
    if (dentry == NULL)
        return -LINUX_ENOMEM;
    *dentry = (struct dentry){.system = system, .references = 1};
    if (set_name(dentry, vfs->machine, name) != 0) {
        machine_give_back(vfs->machine, dentry, sizeof(*dentry));
        return -LINUX_ENOMEM;
    }
    if (parent != NULL) {
        dentry->parent = dentry_ref(parent);
        parent->children++;
        parent->used_children++;
    }
    vfs->dentries++;
    *made = dentry;
    return 0;
}

static inline struct dentry *find_cached(struct dentry *folder, const struct name *name) {
    struct vfs *vfs = folder->system->vfs;
    uint32_t hash = hash_of(vfs, folder, name);
    struct list *bucket = bucket_of(vfs, hash);
    for (struct list *link = bucket->next; link != bucket; link = link->next) {
        struct dentry *dentry = list_item(link, struct dentry, hash_link);
        if (dentry->hash != hash || dentry->parent != folder || dentry->name.size_bytes != name->size_bytes)
            continue;
        if (memcmp(dentry_name(dentry).text, name->text, name->size_bytes) == 0)
            return dentry;
    }
    return NULL;
}

struct dentry *dentry_find_cached(struct dentry *folder, const struct name *name) {
    return find_cached(folder, name);
}

/* ---- remote file systems ---- */

static uint64_t clock_of(const struct vfs *vfs) {
    return vfs->machine->clock_ns(vfs->machine->context);
}

void dentry_drop(struct dentry *dentry) {
    if (dentry->mounts > 0)
        return;
    (void)dentry_ref(dentry);
    hash_out(dentry);
    dentry_unref(dentry);
}

/* What the file system says of a name meets what the cache says by now. Takes over the reference on the inode. */
static int agree(struct dentry *folder, const struct name *name, struct inode *inode, uint64_t valid_until_ns,
                 struct dentry **found) {
    struct dentry *current = dentry_find_cached(folder, name);
    if (current != NULL && current->inode == NULL && inode != NULL) {
        current->inode = inode_ref(inode);
    } else if (current != NULL && current->inode != inode && current->mounts == 0) {
        dentry_drop(current);
        current = NULL;
    }
    int status = 0;
    if (current != NULL) {
        *found = dentry_ref(current);
    } else {
        status = make(folder->system, folder, name, found);
        if (status == 0) {
            (*found)->inode = inode != NULL ? inode_ref(inode) : NULL;
            if (folder->inode != NULL && folder->inode->links > 0)
                hash_in(*found);
        }
    }
    if (status == 0)
        (*found)->valid_until_ns = valid_until_ns;
    if (inode != NULL)
        inode_unref(inode);
    return status;
}

static __attribute__((noinline)) int find_remote(struct dentry *folder, const struct name *name, struct dentry *cached,
                                                 bool is_cached_only, struct dentry **found) {
    struct vfs *vfs = folder->system->vfs;
    struct inode *inode = NULL, *in = folder->inode;
    uint64_t valid_until_ns = 0;
    if (cached != NULL && clock_of(vfs) < cached->valid_until_ns) {
        vfs->hits++;
        *found = dentry_ref(cached);
        return 0;
    }
    if (is_cached_only)
        return -LINUX_EAGAIN;
    vfs->misses++;
    if (in->links == 0)
        return -LINUX_ENOENT;
    int status = in->operations->look_up(in, name, &inode, &valid_until_ns);
    if (status != 0 && status != -LINUX_ENOENT)
        return status;
    return agree(folder, name, inode, valid_until_ns, found);
}

void dentry_offer(struct dentry *folder, const struct name *name, struct inode *inode, uint64_t valid_until_ns) {
    struct dentry *found;
    if (agree(folder, name, inode, valid_until_ns, &found) == 0)
        dentry_unref(found);
}

int dentry_fill_late(struct dentry *dentry, struct inode *inode) {
    if (dentry->inode != NULL) {
        bool is_same = dentry->inode == inode;
        inode_unref(inode);
        return is_same ? 0 : -LINUX_ESTALE;
    }
    dentry->inode = inode;
    if (inode->operations->valid_until != NULL)
        dentry->valid_until_ns = inode->operations->valid_until(inode);
    return 0;
}

/* ---- for all ---- */

int dentry_find(struct dentry *folder, const struct name *name, bool is_cached_only, struct dentry **found) {
    struct vfs *vfs = folder->system->vfs;
    struct inode *inode = NULL;
    if (name->size_bytes > VFS_NAME_MAX)
        return -LINUX_ENAMETOOLONG;
    struct dentry *cached = find_cached(folder, name);
    if (folder->system->is_remote)
        return find_remote(folder, name, cached, is_cached_only, found);
    if (cached != NULL) {
        vfs->hits++;
        *found = dentry_ref(cached);
        return 0;
    }
    if (is_cached_only)
        return -LINUX_EAGAIN;
    vfs->misses++;
    int status = folder->inode->operations->find(folder->inode, name, &inode);
    if (status != 0 && status != -LINUX_ENOENT)
        return status;
    status = make(folder->system, folder, name, found);
    if (status != 0) {
        if (inode != NULL)
            inode_unref(inode);
        return status;
    }
    (*found)->inode = inode;
    /* In a folder that was removed no name is made any more: nothing to remember. */
    if (folder->inode->links > 0 && !folder->system->is_volatile)
        hash_in(*found);
    return 0;
}

int dentry_make_root(struct file_system *system, struct inode *root, struct dentry **made) {
    struct name name = {.text = "", .size_bytes = 0};
    int status = make(system, NULL, &name, made);
    if (status != 0)
        inode_unref(root);
    else
        (*made)->inode = root;
    return status;
}

void dentry_fill(struct dentry *dentry, struct inode *inode) {
    dentry->inode = inode;
}

void dentry_empty(struct dentry *dentry) {
    if (dentry->inode == NULL) /* somebody was faster, in a remote file system */
        return;
    if (users_of(dentry) > 1) { /* ours is one */
        hash_out(dentry);
        return;
    }
    inode_unref(dentry->inode);
    dentry->inode = NULL;
}

static void swap_names(struct dentry *a, struct dentry *b) {
    struct dentry_name name = a->name;
    struct dentry *parent = a->parent;
    a->name = b->name;
    b->name = name;
    a->parent = b->parent;
    b->parent = parent;
}

void dentry_move(struct dentry *from, struct dentry *to, bool is_exchange) {
    hash_out(from);
    hash_out(to);
    swap_names(from, to);
    hash_in(from);
    hash_in(to);
    if (!is_exchange && to->inode != NULL)
        dentry_empty(to);
}

bool dentry_is_below(const struct dentry *dentry, const struct dentry *above) {
    while (dentry != NULL && dentry != above)
        dentry = dentry->parent;
    return dentry != NULL;
}

void dentry_forget_unused(struct vfs *vfs) {
    struct dentry *oldest;
    while ((oldest = list_first_item(&vfs->unused, struct dentry, unused_link)) != NULL)
        destroy(oldest);
}

void dentry_forget_system(struct file_system *system) {
    struct list *unused = &system->vfs->unused;
    struct list *link = unused->next;
    while (link != unused) {
        struct dentry *dentry = list_item(link, struct dentry, unused_link);
        struct list *previous = link->previous;
        if (dentry->system == system)
            destroy(dentry); /* its parent may come to the end of the list, and so is met later */
        else
            previous = link;
        link = previous->next;
    }
}
