/*
 * Mounting: mount("fuse", place, "fuse", flags, "fd=N,rootmode=M,user_id=U,group_id=G,..."), see mount.fuse3(8) and fuse(4); and
 * INIT, by which both sides say what they can.
 */
#include "kernel/services/fuse/fuse.h"

#include "kernel/services/vfs/dentry.h"
#include "kernel/services/vfs/errors.h"

#include <string.h>

#define KIND_OF_FUSE 0x65735546
#define READ_AHEAD_BYTES 131072u

static const struct fuse_host *the_host;

/* ---- options ---- */

static bool read_number(const char *text, const char *end, uint32_t base, uint32_t *number) {
    uint64_t value = 0;
    for (const char *at = text; at < end; at++) {
        if (*at < '0' || *at >= (char)('0' + base))
            return false;
        value = value * base + (uint64_t)(*at - '0');
        if (value > UINT32_MAX)
            return false;
    }
    *number = (uint32_t)value;
    return end > text;
}

static bool is_word(const char *text, const char *end, const char *word) {
    size_t size = strlen(word);
    return (size_t)(end - text) == size && memcmp(text, word, size) == 0;
}

static bool read_option(const char *text, const char *end, struct fuse_mount_options *options, uint32_t *seen) {
    static const struct {
        const char *name;
        uint32_t base;
        size_t at;
    } numbers[] = {{"fd=", 10, offsetof(struct fuse_mount_options, descriptor)},
                   {"rootmode=", 8, offsetof(struct fuse_mount_options, root_mode)},
                   {"user_id=", 10, offsetof(struct fuse_mount_options, user)},
                   {"group_id=", 10, offsetof(struct fuse_mount_options, group)},
                   {"max_read=", 10, offsetof(struct fuse_mount_options, read_bytes_max)}};
    for (uint32_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        size_t size = strlen(numbers[i].name);
        if ((size_t)(end - text) < size || memcmp(text, numbers[i].name, size) != 0)
            continue;
        *seen |= 1u << i;
        return read_number(text + size, end, numbers[i].base, (uint32_t *)(void *)((char *)options + numbers[i].at));
    }
    if (is_word(text, end, "allow_other"))
        options->is_for_others = true;
    else if (is_word(text, end, "default_permissions"))
        options->checks_modes = true;
    else
        return (size_t)(end - text) > 8 && memcmp(text, "subtype=", 8) == 0;
    return true;
}

static int read_options(const char *text, struct fuse_mount_options *options) {
    uint32_t seen = 0;
    *options = (struct fuse_mount_options){.descriptor = 0};
    while (*text != 0) {
        const char *end = text;
        while (*end != 0 && *end != ',')
            end++;
        if (end > text && !read_option(text, end, options, &seen))
            return -LINUX_EINVAL;
        text = *end == ',' ? end + 1 : end;
    }
    bool is_folder = (options->root_mode & LINUX_S_IFMT) == LINUX_S_IFDIR;
    return (seen & 15u) == 15u && is_folder ? 0 : -LINUX_EINVAL; /* the first four must be there */
}

/* ---- INIT ---- */

static void begin(struct fuse_connection *connection, const struct fuse_init_out *out) {
    const struct vfs_machine *machine = connection->system.vfs->machine;
    bool is_good = out->major == FUSE_MAJOR && out->minor >= FUSE_MINOR_MIN;
    uint32_t write_bytes = out->write_bytes_max < VFS_PAGE_BYTES ? VFS_PAGE_BYTES : out->write_bytes_max;
    if ((out->flags & FUSE_HAS_MAX_PAGES) == 0 && write_bytes > FUSE_WRITE_BYTES_MAX)
        write_bytes = FUSE_WRITE_BYTES_MAX;
    if (!is_good)
        fuse_abort(connection);
    spinlock_lock(&connection->lock);
    if (connection->state == FUSE_BEGINS) {
        connection->flags = out->flags;
        connection->write_bytes_max = write_bytes < FUSE_WRITE_BYTES_MAX ? write_bytes : FUSE_WRITE_BYTES_MAX;
        connection->state = FUSE_SERVES;
        machine->wake(machine->context, &connection->begun);
    }
    spinlock_unlock(&connection->lock);
}

/* Answered, or the connection ended before. A server of another version is none. */
static void init_answered(struct fuse_request *request) {
    struct fuse_init_out out;
    memset(&out, 0, sizeof(out));
    if (request->is_done && request->status == 0)
        memcpy(&out, request->out, request->out_bytes < sizeof(out) ? request->out_bytes : sizeof(out));
    begin(request->connection, &out);
}

static int send_init(struct fuse_connection *connection) {
    struct fuse_request *request =
        fuse_request_make(connection, FUSE_OP_INIT, 0, sizeof(struct fuse_init_in), 8, sizeof(struct fuse_init_out));
    if (request == NULL)
        return -LINUX_ENOMEM;
    struct fuse_init_in *in = fuse_body(request);
    *in = (struct fuse_init_in){.major = FUSE_MAJOR,
                                .minor = FUSE_MINOR,
                                .read_ahead_bytes = READ_AHEAD_BYTES,
                                .flags = FUSE_HAS_ASYNC_READ | FUSE_HAS_BIG_WRITES | FUSE_HAS_DONT_MASK |
                                         FUSE_HAS_AUTO_INVAL_DATA | FUSE_HAS_READDIRPLUS | FUSE_HAS_READDIRPLUS_AUTO |
                                         FUSE_HAS_NO_OPEN | FUSE_HAS_PARALLEL_DIROPS | FUSE_HAS_MAX_PAGES |
                                         FUSE_HAS_CACHE_SYMLINKS | FUSE_HAS_NO_OPENDIR};
    request->finish = init_answered;
    fuse_send(request);
    return 0;
}

/* ---- the file system ---- */

/*
 * Only the user who mounted it may look at all, root no more than others, unless the mount is for others: a server can
 * hold up and deceive whoever uses its files.
 */
static int judge(struct file_system *system, const struct identity *identity, const struct inode *inode,
                 uint32_t wanted) {
    const struct fuse_connection *connection = list_item(system, struct fuse_connection, system);
    const struct fuse_mount_options *options = &connection->options;
    if (!options->is_for_others && (identity->user != options->user || identity->group != options->group))
        return -LINUX_EACCES;
    if (options->checks_modes)
        return JUDGED_BY_MODE;
    bool is_program = inode_kind(inode) != LINUX_S_IFREG || (inode->mode & 0111) != 0;
    return (wanted & LINUX_X_OK) != 0 && !is_program ? -LINUX_EACCES : 0;
}

static void tell_space(struct file_system *system, struct file_system_space *space) {
    struct fuse_connection *connection = list_item(system, struct fuse_connection, system);
    struct fuse_statfs_out out;
    *space = (struct file_system_space){.kind = KIND_OF_FUSE};
    if (fuse_ask(connection, FUSE_OP_STATFS, FUSE_ROOT, NULL, 0, &out, sizeof(out)) != 0)
        return;
    uint64_t unit = out.fragment_bytes != 0 ? out.fragment_bytes : out.block_bytes;
    space->pages = out.blocks / VFS_PAGE_BYTES * unit + out.blocks % VFS_PAGE_BYTES * unit / VFS_PAGE_BYTES;
    space->free_pages =
        out.free_blocks / VFS_PAGE_BYTES * unit + out.free_blocks % VFS_PAGE_BYTES * unit / VFS_PAGE_BYTES;
    space->inodes = out.files;
    space->free_inodes = out.free_files;
}

/* Nothing of it is in use any more: the server's reads fail with ENODEV, by which it knows. */
static void release(struct file_system *system) {
    struct fuse_connection *connection = list_item(system, struct fuse_connection, system);
    vfs_lock(system->vfs);
    if (system->root != NULL) {
        dentry_forget_system(system);
        dentry_unref(system->root);
    }
    vfs_unlock_in_release(system->vfs);
    fuse_abort(connection);
    fuse_let_go(connection);
}

static struct fuse_connection *make(struct vfs *vfs, const struct fuse_mount_options *options) {
    struct fuse_connection *made = machine_take(vfs->machine, sizeof(*made));
    if (made == NULL)
        return NULL;
    memset(made, 0, sizeof(*made));
    file_system_init(&made->system, vfs, "fuse", release);
    made->system.is_remote = true;
    made->system.judge = judge;
    made->system.tell_space = tell_space;
    made->host = the_host;
    made->options = *options;
    made->holders = 1;
    made->write_bytes_max = VFS_PAGE_BYTES;
    struct list *lists[] = {&made->pending, &made->sent, &made->interrupts, &made->forgets, &made->cached};
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
        list_init(lists[i]);
    for (uint32_t i = 0; i < FUSE_NODE_BUCKETS; i++)
        list_init(&made->nodes[i]);
    return made;
}

static int make_root(struct fuse_connection *connection) {
    struct vfs *vfs = connection->system.vfs;
    struct inode *root;
    vfs_lock(vfs);
    int status = fuse_node_make_root(connection, &root);
    if (status == 0)
        status = dentry_make_root(&connection->system, root, &connection->system.root);
    vfs_unlock(vfs);
    return status;
}

static int attach(struct fuse_connection *connection) {
    struct open_file *file;
    int status = connection->host->get_file(connection->options.descriptor, &file);
    if (status != 0)
        return -LINUX_EINVAL;
    status = fuse_device_attach(file, connection);
    file_unref(file);
    return status;
}

static int create(struct vfs *vfs, const char *text, struct file_system **created) {
    struct fuse_mount_options options;
    int status = read_options(text, &options);
    if (status != 0)
        return status;
    struct fuse_connection *connection = make(vfs, &options);
    if (connection == NULL)
        return -LINUX_ENOMEM;
    status = make_root(connection);
    if (status == 0)
        status = attach(connection);
    if (status == 0)
        status = send_init(connection);
    if (status != 0) {
        vfs_lock(vfs);
        file_system_unref(&connection->system);
        vfs_unlock(vfs);
        return status;
    }
    *created = &connection->system;
    return 0;
}

static struct file_system_kind kinds[] = {{.name = "fuse", .create = create}, {.name = "fuseblk", .create = create}};

int fuse_kinds_add(struct vfs *vfs, const struct fuse_host *host) {
    the_host = host;
    int status = 0;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && status == 0; i++) {
        kinds[i].link = (struct list){.next = NULL};
        status = file_system_kind_add(vfs, &kinds[i]);
    }
    return status;
}
