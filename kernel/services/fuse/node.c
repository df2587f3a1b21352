/*
 * Nodes: the server's numbers, and what it says of them. See fuse.h.
 *
 * The server counts how often it told us of a node (entries); when our inode goes it is told that number again, by FORGET. A
 * node whose inode is about to go is not found any more: the next entry makes another, with a count of its own.
 */
#include "kernel/services/fuse/fuse.h"

#include "kernel/services/vfs/dentry.h"
#include "kernel/services/vfs/errors.h"

#include <string.h>

#define NANOSECONDS 1000000000u
#define SECONDS_MAX (INT64_MAX / (int64_t)NANOSECONDS - 1)
#define MOMENT_SECONDS_MAX (UINT64_MAX / NANOSECONDS / 4)
#define BLOCK_BYTES 512u

static const struct vfs_machine *machine_of(const struct inode *inode) {
    return inode->system->vfs->machine;
}

uint64_t fuse_moment(const struct fuse_connection *connection, uint64_t seconds, uint32_t nanoseconds) {
    const struct vfs_machine *machine = connection->system.vfs->machine;
    if (seconds == 0 && nanoseconds == 0)
        return 0;
    seconds = seconds < MOMENT_SECONDS_MAX ? seconds : MOMENT_SECONDS_MAX;
    return machine->clock_ns(machine->context) + seconds * NANOSECONDS + nanoseconds % NANOSECONDS;
}

bool fuse_is_name(const char *text, size_t size_bytes) {
    return size_bytes > 0 && size_bytes <= VFS_NAME_MAX && memchr(text, '/', size_bytes) == NULL &&
           memchr(text, 0, size_bytes) == NULL;
}

/* ---- attributes ---- */

static int64_t time_of(uint64_t seconds, uint32_t nanoseconds) {
    int64_t whole = (int64_t)seconds;
    if (whole > SECONDS_MAX || whole < -SECONDS_MAX)
        return 0;
    return whole * (int64_t)NANOSECONDS + (int64_t)(nanoseconds % NANOSECONDS);
}

static bool is_good(const struct fuse_attributes *attributes) {
    switch (attributes->mode & LINUX_S_IFMT) {
    case LINUX_S_IFREG:
    case LINUX_S_IFDIR:
    case LINUX_S_IFLNK:
    case LINUX_S_IFCHR:
    case LINUX_S_IFBLK:
    case LINUX_S_IFIFO:
    case LINUX_S_IFSOCK:
        return attributes->size_bytes <= INT64_MAX;
    default:
        return false;
    }
}

/* With the tree's lock held. */
static void take_over(struct inode *inode, const struct fuse_attributes *attributes, uint64_t valid_until_ns) {
    struct fuse_node *node = fuse_node_of(inode);
    bool is_folder = inode_is_folder(inode);
    spinlock_lock(&inode->lock);
    int64_t modified_ns = time_of(attributes->modified_s, attributes->modified_ns);
    if (inode->modified_ns != modified_ns || inode->size_bytes != attributes->size_bytes)
        node->is_stale = node->pages.count > 0;
    inode->number = attributes->number;
    inode->mode = (inode->mode & LINUX_S_IFMT) | (attributes->mode & LINUX_MODE_BITS);
    if (!is_folder || inode->links > 0) /* a folder that was removed stays that */
        inode->links = is_folder && attributes->links == 0 ? 1 : attributes->links;
    inode->user = attributes->user;
    inode->group = attributes->group;
    inode->device =
        vfs_device(attributes->device >> 8 & 0xfff, (attributes->device & 0xff) | (attributes->device >> 12 & 0xfff00));
    inode->size_bytes = attributes->size_bytes;
    inode->pages = attributes->blocks / (VFS_PAGE_BYTES / BLOCK_BYTES);
    inode->accessed_ns = time_of(attributes->accessed_s, attributes->accessed_ns);
    inode->modified_ns = modified_ns;
    inode->changed_ns = time_of(attributes->changed_s, attributes->changed_ns);
    inode->created_ns = inode->changed_ns;
    node->attributes_valid_ns = valid_until_ns;
    spinlock_unlock(&inode->lock);
}

int fuse_node_update(struct inode *inode, const struct fuse_attributes *attributes, uint64_t valid_s,
                     uint32_t valid_ns) {
    struct vfs *vfs = inode->system->vfs;
    if (!is_good(attributes) || (attributes->mode & LINUX_S_IFMT) != inode_kind(inode))
        return -LINUX_EIO;
    uint64_t until = fuse_moment(fuse_of(inode), valid_s, valid_ns);
    vfs_lock(vfs);
    take_over(inode, attributes, until);
    vfs_unlock(vfs);
    return 0;
}

void fuse_node_expire(struct inode *inode) {
    spinlock_lock(&inode->lock);
    fuse_node_of(inode)->attributes_valid_ns = 0;
    spinlock_unlock(&inode->lock);
}

int fuse_node_refresh(struct inode *inode, struct open_file *file) {
    struct fuse_node *node = fuse_node_of(inode);
    const struct vfs_machine *machine = machine_of(inode);
    struct fuse_getattr_in in = {.flags = 0};
    struct fuse_attributes_out out;
    uint64_t now = machine->clock_ns(machine->context);
    spinlock_lock(&inode->lock);
    bool is_good_still = now < node->attributes_valid_ns;
    spinlock_unlock(&inode->lock);
    if (is_good_still)
        return 0;
    if (file != NULL && (file_flags(file) & LINUX_O_PATH) == 0 && fuse_handle_of(file) != NULL &&
        !fuse_handle_of(file)->is_unknown && !inode_is_folder(inode)) {
        in.flags = FUSE_GETATTR_BY_HANDLE;
        in.handle = fuse_handle_of(file)->handle;
    }
    int status = fuse_ask(fuse_of(inode), FUSE_OP_GETATTR, node->node, &in, sizeof(in), &out, sizeof(out));
    if (status == 0)
        status = fuse_node_update(inode, &out.attributes, out.valid_s, out.valid_ns);
    if (status == 0 && __atomic_load_n(&node->is_stale, __ATOMIC_RELAXED))
        fuse_pages_cut(inode, 0, UINT64_MAX);
    return status;
}

static int send_change(struct inode *inode, const struct fuse_setattr_in *in) {
    struct fuse_attributes_out out;
    int status =
        fuse_ask(fuse_of(inode), FUSE_OP_SETATTR, fuse_node_of(inode)->node, in, sizeof(*in), &out, sizeof(out));
    if (status == 0)
        status = fuse_node_update(inode, &out.attributes, out.valid_s, out.valid_ns);
    else
        fuse_node_expire(inode);
    return status;
}

static void split_time(int64_t time_ns, uint64_t *seconds, uint32_t *nanoseconds) {
    int64_t rest = time_ns % (int64_t)NANOSECONDS, whole = time_ns / (int64_t)NANOSECONDS;
    *seconds = (uint64_t)(rest < 0 ? whole - 1 : whole);
    *nanoseconds = (uint32_t)(rest < 0 ? rest + (int64_t)NANOSECONDS : rest);
}

int fuse_node_change(struct inode *inode, const struct inode_change *change) {
    static const struct {
        uint32_t ours, theirs;
    } words[] = {
        {INODE_CHANGE_MODE, FUSE_FATTR_MODE},      {INODE_CHANGE_USER, FUSE_FATTR_UID},
        {INODE_CHANGE_GROUP, FUSE_FATTR_GID},      {INODE_CHANGE_ACCESSED, FUSE_FATTR_ATIME},
        {INODE_CHANGE_MODIFIED, FUSE_FATTR_MTIME}, {INODE_CHANGE_TO_NOW, FUSE_FATTR_ATIME_NOW | FUSE_FATTR_MTIME_NOW}};
    struct fuse_setattr_in in = {
        .mode = inode_kind(inode) | change->mode, .user = change->user, .group = change->group};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        in.valid |= (change->what & words[i].ours) != 0 ? words[i].theirs : 0;
    split_time(change->accessed_ns, &in.accessed_s, &in.accessed_ns);
    split_time(change->modified_ns, &in.modified_s, &in.modified_ns);
    return send_change(inode, &in);
}

int fuse_node_resize(struct inode *inode, uint64_t size_bytes) {
    struct fuse_setattr_in in = {.valid = FUSE_FATTR_SIZE, .size_bytes = size_bytes};
    int status = send_change(inode, &in);
    if (status == 0)
        fuse_pages_cut(inode, 0, UINT64_MAX);
    return status;
}

/* What modes here did not decide, the server may. */
int fuse_node_access(struct inode *inode, uint32_t wanted) {
    struct fuse_connection *connection = fuse_of(inode);
    struct fuse_access_in in = {.mask = wanted};
    if (connection->options.checks_modes)
        return 0;
    int status = fuse_ask(connection, FUSE_OP_ACCESS, fuse_node_of(inode)->node, &in, sizeof(in), NULL, 0);
    return status == -LINUX_ENOSYS ? 0 : status;
}

/* ---- links ---- */

const char *fuse_link_text(struct inode *inode, uint32_t *size_bytes) {
    *size_bytes = fuse_node_of(inode)->link_bytes;
    return fuse_node_of(inode)->link_text;
}

/* Without locks. A link's text is asked for once, as it stays while the inode does. */
static int ask_link(struct inode *inode, char **text, uint32_t *size) {
    struct fuse_connection *connection = fuse_of(inode);
    struct fuse_request *request =
        fuse_request_make(connection, FUSE_OP_READLINK, fuse_node_of(inode)->node, 0, 1, FUSE_TEXT_BYTES_MAX - 1);
    if (request == NULL)
        return -LINUX_ENOMEM;
    int status = fuse_call(&request);
    if (status == 0 && memchr(request->out, 0, request->out_bytes) != NULL)
        status = -LINUX_EIO;
    if (status == 0) {
        *size = (uint32_t)request->out_bytes;
        *text = machine_take(machine_of(inode), *size + 1);
        status = *text != NULL ? 0 : -LINUX_ENOMEM;
    }
    if (status == 0) {
        memcpy(*text, request->out, *size);
        (*text)[*size] = 0;
    }
    fuse_request_give_back(request);
    return status;
}

int fuse_read_link(struct inode *inode) {
    struct fuse_node *node = fuse_node_of(inode);
    struct vfs *vfs = inode->system->vfs;
    char *text = NULL;
    uint32_t size = 0;
    if (node->link_text != NULL)
        return 0;
    vfs_unlock(vfs);
    int status = ask_link(inode, &text, &size);
    vfs_lock(vfs);
    if (status == 0 && node->link_text == NULL) {
        node->link_text = text;
        node->link_bytes = size;
    } else if (status == 0) {
        machine_give_back(vfs->machine, text, size + 1);
    }
    return status;
}

/* ---- the table ---- */

static struct list *bucket_of(struct fuse_connection *connection, uint64_t node) {
    return &connection->nodes[(node * UINT64_C(0x9e3779b97f4a7c15)) >> 58];
}

struct inode *fuse_node_find(struct fuse_connection *connection, uint64_t number) {
    struct list *bucket = bucket_of(connection, number);
    for (struct list *link = bucket->next; link != bucket; link = link->next) {
        struct fuse_node *node = list_item(link, struct fuse_node, bucket);
        if (node->node == number && node->inode.references > 0)
            return &node->inode;
    }
    return NULL;
}

static const struct inode_operations *operations_for(uint32_t mode) {
    switch (mode & LINUX_S_IFMT) {
    case LINUX_S_IFREG:
        return &fuse_file_operations;
    case LINUX_S_IFDIR:
        return &fuse_folder_operations;
    case LINUX_S_IFLNK:
        return &fuse_link_operations;
    default:
        return &fuse_other_operations;
    }
}

static int make(struct fuse_connection *connection, uint64_t number, uint32_t mode, struct inode **made) {
    const struct vfs_machine *machine = connection->system.vfs->machine;
    struct inode_plan plan = {.mode = mode, .user = connection->options.user, .group = connection->options.group};
    struct fuse_node *node = machine_take(machine, sizeof(*node));
    if (node == NULL)
        return -LINUX_ENOMEM;
    memset(node, 0, sizeof(*node));
    inode_init(&node->inode, &connection->system, operations_for(mode), &plan);
    node->inode.links = 1;
    node->inode.number = number;
    node->node = number;
    list_init(&node->handles);
    list_append(bucket_of(connection, number), &node->bucket);
    fuse_hold(connection);
    *made = &node->inode;
    return 0;
}

int fuse_node_make_root(struct fuse_connection *connection, struct inode **made) {
    return make(connection, FUSE_ROOT, connection->options.root_mode, made);
}

/* An entry that cannot be used is given back at once. */
static int refuse(struct fuse_connection *connection, uint64_t node, int status) {
    if (node != FUSE_ROOT)
        fuse_forget_late(connection, node, 1);
    return status;
}

int fuse_node_get(struct fuse_connection *connection, const struct fuse_entry_out *entry, struct inode **found) {
    if (entry->node == 0 || entry->node == FUSE_ROOT || !is_good(&entry->attributes))
        return refuse(connection, entry->node, -LINUX_EIO);
    struct inode *inode = fuse_node_find(connection, entry->node);
    if (inode != NULL && (inode_kind(inode) != (entry->attributes.mode & LINUX_S_IFMT) ||
                          fuse_node_of(inode)->generation != entry->generation)) {
        list_remove(&fuse_node_of(inode)->bucket); /* the number means another file now */
        inode = NULL;
    }
    if (inode != NULL)
        (void)inode_ref(inode);
    else if (make(connection, entry->node, entry->attributes.mode & (LINUX_S_IFMT | LINUX_MODE_BITS), &inode) != 0)
        return refuse(connection, entry->node, -LINUX_ENOMEM);
    struct fuse_node *node = fuse_node_of(inode);
    node->generation = entry->generation;
    node->lookups++;
    node->name_valid_ns = fuse_moment(connection, entry->name_valid_s, entry->name_valid_ns);
    uint64_t until = fuse_moment(connection, entry->attributes_valid_s, entry->attributes_valid_ns);
    if (connection->options.checks_modes && until < node->name_valid_ns)
        node->name_valid_ns = until; /* names are asked for anew where modes are to be known */
    take_over(inode, &entry->attributes, until);
    *found = inode;
    return 0;
}

uint64_t fuse_node_valid_until(struct inode *inode) {
    return fuse_node_of(inode)->name_valid_ns;
}

void fuse_node_release(struct inode *inode) {
    struct fuse_node *node = fuse_node_of(inode);
    struct fuse_connection *connection = fuse_of(inode);
    const struct vfs_machine *machine = machine_of(inode);
    struct vfs *vfs = inode->system->vfs;
    struct fuse_handle *handle;
    vfs_lock(vfs);
    list_remove(&node->bucket);
    vfs_unlock_in_release(vfs);
    while ((handle = list_first_item(&node->handles, struct fuse_handle, link)) != NULL) {
        list_remove(&handle->link); /* for pages; files that are open hold the inode */
        fuse_handle_drop(handle);
    }
    fuse_pages_release(inode);
    if (node->link_text != NULL)
        machine_give_back(machine, node->link_text, node->link_bytes + 1);
    node->forget = (struct fuse_forget){.node = node->node, .count = node->lookups, .block_bytes = sizeof(*node)};
    fuse_forget_queue(connection, &node->forget);
    fuse_let_go(connection);
}
