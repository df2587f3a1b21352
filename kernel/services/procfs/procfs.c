/* File systems of printed text: see procfs.h. */
#include "kernel/services/procfs/procfs.h"

#include "kernel/services/vfs/dentry.h"
#include "kernel/services/vfs/errors.h"

#include <string.h>

#define NUMBER_DIGITS 10u
#define PREFIX_BYTES 8u
#define BEHIND_DOTS 2u /* positions 0 and 1 are "." and ".." */
#define NODES_MAX 256u /* of a table: positions of a list begin behind it */

struct procfs {
    struct file_system system;
    const struct proc_node *root;
    proc_owner *owner;
    uint64_t holders; /* inodes, and 1 until the file system is released; atomic. Whoever takes the last one frees it */
};

struct proc_inode {
    struct inode inode;
    const struct proc_node *node;
    struct proc_place place;
    struct path to; /* of a link that leads further than its text says; counted. All zero: none */
    char text[VFS_NAME_MAX + 1]; /* of a link */
};

static struct procfs *procfs_of(struct file_system *system) {
    return list_item(system, struct procfs, system);
}

static struct proc_inode *inside(struct inode *inode) {
    return list_item(inode, struct proc_inode, inode);
}

static void drop_holder(struct procfs *procfs) {
    if (__atomic_sub_fetch(&procfs->holders, 1, __ATOMIC_ACQ_REL) == 0)
        machine_give_back(procfs->system.vfs->machine, procfs, sizeof(*procfs));
}

/* ---- inodes ---- */

static const struct inode_operations folder_operations, file_operations_of_inode, link_operations;

static const struct inode_operations *operations_for(uint32_t mode) {
    switch (mode & LINUX_S_IFMT) {
    case LINUX_S_IFDIR:
        return &folder_operations;
    case LINUX_S_IFLNK:
        return &link_operations;
    default:
        return &file_operations_of_inode;
    }
}

/* The same each time that somebody looks, and another for each node and place, as far as that goes. */
static uint64_t number_of(const struct proc_node *node, const struct proc_place *place) {
    uint64_t number = (uint64_t)(uintptr_t)node * UINT64_C(0x9e3779b97f4a7c15) >> 40;
    return 1 + (number | (uint64_t)(uint32_t)place->process << 24 | (uint64_t)(uint32_t)(place->number + 1) << 40);
}

/* Where a link leads is found when it is looked up, as the caller is known then. */
static int make(struct file_system *system, const struct proc_node *node, const struct proc_place *place,
                struct inode **made) {
    struct procfs *procfs = procfs_of(system);
    struct inode_plan plan = {.mode = node->mode};
    struct proc_inode *inode = machine_take(system->vfs->machine, sizeof(*inode));
    if (inode == NULL)
        return -LINUX_ENOMEM;
    if (procfs->owner != NULL)
        procfs->owner(place, &plan.user, &plan.group);
    memset(inode, 0, sizeof(*inode));
    inode->node = node;
    inode->place = *place;
    if (node->link != NULL) {
        int length = node->link(place, inode->text, sizeof(inode->text), &inode->to);
        if (length < 0) {
            machine_give_back(system->vfs->machine, inode, sizeof(*inode));
            return length;
        }
        inode->text[length] = 0;
    }
    inode_init(&inode->inode, system, operations_for(node->mode), &plan);
    inode->inode.number = number_of(node, place);
    inode->inode.links = inode_is_folder(&inode->inode) ? 2 : 1;
    inode->inode.size_bytes = strlen(inode->text);
    __atomic_add_fetch(&procfs->holders, 1, __ATOMIC_RELAXED);
    *made = &inode->inode;
    return 0;
}

static void release_inode(struct inode *inode) {
    struct procfs *procfs = procfs_of(inode->system);
    struct vfs *vfs = inode->system->vfs;
    struct proc_inode *proc_inode = inside(inode);
    if (proc_inode->to.mount != NULL) {
        vfs_lock(vfs);
        path_unref(&proc_inode->to);
        vfs_unlock_in_release(vfs);
    }
    machine_give_back(vfs->machine, proc_inode, sizeof(*proc_inode));
    drop_holder(procfs);
}

/* ---- folders ---- */

static bool is_name(const struct name *name, const char *text) {
    return strlen(text) == name->size_bytes && memcmp(text, name->text, name->size_bytes) == 0;
}

/* A number as it is printed: without zeros before it. -1: it is none. */
static int32_t number_in(const struct name *name) {
    uint64_t number = 0;
    if (name->size_bytes == 0 || name->size_bytes > NUMBER_DIGITS || (name->text[0] == '0' && name->size_bytes > 1))
        return -1;
    for (uint32_t i = 0; i < name->size_bytes; i++) {
        if (name->text[i] < '0' || name->text[i] > '9')
            return -1;
        number = number * 10 + (uint64_t)(name->text[i] - '0');
    }
    return number <= INT32_MAX ? (int32_t)number : -1;
}

static size_t prefix_bytes(const struct proc_list *list) {
    return list->prefix != NULL ? strlen(list->prefix) : 0;
}

static int32_t number_of_name(const struct proc_list *list, const struct name *name) {
    uint32_t size = (uint32_t)prefix_bytes(list);
    if (name->size_bytes < size || memcmp(name->text, list->prefix != NULL ? list->prefix : "", size) != 0)
        return -1;
    return number_in(&(struct name){.text = name->text + size, .size_bytes = name->size_bytes - size});
}

static int find(struct inode *folder, const struct name *name, struct inode **found) {
    const struct proc_inode *of = inside(folder);
    for (const struct proc_node *node = of->node->children; node != NULL && node->name != NULL; node++)
        if (is_name(name, node->name))
            return make(folder->system, node, &of->place, found);
    const struct proc_list *list = of->node->list;
    int32_t number = list != NULL ? number_of_name(list, name) : -1;
    if (number < 0 || list->next(&of->place, number - 1) != number)
        return -LINUX_ENOENT;
    struct proc_place place = list->place(&of->place, number);
    return make(folder->system, list->node, &place, found);
}

/* The name of a number, which stays until the next is asked for: the tree's lock is held meanwhile. */
static struct name name_of(const struct proc_list *list, int32_t number) {
    static char text[PREFIX_BYTES + NUMBER_DIGITS];
    uint32_t at = sizeof(text), size = (uint32_t)prefix_bytes(list);
    do {
        text[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    if (size > 0)
        memcpy(text + at - size, list->prefix, size);
    return (struct name){.text = text + at - size, .size_bytes = (uint32_t)sizeof(text) - at + size};
}

static bool entry_at(struct inode *folder, uint64_t at, struct folder_entry *entry) {
    const struct proc_inode *of = inside(folder);
    uint64_t position = at < BEHIND_DOTS ? BEHIND_DOTS : at, index = position - BEHIND_DOTS;
    const struct proc_node *node = of->node->children;
    for (uint64_t i = 0; node != NULL && node->name != NULL; node++, i++) {
        if (i < index)
            continue;
        *entry = (struct folder_entry){.name = {.text = node->name, .size_bytes = (uint32_t)strlen(node->name)},
                                       .number = number_of(node, &of->place),
                                       .mode = node->mode,
                                       .next = BEHIND_DOTS + i + 1};
        return true;
    }
    const struct proc_list *list = of->node->list;
    int32_t after = index <= NODES_MAX ? -1 : (int32_t)(index - NODES_MAX - 1);
    int32_t number = list != NULL ? list->next(&of->place, after) : -1;
    if (number < 0)
        return false;
    struct proc_place place = list->place(&of->place, number);
    *entry = (struct folder_entry){.name = name_of(list, number),
                                   .number = number_of(list->node, &place),
                                   .mode = list->node->mode,
                                   .next = BEHIND_DOTS + NODES_MAX + (uint64_t)number + 1};
    return true;
}

/* ---- links ---- */

static const char *link_text(struct inode *inode, uint32_t *size_bytes) {
    *size_bytes = (uint32_t)inode->size_bytes;
    return inside(inode)->text;
}

static bool jump(struct inode *inode, struct path *to) {
    const struct proc_inode *link = inside(inode);
    if (link->to.mount == NULL)
        return false;
    *to = link->to;
    path_ref(to);
    return true;
}

/* ---- open files ---- */

static int read_at(struct open_file *file, uint64_t offset, struct transfer *transfer, size_t *done_bytes) {
    const struct proc_text *text = file->object;
    int status = 0;
    while (status == 0 && offset < text->size_bytes && transfer->left_bytes > 0) {
        size_t there = text->size_bytes - (size_t)offset;
        size_t wanted = there < transfer->left_bytes ? there : transfer->left_bytes;
        size_t copied = transfer_out(transfer, text->bytes + offset, wanted);
        offset += copied;
        *done_bytes += copied;
        status = copied < wanted ? transfer_bring_in(transfer) : 0;
    }
    return status;
}

static void give_text_back(const struct vfs_machine *machine, struct proc_text *text) {
    if (text->bytes != NULL)
        machine_give_back(machine, text->bytes, text->room_bytes);
    machine_give_back(machine, text, sizeof(*text));
}

static void close(struct open_file *file) {
    give_text_back(file->vfs->machine, file->object);
}

static const struct file_operations text_operations = {.read_at = read_at, .close = close, .has_positions = true};

static int open(struct open_file *file) {
    const struct vfs_machine *machine = file->vfs->machine;
    const struct proc_inode *inode = inside(file->inode);
    struct proc_text *text = machine_take(machine, sizeof(*text));
    if (text == NULL)
        return -LINUX_ENOMEM;
    *text = (struct proc_text){.machine = machine};
    int status = inode->node->print(&inode->place, text);
    if (status == 0 && text->is_short)
        status = -LINUX_ENOMEM;
    if (status != 0) {
        give_text_back(machine, text);
        return status;
    }
    file->object = text;
    file->operations = &text_operations;
    return 0;
}

static int refuse_making(struct inode *folder, const struct name *name, const struct inode_plan *plan,
                         struct inode **made) {
    (void)folder;
    (void)name;
    (void)plan;
    (void)made;
    return -LINUX_ENOENT;
}

static int refuse_link(struct inode *folder, const struct name *name, struct inode *inode) {
    (void)folder;
    (void)name;
    (void)inode;
    return -LINUX_EPERM;
}

static int refuse_rename(struct inode *from, const struct name *from_name, struct inode *to, const struct name *to_name,
                         bool is_exchange) {
    (void)from;
    (void)from_name;
    (void)to;
    (void)to_name;
    (void)is_exchange;
    return -LINUX_EPERM;
}

static int refuse_resize(struct inode *inode, uint64_t size_bytes) {
    (void)inode;
    (void)size_bytes;
    return -LINUX_EACCES;
}

static const struct inode_operations folder_operations = {.find = find,
                                                          .entry_at = entry_at,
                                                          .make = refuse_making,
                                                          .link = refuse_link,
                                                          .remove = refuse_link,
                                                          .rename = refuse_rename,
                                                          .release = release_inode};
static const struct inode_operations file_operations_of_inode = {
    .open = open, .resize = refuse_resize, .release = release_inode};
static const struct inode_operations link_operations = {.link_text = link_text, .jump = jump, .release = release_inode};

/* ---- the file system ---- */

static void release(struct file_system *system) {
    struct procfs *procfs = procfs_of(system);
    vfs_lock(system->vfs);
    if (system->root != NULL)
        dentry_unref(system->root);
    vfs_unlock_in_release(system->vfs);
    drop_holder(procfs);
}

int procfs_create(struct vfs *vfs, const char *kind, const struct proc_node *root, proc_owner *owner,
                  struct file_system **created) {
    struct proc_place nowhere = {.number = -1};
    struct inode *inode;
    struct procfs *procfs = machine_take(vfs->machine, sizeof(*procfs));
    if (procfs == NULL)
        return -LINUX_ENOMEM;
    *procfs = (struct procfs){.root = root, .owner = owner, .holders = 1};
    file_system_init(&procfs->system, vfs, kind, release);
    procfs->system.is_volatile = true;
    vfs_lock(vfs);
    int status = make(&procfs->system, root, &nowhere, &inode);
    if (status == 0)
        status = dentry_make_root(&procfs->system, inode, &procfs->system.root);
    if (status != 0)
        file_system_unref(&procfs->system);
    vfs_unlock(vfs);
    if (status == 0)
        *created = &procfs->system;
    return status;
}
