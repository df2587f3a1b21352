/*
 * File systems whose files a program serves, through /dev/fuse. Open this first; protocol.h is what goes through.
 *
 * A connection is one mount and the server behind it. Whoever works on a file makes a request, which waits in a queue until the
 * server reads it, and waits itself until the server's reply; a kill ends that wait, and the reply is thrown away when it
 * comes. When the last descriptor of the server is closed, the connection is dead, for good: all that wait get
 * -LINUX_ECONNABORTED and all that come -LINUX_ENOTCONN. All from the server is hostile, and checked where it comes in: sizes
 * in device.c, attributes and node numbers in node.c, names in folder.c.
 *
 * Locks: a connection's `lock` (spins) is inside of the tree's lock and of inodes' locks, and nothing is inside of it but wait
 * queues. Nobody waits for a reply with a spin lock held; the tree's lock is given up for it (inode.h of the file system layer).
 *
 * How long memory lives: `holders` counts the mount, inodes, open handles and open devices; the last one frees the connection.
 */
#ifndef GROVE_FUSE_FUSE_H
#define GROVE_FUSE_FUSE_H

#include "kernel/services/fuse/protocol.h"
#include "kernel/services/vfs/file.h"
#include "kernel/services/vfs/kinds.h"
#include "kernel/services/vfs/page_tree.h"

#define FUSE_PAGES_MAX 32u /* of one read or write */
#define FUSE_WRITE_BYTES_MAX (FUSE_PAGES_MAX * VFS_PAGE_BYTES)
#define FUSE_CACHED_PAGES_MAX 2048u /* of one connection */
#define FUSE_NODE_BUCKETS 64u
#define FUSE_TEXT_BYTES_MAX VFS_PATH_MAX

/* What is needed of whoever has the processes. */
struct fuse_caller {
    uint32_t user, group;
    int32_t process;
};
struct fuse_host {
    /* The current thread's process; all 0: the kernel's own. */
    void (*who)(struct fuse_caller *caller);
    /* An open file of the current process by its number, with a reference. -LINUX_EBADF. */
    int (*get_file)(uint32_t number, struct open_file **file);
    /* As vfs_machine.sleep, but signals that do not end the process do not end it. -LINUX_EINTR: it is to end. */
    int (*sleep)(struct wait_queue *queue, struct spinlock *held);
    /* Is the current process about to end? It is not to wait then. */
    bool (*must_end)(void);
};

struct fuse_mount_options {
    uint32_t descriptor, root_mode, user, group;
    uint32_t read_bytes_max; /* 0: no limit of the mount's */
    bool is_for_others, checks_modes; /* allow_other, default_permissions */
};

enum fuse_state {
    FUSE_BEGINS, /* INIT has no answer yet */
    FUSE_SERVES,
    FUSE_DEAD
};

struct fuse_connection {
    struct file_system system; /* first */
    const struct fuse_host *host;
    struct fuse_mount_options options;
    uint32_t holders; /* atomic */

    struct spinlock lock;
    enum fuse_state state; /* written with the lock */
    struct wait_queue readers; /* woken when there is something to read, or nothing ever will */
    struct wait_queue begun; /* woken when it serves or is dead */
    struct list pending, sent; /* requests not read yet; and read, not answered */
    struct list interrupts; /* of requests in `sent` */
    struct list forgets; /* of struct fuse_forget */
    uint64_t uniques; /* given out so far; even, the odd ones are interrupts */
    uint32_t devices; /* open ones */
    bool is_forget_next; /* forgets and requests take turns */

    uint64_t missing; /* operations answered with ENOSYS, a bit each; atomic */
    uint32_t flags; /* FUSE_HAS_, of both */
    uint32_t write_bytes_max;

    struct list nodes[FUSE_NODE_BUCKETS]; /* guarded by the tree's lock */
    struct list cached; /* inodes with pages, the oldest first; guarded by `lock` */
    uint32_t cached_pages; /* atomic */
};

/* ---- requests: request.c ---- */

/* What to undo when the reply comes after its caller was killed. */
enum fuse_late { FUSE_LATE_NOTHING, FUSE_LATE_ENTRY, FUSE_LATE_OPEN, FUSE_LATE_CREATE };

struct fuse_request {
    struct fuse_connection *connection;
    struct list link; /* in pending or sent */
    struct list interrupt_link;
    struct wait_queue answered;
    uint32_t holders; /* guarded by the connection's lock, as is what follows */
    bool is_sent, is_done, is_waited_for, is_interrupted;
    enum fuse_late late;
    void (*finish)(struct fuse_request *request); /* of one nobody waits for; before it is given back; without locks */
    int status; /* of the reply: 0 or the negative of an error */
    size_t block_bytes; /* of all this */
    size_t in_bytes; /* with its header */
    size_t out_bytes_max, out_bytes_min; /* that a good reply has without its header */
    size_t out_bytes; /* that it had */
    uint8_t *out;
    struct fuse_in_header *header; /* and its body behind it */
};

/* What a late or unwanted reply gave us that goes back. */
struct fuse_forget {
    struct list link;
    uint64_t node, count;
    size_t block_bytes; /* of what it is the beginning of */
};

/* `in_bytes` of body, to be filled at fuse_body. NULL: no memory. */
struct fuse_request *fuse_request_make(struct fuse_connection *connection, enum fuse_operation operation, uint64_t node,
                                       size_t in_bytes, size_t out_bytes_min, size_t out_bytes_max);
void fuse_request_give_back(struct fuse_request *request);
static inline void *fuse_body(struct fuse_request *request) {
    return request->header + 1;
}
/*
 * Send, and wait for the reply. 0, and out_bytes between the two limits; the server's error; -LINUX_EINTR: killed, and then
 * the request is gone; -LINUX_ENOTCONN; -LINUX_ECONNABORTED; -LINUX_ENOSYS without asking, once it was said. The request is the
 * caller's to give back after any answer but a kill, after which *request is NULL.
 */
int fuse_call(struct fuse_request **request);
/* fuse_call with one struct in and one out, either of which may be of 0 bytes. Also -LINUX_ENOMEM. */
int fuse_ask(struct fuse_connection *connection, enum fuse_operation operation, uint64_t node, const void *in,
             size_t in_bytes, void *out, size_t out_bytes);
/* Send, and let the connection give it back when it is answered, or cannot be. */
void fuse_send(struct fuse_request *request);
/* The server need not know this node any more so many times. Takes over the block that `forget` begins. */
void fuse_forget_queue(struct fuse_connection *connection, struct fuse_forget *forget);
void fuse_forget_late(struct fuse_connection *connection, uint64_t node, uint64_t count);
/* All that wait fail, and all that come. */
void fuse_abort(struct fuse_connection *connection);
/* Has this operation been answered with ENOSYS? */
static inline bool fuse_is_missing(const struct fuse_connection *connection, enum fuse_operation operation) {
    return (__atomic_load_n(&connection->missing, __ATOMIC_RELAXED) >> operation & 1) != 0;
}

/* For device.c, with the lock held: take one off the queue; finish one. */
struct fuse_request *fuse_request_take_pending(struct fuse_connection *connection);
/* Without the lock: the reply is in, or there will be none. Takes over the queue's hold. */
void fuse_request_answer(struct fuse_request *request, int status);
void fuse_request_let_go(struct fuse_request *request);

void fuse_hold(struct fuse_connection *connection);
void fuse_let_go(struct fuse_connection *connection);

/* ---- the device: device.c ---- */

/* /dev/fuse, to be added to a file system layer. `host` stays. */
int fuse_device_add(struct vfs *vfs, const struct fuse_host *host);
/* An open device gets its connection. -LINUX_EINVAL: it is none, or has one. Takes a hold. */
int fuse_device_attach(struct open_file *file, struct fuse_connection *connection);
/* A reply as it was written: header and body in one transfer. *done_bytes only if all of it was good. */
int fuse_reply(struct fuse_connection *connection, struct transfer *transfer, size_t *done_bytes);

/* ---- notices: notice.c ---- */

int fuse_notice(struct fuse_connection *connection, int32_t code, struct transfer *transfer, size_t body_bytes);

/* ---- mounts: mount.c ---- */

/* The kinds "fuse" and "fuseblk". */
int fuse_kinds_add(struct vfs *vfs, const struct fuse_host *host);

/* ---- nodes: node.c ---- */

struct fuse_node {
    struct fuse_forget forget; /* first: what is left of it when it is gone */
    struct inode inode;
    struct list bucket; /* linked while it can be found; guarded by the tree's lock, as the next two */
    uint64_t node, generation, lookups;
    uint64_t name_valid_ns; /* as last told */
    uint64_t attributes_valid_ns; /* guarded by the inode's lock, as all below */
    bool is_stale; /* pages are to be thrown out before they are read */
    uint64_t version; /* of its contents: changed when pages are thrown out */
    struct page_tree pages;
    struct list cached_link; /* guarded by the connection's lock */
    struct list handles;
    char *link_text; /* atomic: set once */
    uint32_t link_bytes;
};

static inline struct fuse_node *fuse_node_of(struct inode *inode) {
    return list_item(inode, struct fuse_node, inode);
}
static inline struct fuse_connection *fuse_of(const struct inode *inode) {
    return list_item(inode->system, struct fuse_connection, system);
}

/* The inode of an entry, counted, with the tree's lock held. -LINUX_EIO: the entry makes no sense; -LINUX_ENOMEM. */
int fuse_node_get(struct fuse_connection *connection, const struct fuse_entry_out *entry, struct inode **found);
/* The root, whose attributes are not known yet. The tree's lock is held. -LINUX_ENOMEM. */
int fuse_node_make_root(struct fuse_connection *connection, struct inode **made);
/* With the tree's lock held; no reference. NULL: it is not known. */
struct inode *fuse_node_find(struct fuse_connection *connection, uint64_t node);
/* Take over what the server says. -LINUX_EIO: of another kind than before. Without locks of the inode. */
int fuse_node_update(struct inode *inode, const struct fuse_attributes *attributes, uint64_t valid_s,
                     uint32_t valid_ns);
/* The next look at attributes asks. */
void fuse_node_expire(struct inode *inode);
int fuse_node_refresh(struct inode *inode, struct open_file *file);
int fuse_node_change(struct inode *inode, const struct inode_change *change);
int fuse_node_resize(struct inode *inode, uint64_t size_bytes);
int fuse_node_access(struct inode *inode, uint32_t wanted);
uint64_t fuse_node_valid_until(struct inode *inode);
int fuse_read_link(struct inode *inode);
const char *fuse_link_text(struct inode *inode, uint32_t *size_bytes);
void fuse_node_release(struct inode *inode);
/* A moment of clock_ns this far from now. */
uint64_t fuse_moment(const struct fuse_connection *connection, uint64_t seconds, uint32_t nanoseconds);
/* Is it good for an entry of a folder: no '/', no zero, neither too long nor empty? */
bool fuse_is_name(const char *text, size_t size_bytes);

extern const struct inode_operations fuse_folder_operations, fuse_file_operations, fuse_link_operations,
    fuse_other_operations;

/* ---- names: names.c ---- */

int fuse_look_up(struct inode *folder, const struct name *name, struct inode **found, uint64_t *valid_until_ns);
int fuse_make(struct inode *folder, const struct name *name, const struct inode_plan *plan, struct inode **made);
int fuse_create(struct inode *folder, const struct name *name, const struct inode_plan *plan,
                struct open_intent *intent, struct inode **made);
int fuse_link_as(struct inode *folder, const struct name *name, struct inode *inode, struct inode **named);
int fuse_remove(struct inode *folder, const struct name *name, struct inode *inode);
int fuse_rename(struct inode *from, const struct name *from_name, struct inode *to, const struct name *to_name,
                bool is_exchange);

/* ---- open files and folders: handle.c ---- */

struct fuse_handle {
    struct fuse_connection *connection; /* held */
    struct list link; /* in fuse_node.handles once a file has it */
    struct fuse_request *release; /* made when it was opened, so that closing needs no memory */
    uint64_t node, handle;
    uint32_t flags; /* FUSE_FOPEN_ */
    uint32_t open_flags; /* LINUX_O_ */
    bool is_folder;
    bool is_unknown; /* the server knows nothing of it: it has no OPEN */
    uint32_t holders; /* guarded by the inode's lock */
    /* Of a folder: entries of one reply. */
    struct fuse_request *entries;
    size_t entries_at;
    uint64_t entries_next; /* the position that entries_at stands for */
};

/* What OPEN said, as a handle for `release`. Takes over nothing. NULL: no memory. */
struct fuse_handle *fuse_handle_make(struct fuse_connection *connection, uint64_t node, bool is_folder,
                                     uint32_t open_flags);
/* Send RELEASE, and give it back. Without locks. */
void fuse_handle_drop(void *handle);
int fuse_open(struct open_file *file);
void fuse_close(struct open_file *file);
int fuse_flush(struct open_file *file);
int fuse_sync(struct open_file *file, bool only_data);
static inline struct fuse_handle *fuse_handle_of(const struct open_file *file) {
    return file->object;
}
/* The server's number for some open file of the inode that may be read; opened for that if there is none. For mappings. */
int fuse_handle_for_pages(struct inode *inode, struct fuse_handle **handle);
void fuse_handle_unuse(struct inode *inode, struct fuse_handle *handle);

/* ---- contents: contents.c, pages.c; entries of folders: folder.c ---- */

int fuse_read_file(struct open_file *file, uint64_t offset, struct transfer *transfer, size_t *done_bytes);
int fuse_write_file(struct open_file *file, uint64_t offset, struct transfer *transfer, size_t *done_bytes);
int fuse_read(struct inode *inode, uint64_t offset, struct transfer *transfer, size_t *done_bytes);
int fuse_page(struct inode *inode, uint64_t number, bool is_made, void (*hold)(void *page), void **page);
int fuse_seek_file(struct open_file *file, uint64_t offset, bool to_hole, uint64_t *found);
int fuse_allocate_file(struct open_file *file, uint32_t mode, uint64_t offset, uint64_t size_bytes);
int fuse_next_entry(struct open_file *file, uint64_t at, struct folder_entry *entry);

/* READ into a request's `out`. The request is the caller's. */
int fuse_fetch(struct inode *inode, uint64_t handle, uint32_t open_flags, uint64_t offset, uint32_t size_bytes,
               struct fuse_request **fetched);
/* Put what a request of whole pages fetched into the cache, unless pages were thrown out since `version`. */
void fuse_pages_keep(struct inode *inode, uint64_t version, uint64_t offset, const uint8_t *bytes, size_t size_bytes);
/* Copy up to the end of one cached page; false: it is not there. *is_short: the program's page is missing. */
bool fuse_pages_read(struct inode *inode, uint64_t offset, struct transfer *transfer, size_t *copied, bool *is_short);
/* Bytes that were written are also those of the cache. */
void fuse_pages_write(struct inode *inode, uint64_t offset, const uint8_t *bytes, size_t size_bytes);
/* Throw pages [first, end) out, of programs too. Without spin locks; may sleep. */
void fuse_pages_cut(struct inode *inode, uint64_t first, uint64_t end);
void fuse_pages_release(struct inode *inode);
uint64_t fuse_pages_version(struct inode *inode);

static inline size_t fuse_least(uint64_t a, uint64_t b) {
    return (size_t)(a < b ? a : b);
}

#endif
