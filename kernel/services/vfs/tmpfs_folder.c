/* Folders of tmpfs: see tmpfs.h. Everything is called with the tree's lock held, but for the release of a folder. */
#include "kernel/services/vfs/errors.h"
#include "kernel/services/vfs/tmpfs_inside.h"

#include <string.h>

#define ENTRY_SIZE 20u /* what an entry adds to the size that Linux tells of a folder in memory */
#define RELEASE_STEP 32u

/* Shorter names first: cheap, and any order will do. */
static int order_by_name(const void *key, struct tree_node *node) {
    const struct name *name = key;
    const struct tmpfs_entry *entry = list_item(node, struct tmpfs_entry, by_name);
    if (name->size_bytes != entry->name_bytes)
        return name->size_bytes < entry->name_bytes ? -1 : 1;
    return memcmp(name->text, entry->name, name->size_bytes);
}

static int order_by_position(const void *key, struct tree_node *node) {
    const uint64_t *position = key;
    const struct tmpfs_entry *entry = list_item(node, struct tmpfs_entry, by_position);
    if (*position == entry->position)
        return 0;
    return *position < entry->position ? -1 : 1;
}

static const struct tree_kind by_name = {.order = order_by_name}, by_position = {.order = order_by_position};

static struct tmpfs_folder *inside(struct inode *folder) {
    return &tmpfs_inode_of(folder)->folder;
}

static struct tmpfs_entry *find_entry(struct inode *folder, const struct name *name) {
    struct tree_node *node = tree_find(inside(folder)->by_name, &by_name, name);
    return node != NULL ? list_item(node, struct tmpfs_entry, by_name) : NULL;
}

static struct tmpfs_entry *make_entry(struct inode *folder, const struct name *name) {
    struct tmpfs_entry *entry = machine_take(folder->system->vfs->machine, sizeof(*entry) + name->size_bytes);
    if (entry == NULL)
        return NULL;
    *entry = (struct tmpfs_entry){.name_bytes = name->size_bytes};
    memcpy(entry->name, name->text, name->size_bytes);
    return entry;
}

static void free_entry(struct inode *folder, struct tmpfs_entry *entry) {
    machine_give_back(folder->system->vfs->machine, entry, sizeof(*entry) + entry->name_bytes);
}

/* Put an entry in. Its reference on the inode is taken over. */
static void add(struct inode *folder, struct tmpfs_entry *entry, struct inode *inode) {
    struct tmpfs_folder *folded = inside(folder);
    struct name name = {.text = entry->name, .size_bytes = entry->name_bytes};
    entry->inode = inode;
    entry->position = folded->next_position++;
    tree_insert(&folded->by_name, &by_name, &name, &entry->by_name);
    tree_insert(&folded->by_position, &by_position, &entry->position, &entry->by_position);
    folder->size_bytes += ENTRY_SIZE;
    if (inode_is_folder(inode))
        folder->links++;
}

/* Take an entry out and free it. The reference on its inode is the caller's. */
static void take_out(struct inode *folder, struct tmpfs_entry *entry) {
    struct tmpfs_folder *folded = inside(folder);
    struct name name = {.text = entry->name, .size_bytes = entry->name_bytes};
    tree_remove(&folded->by_name, &by_name, &name);
    tree_remove(&folded->by_position, &by_position, &entry->position);
    folder->size_bytes -= ENTRY_SIZE;
    if (inode_is_folder(entry->inode))
        folder->links--;
    free_entry(folder, entry);
}

static bool is_empty(struct inode *folder) {
    return inside(folder)->by_name == NULL;
}

int tmpfs_folder_find(struct inode *folder, const struct name *name, struct inode **found) {
    struct tmpfs_entry *entry = find_entry(folder, name);
    if (entry == NULL)
        return -LINUX_ENOENT;
    *found = inode_ref(entry->inode);
    return 0;
}

int tmpfs_folder_make(struct inode *folder, const struct name *name, const struct inode_plan *plan,
                      struct inode **made) {
    struct tmpfs_entry *entry = make_entry(folder, name);
    if (entry == NULL)
        return -LINUX_ENOMEM;
    int status = tmpfs_make_inode(tmpfs_of(folder), plan, made);
    if (status != 0) {
        free_entry(folder, entry);
        return status;
    }
    add(folder, entry, inode_ref(*made));
    return 0;
}

/* The first name of a file that was made without one is counted with the file. */
int tmpfs_folder_link(struct inode *folder, const struct name *name, struct inode *inode) {
    bool is_first = inode->links == 0;
    if (!is_first && tmpfs_is_full(tmpfs_of(folder)))
        return -LINUX_ENOSPC;
    struct tmpfs_entry *entry = make_entry(folder, name);
    if (entry == NULL)
        return -LINUX_ENOMEM;
    inode->links++;
    tmpfs_of(folder)->more_names += !is_first;
    add(folder, entry, inode_ref(inode));
    return 0;
}

/* The inode lost a name. A folder has one, and the one in itself. */
static void unlink_inode(struct inode *inode) {
    if (!inode_is_folder(inode) && inode->links > 1)
        tmpfs_of(inode)->more_names--;
    inode->links = inode_is_folder(inode) ? 0 : inode->links - 1;
    inode_unref(inode);
}

int tmpfs_folder_remove(struct inode *folder, const struct name *name, struct inode *inode) {
    if (inode_is_folder(inode) && !is_empty(inode))
        return -LINUX_ENOTEMPTY;
    take_out(folder, find_entry(folder, name));
    unlink_inode(inode);
    return 0;
}

/* Another inode in an entry; both are of one kind, or the folder counts its folders anew. */
static void change_entry(struct inode *folder, struct tmpfs_entry *entry, struct inode *inode) {
    if (inode_is_folder(entry->inode))
        folder->links--;
    if (inode_is_folder(inode))
        folder->links++;
    entry->inode = inode;
}

int tmpfs_folder_rename(struct inode *from, const struct name *from_name, struct inode *to, const struct name *to_name,
                        bool is_exchange) {
    struct tmpfs_entry *source = find_entry(from, from_name), *target = find_entry(to, to_name);
    struct inode *inode = source->inode;
    if (is_exchange) {
        change_entry(from, source, target->inode);
        change_entry(to, target, inode);
        return 0;
    }
    if (target != NULL && inode_is_folder(target->inode) && !is_empty(target->inode))
        return -LINUX_ENOTEMPTY;
    if (target == NULL) {
        target = make_entry(to, to_name);
        if (target == NULL)
            return -LINUX_ENOMEM;
        add(to, target, inode);
    } else {
        struct inode *replaced = target->inode;
        change_entry(to, target, inode);
        unlink_inode(replaced);
    }
    take_out(from, source);
    return 0;
}

bool tmpfs_folder_entry_at(struct inode *folder, uint64_t at, struct folder_entry *entry) {
    uint64_t before = at < 2 ? 1 : at - 1;
    struct tree_node *node = tree_find_behind(inside(folder)->by_position, &by_position, &before);
    if (node == NULL)
        return false;
    const struct tmpfs_entry *found = list_item(node, struct tmpfs_entry, by_position);
    *entry = (struct folder_entry){.name = {.text = found->name, .size_bytes = found->name_bytes},
                                   .number = found->inode->number,
                                   .mode = found->inode->mode,
                                   .next = found->position + 1};
    return true;
}

/* It has entries only when its file system ends. Their inodes are released after it. */
void tmpfs_folder_release(struct inode *folder) {
    struct vfs *vfs = folder->system->vfs;
    while (!is_empty(folder)) {
        vfs_lock(vfs);
        for (uint32_t i = 0; i < RELEASE_STEP && !is_empty(folder); i++) {
            struct tmpfs_entry *entry = list_item(inside(folder)->by_name, struct tmpfs_entry, by_name);
            struct inode *inode = entry->inode;
            take_out(folder, entry);
            inode_unref(inode);
        }
        vfs_unlock_in_release(vfs);
    }
    tmpfs_free_inode(folder);
}
