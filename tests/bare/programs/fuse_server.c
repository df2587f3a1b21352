/* A small server of files in memory: see fuse_server.h. One thread; it answers in the order in which it is asked. */
#include "fuse_server.h"

#include <errno.h>
#include <linux/fuse.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define NODES_MAX 256u
#define BUFFER_BYTES (1u << 18)
#define WRITE_BYTES 131072u

struct node {
    int is_used;
    uint64_t parent; /* of its first name; 0: it has no name any more */
    char name[256];
    struct fuse_attr attr;
    char *data; /* contents, or a link's text */
    size_t capacity;
    uint64_t lookups;
};

struct server {
    int device;
    struct fuse_orders *orders;
    struct node nodes[NODES_MAX]; /* by their number */
};

static struct server server;
static uint8_t buffer[BUFFER_BYTES];

/* ---- replies ---- */

static void reply(uint64_t unique, int error, const void *body, size_t bytes) {
    struct fuse_out_header header = {.len = (uint32_t)(sizeof(header) + bytes), .error = -error, .unique = unique};
    struct iovec parts[] = {{&header, sizeof(header)}, {(void *)(uintptr_t)body, bytes}};
    if (server.orders->wrong == WRONG_ERROR)
        header.error = 77;
    (void)!writev(server.device, parts, bytes > 0 ? 2 : 1);
}

static void reply_error(const struct fuse_in_header *in, int error) {
    reply(in->unique, error, NULL, 0);
}

static struct node *node_of(uint64_t number) {
    return number < NODES_MAX && server.nodes[number].is_used ? &server.nodes[number] : NULL;
}

static uint64_t number_of(const struct node *node) {
    return (uint64_t)(node - server.nodes);
}

static struct node *find(uint64_t parent, const char *name) {
    for (uint64_t i = 2; i < NODES_MAX; i++)
        if (server.nodes[i].is_used && server.nodes[i].parent == parent && strcmp(server.nodes[i].name, name) == 0)
            return &server.nodes[i];
    return NULL;
}

static void fill_entry(struct fuse_entry_out *out, const struct node *node) {
    *out = (struct fuse_entry_out){.nodeid = number_of(node),
                                   .generation = 1,
                                   .entry_valid = server.orders->name_seconds,
                                   .attr_valid = server.orders->name_seconds,
                                   .attr = node->attr};
    if (server.orders->wrong == WRONG_KIND)
        out->attr.mode = 0170000 | 0644;
    if (server.orders->wrong == WRONG_ROOT_AS_CHILD)
        out->nodeid = FUSE_ROOT_ID;
}

static void reply_entry(const struct fuse_in_header *in, struct node *node) {
    struct fuse_entry_out out;
    fill_entry(&out, node);
    node->lookups++;
    reply(in->unique, 0, &out, sizeof(out));
}

static void reply_attributes(const struct fuse_in_header *in, const struct node *node) {
    struct fuse_attr_out out = {.attr_valid = server.orders->name_seconds, .attr = node->attr};
    size_t bytes = sizeof(out);
    if (server.orders->wrong == WRONG_SIZE_OF_ATTRIBUTES)
        bytes -= 8;
    if (server.orders->wrong == WRONG_KIND)
        out.attr.mode = 0170000 | 0644;
    reply(in->unique, 0, &out, bytes);
}

/* ---- nodes ---- */

static void touch(struct node *node) {
    static uint32_t ticks;
    node->attr.mtime = 1000000000u + ++ticks;
    node->attr.ctime = node->attr.mtime;
}

static struct node *make(const struct fuse_in_header *in, const char *name, uint32_t mode) {
    for (uint64_t i = 2; i < NODES_MAX; i++) {
        struct node *node = &server.nodes[i];
        if (node->is_used)
            continue;
        *node = (struct node){.is_used = 1, .parent = in->nodeid};
        snprintf(node->name, sizeof(node->name), "%s", name);
        node->attr = (struct fuse_attr){
            .ino = i, .mode = mode, .nlink = S_ISDIR(mode) ? 2 : 1, .uid = in->uid, .gid = in->gid, .blksize = 4096};
        touch(node);
        touch(node_of(in->nodeid));
        return node;
    }
    return NULL;
}

static void resize(struct node *node, size_t bytes) {
    if (bytes > node->capacity) {
        node->data = realloc(node->data, bytes);
        memset(node->data + node->capacity, 0, bytes - node->capacity);
        node->capacity = bytes;
    }
    if (bytes < node->attr.size)
        memset(node->data + bytes, 0, node->attr.size - bytes);
    node->attr.size = bytes;
    node->attr.blocks = (bytes + 511) / 512;
    touch(node);
}

static void forget(uint64_t number, uint64_t count) {
    struct node *node = node_of(number);
    if (node == NULL || number == FUSE_ROOT_ID)
        return;
    node->lookups -= count < node->lookups ? count : node->lookups;
    if (node->lookups == 0 && node->parent == 0) {
        free(node->data);
        *node = (struct node){.is_used = 0};
    }
}

static int is_empty(const struct node *folder) {
    for (uint64_t i = 2; i < NODES_MAX; i++)
        if (server.nodes[i].is_used && server.nodes[i].parent == number_of(folder))
            return 0;
    return 1;
}

static void take_name_away(struct node *node) {
    node->parent = 0;
    node->attr.nlink = 0;
    touch(node);
    forget(number_of(node), 0);
}

/* ---- requests ---- */

static void do_init(const struct fuse_in_header *in, const struct fuse_init_in *init) {
    uint32_t wanted =
        FUSE_ASYNC_READ | FUSE_BIG_WRITES | FUSE_AUTO_INVAL_DATA | FUSE_MAX_PAGES | FUSE_NO_OPENDIR_SUPPORT;
    if (server.orders->with_entries)
        wanted |= FUSE_DO_READDIRPLUS;
    struct fuse_init_out out = {.major = 7,
                                .minor = 31,
                                .max_readahead = init->max_readahead,
                                .flags = init->flags & wanted,
                                .max_write = WRITE_BYTES,
                                .max_pages = WRITE_BYTES / 4096,
                                .time_gran = 1};
    reply(in->unique, 0, &out, sizeof(out));
    __atomic_store_n(&server.orders->is_begun, 1, __ATOMIC_RELEASE);
}

static void do_lookup(const struct fuse_in_header *in, const char *name) {
    server.orders->lookups++;
    struct node *node = find(in->nodeid, name);
    if (node == NULL)
        reply_error(in, ENOENT);
    else
        reply_entry(in, node);
}

static void do_setattr(const struct fuse_in_header *in, const struct fuse_setattr_in *change) {
    struct node *node = node_of(in->nodeid);
    if ((change->valid & FATTR_MODE) != 0)
        node->attr.mode = (node->attr.mode & S_IFMT) | (change->mode & 07777);
    if ((change->valid & FATTR_UID) != 0)
        node->attr.uid = change->uid;
    if ((change->valid & FATTR_GID) != 0)
        node->attr.gid = change->gid;
    if ((change->valid & FATTR_SIZE) != 0)
        resize(node, change->size);
    if ((change->valid & FATTR_ATIME) != 0)
        node->attr.atime = change->atime, node->attr.atimensec = change->atimensec;
    if ((change->valid & FATTR_MTIME) != 0)
        node->attr.mtime = change->mtime, node->attr.mtimensec = change->mtimensec;
    reply_attributes(in, node);
}

static void do_make(const struct fuse_in_header *in, const char *name, uint32_t mode) {
    struct node *node = find(in->nodeid, name);
    if (node != NULL) {
        reply_error(in, EEXIST);
        return;
    }
    node = make(in, name, mode);
    if (node == NULL)
        reply_error(in, ENOSPC);
    else
        reply_entry(in, node);
}

static void do_symlink(const struct fuse_in_header *in, const char *names) {
    const char *text = names + strlen(names) + 1;
    struct node *node = make(in, names, S_IFLNK | 0777);
    if (node == NULL) {
        reply_error(in, ENOSPC);
        return;
    }
    resize(node, strlen(text));
    memcpy(node->data, text, strlen(text));
    reply_entry(in, node);
}

static void do_readlink(const struct fuse_in_header *in) {
    struct node *node = node_of(in->nodeid);
    if (server.orders->wrong == WRONG_LINK)
        reply(in->unique, 0, "a\0b", 3);
    else
        reply(in->unique, 0, node->data, node->attr.size);
}

static void do_remove(const struct fuse_in_header *in, const char *name, int is_folder) {
    struct node *node = find(in->nodeid, name);
    int error = node == NULL ? ENOENT : 0;
    if (error == 0 && is_folder && !is_empty(node))
        error = ENOTEMPTY;
    if (error == 0)
        take_name_away(node);
    reply_error(in, error);
}

static void do_rename(const struct fuse_in_header *in, uint64_t folder, const char *names, int is_exchange) {
    const char *to = names + strlen(names) + 1;
    struct node *from = find(in->nodeid, names), *target = find(folder, to);
    int error = from == NULL ? ENOENT : 0;
    if (error == 0 && target != NULL && !is_exchange && S_ISDIR(target->attr.mode) && !is_empty(target))
        error = ENOTEMPTY;
    if (error == 0 && target != NULL && is_exchange) {
        target->parent = in->nodeid;
        snprintf(target->name, sizeof(target->name), "%s", names);
    } else if (error == 0 && target != NULL) {
        take_name_away(target);
    }
    if (error == 0) {
        from->parent = folder;
        snprintf(from->name, sizeof(from->name), "%s", to);
        touch(from);
    }
    reply_error(in, error);
}

static void do_open(const struct fuse_in_header *in) {
    int is_direct = server.orders->direct || strcmp(node_of(in->nodeid)->name, "stuck") == 0;
    struct fuse_open_out out = {.fh = 1, .open_flags = is_direct ? FOPEN_DIRECT_IO : 0};
    reply(in->unique, 0, &out, sizeof(out));
}

static void do_create(const struct fuse_in_header *in, const struct fuse_create_in *create) {
    struct {
        struct fuse_entry_out entry;
        struct fuse_open_out open;
    } out = {.open = {.fh = 1, .open_flags = server.orders->direct ? FOPEN_DIRECT_IO : 0}};
    const char *name = (const char *)(create + 1);
    if (server.orders->without_create) {
        reply_error(in, ENOSYS);
        return;
    }
    struct node *node = find(in->nodeid, name);
    if (node == NULL)
        node = make(in, name, create->mode);
    if (node == NULL) {
        reply_error(in, ENOSPC);
        return;
    }
    node->lookups++;
    fill_entry(&out.entry, node);
    reply(in->unique, 0, &out, sizeof(out));
}

static void do_read(const struct fuse_in_header *in, const struct fuse_read_in *read) {
    struct node *node = node_of(in->nodeid);
    server.orders->reads++;
    if (strcmp(node->name, "stuck") == 0) {
        __atomic_add_fetch(&server.orders->stalled, 1, __ATOMIC_RELEASE);
        return;
    }
    size_t bytes = read->offset < node->attr.size ? node->attr.size - read->offset : 0;
    bytes = bytes < read->size ? bytes : read->size;
    if (server.orders->wrong == WRONG_READ)
        reply(in->unique, 0, buffer, read->size + 1);
    else
        reply(in->unique, 0, node->data + read->offset, bytes);
}

static void do_write(const struct fuse_in_header *in, const struct fuse_write_in *write) {
    struct node *node = node_of(in->nodeid);
    struct fuse_write_out out = {.size = write->size};
    if (write->offset + write->size > node->attr.size)
        resize(node, write->offset + write->size);
    memcpy(node->data + write->offset, write + 1, write->size);
    touch(node);
    out.size += server.orders->wrong == WRONG_WRITE;
    reply(in->unique, 0, &out, sizeof(out));
}

/* One entry into `to`; 0: it does not fit. */
static size_t put_entry(uint8_t *to, size_t room, struct node *node, uint64_t next, int with_entry) {
    const char *name = node->name;
    size_t head = with_entry ? sizeof(struct fuse_entry_out) : 0;
    struct fuse_dirent dirent = {.ino = node->attr.ino, .off = next, .type = (node->attr.mode & S_IFMT) >> 12};
    if (server.orders->wrong == WRONG_NAME_IN_FOLDER)
        name = "a/b";
    if (server.orders->wrong == WRONG_EMPTY_NAME)
        name = "";
    dirent.namelen = (uint32_t)strlen(name);
    size_t bytes = FUSE_REC_ALIGN(head + FUSE_NAME_OFFSET + dirent.namelen);
    if (bytes > room)
        return 0;
    memset(to, 0, bytes);
    if (with_entry) {
        struct fuse_entry_out entry;
        fill_entry(&entry, node);
        node->lookups++;
        memcpy(to, &entry, sizeof(entry));
    }
    memcpy(to + head, &dirent, FUSE_NAME_OFFSET);
    memcpy(to + head + FUSE_NAME_OFFSET, name, dirent.namelen);
    return bytes;
}

/* Positions are numbers of nodes. */
static void do_readdir(const struct fuse_in_header *in, const struct fuse_read_in *read, int with_entries) {
    static uint8_t out[BUFFER_BYTES];
    size_t bytes = 0;
    for (uint64_t i = read->offset < 2 ? 2 : read->offset; i < NODES_MAX; i++) {
        struct node *node = &server.nodes[i];
        if (!node->is_used || node->parent != in->nodeid)
            continue;
        size_t more = put_entry(out + bytes, read->size - bytes, node, i + 1, with_entries);
        if (more == 0)
            break;
        bytes += more;
    }
    reply(in->unique, 0, out, bytes);
}

static void do_statfs(const struct fuse_in_header *in) {
    struct fuse_statfs_out out = {.st = {.blocks = 1000,
                                         .bfree = 600,
                                         .bavail = 600,
                                         .files = 256,
                                         .ffree = 100,
                                         .bsize = 4096,
                                         .namelen = 255,
                                         .frsize = 4096}};
    reply(in->unique, 0, &out, sizeof(out));
}

static void do_batch_forget(const struct fuse_batch_forget_in *batch) {
    const struct fuse_forget_one *one = (const void *)(batch + 1);
    for (uint32_t i = 0; i < batch->count; i++)
        forget(one[i].nodeid, one[i].nlookup);
}

/* Requests on files that are open, and the rest. */
static void do_file_request(const struct fuse_in_header *in, const void *body) {
    switch (in->opcode) {
    case FUSE_OPEN:
        do_open(in);
        break;
    case FUSE_CREATE:
        do_create(in, body);
        break;
    case FUSE_READ:
        do_read(in, body);
        break;
    case FUSE_WRITE:
        do_write(in, body);
        break;
    case FUSE_READDIR:
    case FUSE_READDIRPLUS:
        do_readdir(in, body, in->opcode == FUSE_READDIRPLUS);
        break;
    case FUSE_STATFS:
        do_statfs(in);
        break;
    case FUSE_RELEASE:
    case FUSE_FLUSH:
    case FUSE_FSYNC:
    case FUSE_DESTROY:
        reply_error(in, 0);
        break;
    case FUSE_INTERRUPT:
        if (server.orders->heeds_interrupts)
            reply(((const struct fuse_interrupt_in *)body)->unique, EINTR, NULL, 0);
        __atomic_add_fetch(&server.orders->interrupts, 1, __ATOMIC_RELEASE);
        break;
    default:
        reply_error(in, ENOSYS);
    }
}

static void do_request(const struct fuse_in_header *in) {
    const void *body = in + 1;
    const struct fuse_mknod_in *mknod = body;
    const struct fuse_mkdir_in *mkdir = body;
    const struct fuse_rename_in *rename = body;
    const struct fuse_rename2_in *rename2 = body;
    switch (in->opcode) {
    case FUSE_INIT:
        do_init(in, body);
        break;
    case FUSE_LOOKUP:
        do_lookup(in, body);
        break;
    case FUSE_FORGET:
        forget(in->nodeid, ((const struct fuse_forget_in *)body)->nlookup);
        break;
    case FUSE_BATCH_FORGET:
        do_batch_forget(body);
        break;
    case FUSE_GETATTR:
        reply_attributes(in, node_of(in->nodeid));
        break;
    case FUSE_SETATTR:
        do_setattr(in, body);
        break;
    case FUSE_READLINK:
        do_readlink(in);
        break;
    case FUSE_SYMLINK:
        do_symlink(in, body);
        break;
    case FUSE_MKNOD:
        do_make(in, (const char *)(mknod + 1), mknod->mode);
        break;
    case FUSE_MKDIR:
        do_make(in, (const char *)(mkdir + 1), S_IFDIR | mkdir->mode);
        break;
    case FUSE_UNLINK:
    case FUSE_RMDIR:
        do_remove(in, body, in->opcode == FUSE_RMDIR);
        break;
    case FUSE_RENAME:
        do_rename(in, rename->newdir, (const char *)(rename + 1), 0);
        break;
    case FUSE_RENAME2:
        do_rename(in, rename2->newdir, (const char *)(rename2 + 1), (rename2->flags & 2) != 0);
        break;
    default:
        do_file_request(in, body);
    }
}

/* The file `changed` gets other contents of the same size, and the kernel is told. */
static void change_file(void) {
    struct node *node = find(FUSE_ROOT_ID, "changed");
    struct {
        struct fuse_out_header header;
        struct fuse_notify_inval_inode_out body;
    } notice = {.header = {.len = sizeof(notice), .error = FUSE_NOTIFY_INVAL_INODE}};
    if (node == NULL)
        return;
    memset(node->data, 'B', node->attr.size);
    notice.body = (struct fuse_notify_inval_inode_out){.ino = number_of(node), .off = 0, .len = 0};
    (void)!write(server.device, &notice, sizeof(notice));
}

int fuse_serve(int device, struct fuse_orders *orders) {
    server.device = device;
    server.orders = orders;
    struct fuse_attr *root = &server.nodes[FUSE_ROOT_ID].attr;
    server.nodes[FUSE_ROOT_ID].is_used = 1;
    *root = (struct fuse_attr){.ino = 1, .mode = S_IFDIR | 0755, .nlink = 2, .blksize = 4096};
    root->mtime = root->ctime = 1000000000;
    for (;;) {
        ssize_t bytes = read(device, buffer, sizeof(buffer));
        if (bytes < 0 && (errno == EINTR || errno == ENOENT || errno == EAGAIN))
            continue;
        if (bytes < 0)
            return errno == ENODEV ? 0 : errno;
        do_request((const struct fuse_in_header *)buffer);
        if (__atomic_load_n(&orders->invalidate, __ATOMIC_ACQUIRE)) {
            change_file();
            __atomic_store_n(&orders->invalidate, 0, __ATOMIC_RELEASE);
        }
    }
}
