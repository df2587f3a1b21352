/*
 * Addresses of unix sockets: a path, whose node leads to the socket bound there; or an abstract name, which begins with a zero
 * byte and is in no file system. See unix.h and unix(7).
 */
#include "kernel/services/net/unix/inside.h"

#include "kernel/services/vfs/change.h"

#include <string.h>

#define FAMILY_BYTES 2u
#define FREE_NAME_DIGITS 5u
#define FREE_NAMES (1u << (4 * FREE_NAME_DIGITS))
#define MODE 0777u

static bool is_abstract(const struct socket_name *name) {
    return name->bytes[FAMILY_BYTES] == 0;
}

static uint64_t space_of_current(const struct unix_domain *domain) {
    return gate_name_space(domain->gate);
}

static uint32_t bucket_of(const void *bytes, uint32_t size) {
    uint64_t hash = 14695981039346656037u;
    for (uint32_t i = 0; i < size; i++)
        hash = (hash ^ ((const uint8_t *)bytes)[i]) * 1099511628211u;
    return (uint32_t)(hash >> 32) % UNIX_BUCKETS;
}

static struct list *names_at(struct unix_domain *domain, const struct socket_name *name, const struct inode *inode) {
    if (inode != NULL)
        return &domain->names[bucket_of(&inode, sizeof(inode))];
    return &domain->names[bucket_of(name->bytes, name->size_bytes)];
}

/*
 * Locked: who is bound to this abstract name, of which each type of socket and each container has its own, or to this node.
 */
static struct unix_name *find_name(struct unix_domain *domain, const struct socket_name *name, uint32_t type,
                                   const struct inode *inode) {
    struct list *bucket = names_at(domain, name, inode);
    uint64_t space = space_of_current(domain);
    for (struct list *link = bucket->next; link != bucket; link = link->next) {
        struct unix_name *found = list_item(link, struct unix_name, link);
        if (inode != NULL && found->place.dentry != NULL && found->place.dentry->inode == inode)
            return found;
        if (inode == NULL && found->place.dentry == NULL && found->socket->socket.type == type &&
            found->space == space && found->address.size_bytes == name->size_bytes &&
            memcmp(found->address.bytes, name->bytes, name->size_bytes) == 0)
            return found;
    }
    return NULL;
}

void unix_name_unref(struct unix_domain *domain, struct unix_name *name) {
    unix_lock(domain);
    bool is_last = --name->references == 0;
    unix_unlock(domain);
    if (!is_last)
        return;
    if (name->place.mount != NULL) {
        vfs_lock(domain->vfs);
        path_unref(&name->place);
        vfs_unlock(domain->vfs);
    }
    machine_give_back(domain->vfs->machine, name, sizeof(*name));
}

void unix_name_forget(struct unix_socket *socket) {
    if (socket->name == NULL || socket->name->socket != socket)
        return;
    socket->name->socket = NULL;
    list_remove(&socket->name->link);
}

/* Bind to a name that was made, whose reference is taken over on success. */
static int take_name(struct unix_socket *socket, struct unix_name *name) {
    struct unix_domain *domain = socket->domain;
    const struct inode *inode = name->place.dentry != NULL ? name->place.dentry->inode : NULL;
    int status = 0;
    unix_lock(domain);
    if (socket->name != NULL)
        status = -LINUX_EINVAL;
    else if (inode == NULL && find_name(domain, &name->address, socket->socket.type, NULL) != NULL)
        status = -LINUX_EADDRINUSE;
    if (status == 0) {
        name->socket = socket;
        socket->name = name;
        list_append(names_at(domain, &name->address, inode), &name->link);
    }
    unix_unlock(domain);
    return status;
}

static struct unix_name *make_name(struct unix_domain *domain, const struct socket_name *address) {
    struct unix_name *name = machine_take(domain->vfs->machine, sizeof(*name));
    if (name != NULL)
        *name = (struct unix_name){.references = 1, .address = *address, .space = space_of_current(domain)};
    return name;
}

/* The path of an address, ended by a zero. */
static void copy_path(const struct socket_name *name, char text[UNIX_PATH_BYTES + 1]) {
    uint32_t size = name->size_bytes - FAMILY_BYTES;
    memset(text, 0, UNIX_PATH_BYTES + 1);
    memcpy(text, name->bytes + FAMILY_BYTES, size);
}

static int look_up(const struct caller *caller, const char *text, struct path *found) {
    struct walk_path path = {.text = text};
    vfs_lock(caller->vfs);
    int status = walk(caller, &path, WALK_FOLLOW, found);
    vfs_unlock(caller->vfs);
    return status;
}

/* Make the node, and the name for it. */
static int make_node(struct unix_name *name, const struct caller *caller) {
    char text[UNIX_PATH_BYTES + 1];
    struct walk_path path = {.text = text};
    copy_path(&name->address, text);
    int status = vfs_make_node(caller, &path, LINUX_S_IFSOCK | (MODE & ~caller->mask), 0);
    if (status == -LINUX_EEXIST)
        return -LINUX_EADDRINUSE;
    if (status != 0)
        return status;
    name->address.size_bytes = FAMILY_BYTES + (uint32_t)strlen(text) + 1;
    name->address.bytes[name->address.size_bytes - 1] = 0;
    return look_up(caller, text, &name->place);
}

/* The socket has another name already. */
static void remove_node(const struct unix_name *name, const struct caller *caller) {
    char text[UNIX_PATH_BYTES + 1];
    struct walk_path path = {.text = text};
    copy_path(&name->address, text);
    (void)vfs_unlink(caller, &path);
}

int unix_check_name(const struct socket_name *name) {
    uint16_t family;
    if (name->size_bytes < FAMILY_BYTES || name->size_bytes > UNIX_NAME_BYTES)
        return -LINUX_EINVAL;
    memcpy(&family, name->bytes, sizeof(family));
    return family == LINUX_AF_UNIX ? 0 : -LINUX_EINVAL;
}

static bool has_name(struct unix_socket *socket) {
    unix_lock(socket->domain);
    bool is_bound = socket->name != NULL;
    unix_unlock(socket->domain);
    return is_bound;
}

int unix_bind(struct socket *socket, const struct caller *caller, const struct socket_name *name) {
    struct unix_socket *unix_socket = unix_of(socket);
    int status = unix_check_name(name);
    if (status != 0)
        return status;
    if (name->size_bytes == FAMILY_BYTES)
        return unix_bind_free(unix_socket);
    struct unix_name *made = make_name(unix_socket->domain, name);
    if (made == NULL)
        return -LINUX_ENOMEM;
    if (!is_abstract(name))
        status = make_node(made, caller);
    if (status == 0) {
        status = take_name(unix_socket, made);
        if (status != 0 && !is_abstract(name))
            remove_node(made, caller);
    }
    if (status != 0)
        unix_name_unref(unix_socket->domain, made);
    return status;
}

int unix_bind_free(struct unix_socket *socket) {
    static const char digits[] = "0123456789abcdef";
    struct unix_domain *domain = socket->domain;
    struct socket_name address = {.size_bytes = FAMILY_BYTES + 1 + FREE_NAME_DIGITS, .bytes = {LINUX_AF_UNIX}};
    if (has_name(socket))
        return 0;
    struct unix_name *made = make_name(domain, &address);
    int status = made != NULL ? -LINUX_EADDRINUSE : -LINUX_ENOMEM;
    for (uint32_t tries = 0; status == -LINUX_EADDRINUSE && tries < UNIX_SOCKETS_MAX + 1; tries++) {
        uint32_t number = __atomic_fetch_add(&domain->next_free_name, 1, __ATOMIC_RELAXED) % FREE_NAMES;
        for (uint32_t i = 0; i < FREE_NAME_DIGITS; i++)
            made->address.bytes[FAMILY_BYTES + 1 + i] = (uint8_t)digits[number >> 4 * (FREE_NAME_DIGITS - 1 - i) & 0xf];
        status = take_name(socket, made);
    }
    if (status != 0 && made != NULL)
        unix_name_unref(domain, made);
    return status == -LINUX_EINVAL ? 0 : status; /* another thread bound it meanwhile */
}

/* Locked. */
static int hold_bound(struct unix_name *name, const struct unix_socket *from, struct unix_socket **found) {
    if (name == NULL || name->socket == NULL || name->socket->is_closed)
        return -LINUX_ECONNREFUSED;
    if (name->socket->socket.type != from->socket.type)
        return -LINUX_EPROTOTYPE;
    *found = unix_ref(name->socket);
    return 0;
}

static int find_by_path(struct unix_socket *from, const struct caller *caller, const struct socket_name *name,
                        struct unix_socket **found) {
    char text[UNIX_PATH_BYTES + 1];
    struct path place;
    copy_path(name, text);
    int status = caller != NULL ? look_up(caller, text, &place) : -LINUX_EINVAL;
    if (status != 0)
        return status;
    const struct inode *inode = place.dentry->inode;
    vfs_lock(caller->vfs);
    status = identity_check(&caller->identity, inode, LINUX_W_OK);
    vfs_unlock(caller->vfs);
    if (status == 0 && inode_kind(inode) != LINUX_S_IFSOCK)
        status = -LINUX_ECONNREFUSED;
    if (status == 0) {
        unix_lock(from->domain);
        status = hold_bound(find_name(from->domain, name, from->socket.type, inode), from, found);
        unix_unlock(from->domain);
    }
    vfs_lock(caller->vfs);
    path_unref(&place);
    vfs_unlock(caller->vfs);
    return status;
}

int unix_find(struct unix_socket *from, const struct caller *caller, const struct socket_name *name,
              struct unix_socket **found) {
    int status = unix_check_name(name);
    if (status == 0 && name->size_bytes == FAMILY_BYTES)
        status = -LINUX_EINVAL;
    if (status != 0)
        return status;
    if (!is_abstract(name))
        return find_by_path(from, caller, name, found);
    unix_lock(from->domain);
    status = hold_bound(find_name(from->domain, name, from->socket.type, NULL), from, found);
    unix_unlock(from->domain);
    return status;
}

void unix_tell_name(const struct unix_name *from, struct socket_name *name) {
    if (from != NULL)
        *name = from->address;
    else
        *name = (struct socket_name){.size_bytes = FAMILY_BYTES, .bytes = {LINUX_AF_UNIX}};
}

int unix_get_name(struct socket *socket, bool of_peer, struct socket_name *name) {
    struct unix_socket *of = unix_of(socket);
    int status = 0;
    unix_lock(of->domain);
    if (of_peer && of->peer == NULL)
        status = -LINUX_ENOTCONN;
    else
        unix_tell_name(of_peer ? of->peer->name : of->name, name);
    unix_unlock(of->domain);
    return status;
}
