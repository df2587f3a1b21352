/*
 * The process between a container and a folder that it may write: see server.h.
 *
 * Forked from groved, it drops what it does not need: descriptors, Linux capabilities, and root's user id for that of the
 * folder's owner, which is who the container is in that folder. Names that it follows come from Linux one at a time, never with
 * a slash, and symbolic links in the folder are read and never followed: the container's own view decides where they lead.
 *
 * It is alone on its thread and does one call after the other, so what is refused or half done never has to be undone against
 * somebody else, and a container that keeps it busy keeps only itself waiting. It ends when the mount does, or with groved.
 * Killed, it leaves files as the last finished call left them, and the container gets ENOTCONN (quota.c then ends it).
 */
#include "kernel/machine/linux/quota/server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define REQUEST_BYTES (SERVER_WRITE_BYTES + 8192u)
#define NOT_ANSWERED 1 /* of calls to which Linux expects nothing */

/* ---- what is common ---- */

static void ring(const struct server *server) {
    const uint64_t one = 1;
    (void)!write(server->bell, &one, sizeof one);
}

int server_take(struct server *server, uint64_t bytes) {
    enum account_answer answer = account_take(server->account, bytes);
    if (answer != ACCOUNT_TAKEN)
        ring(server);
    return answer == ACCOUNT_REFUSED ? -EDQUOT : 0;
}

uint64_t server_size(const struct stat *status) {
    if (S_ISDIR(status->st_mode))
        return ACCOUNT_BLOCK_BYTES;
    bool has_length = S_ISREG(status->st_mode) || S_ISLNK(status->st_mode);
    return has_length ? account_blocks((uint64_t)status->st_size) : 0;
}

void server_attributes(const struct server *server, const struct stat *status, struct fuse_attr *attributes) {
    *attributes = (struct fuse_attr){.ino = status->st_ino,
                                     .size = (uint64_t)status->st_size,
                                     .blocks = (uint64_t)status->st_blocks,
                                     .atime = (uint64_t)status->st_atim.tv_sec,
                                     .atimensec = (uint32_t)status->st_atim.tv_nsec,
                                     .mtime = (uint64_t)status->st_mtim.tv_sec,
                                     .mtimensec = (uint32_t)status->st_mtim.tv_nsec,
                                     .ctime = (uint64_t)status->st_ctim.tv_sec,
                                     .ctimensec = (uint32_t)status->st_ctim.tv_nsec,
                                     .mode = status->st_mode,
                                     .nlink = (uint32_t)status->st_nlink,
                                     .uid = status->st_uid == server->owner_user ? server->user : status->st_uid,
                                     .gid = status->st_gid == server->owner_group ? server->group : status->st_gid,
                                     .blksize = (uint32_t)ACCOUNT_BLOCK_BYTES};
}

int server_descriptor(const struct server *server, uint64_t node) {
    const struct node *found = nodes_get(&server->nodes, node);
    return found == NULL ? -ESTALE : found->descriptor;
}

int server_path(const struct server *server, uint64_t node, char path[SERVER_PATH_BYTES]) {
    int descriptor = server_descriptor(server, node);
    if (descriptor >= 0)
        (void)snprintf(path, SERVER_PATH_BYTES, "/proc/self/fd/%d", descriptor);
    return descriptor < 0 ? descriptor : 0;
}

/* Where to append is Linux's business on the other side; direct transfers would ask for memory that is laid out for them. */
int server_open_flags(uint32_t flags) {
    return (int)(flags & (O_ACCMODE | O_SYNC | O_DSYNC)) | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
}

static int enter(struct server *server, int descriptor, struct stat *status, uint32_t *number) {
    if (fstat(descriptor, status) < 0)
        return -errno;
    *number = nodes_find(&server->nodes, status->st_dev, status->st_ino);
    if (*number != 0)
        (void)close(descriptor);
    else
        *number = nodes_add(&server->nodes, descriptor, status->st_dev, status->st_ino);
    return *number == 0 ? -ENOMEM : 0;
}

int server_enter(struct server *server, int descriptor, struct fuse_entry_out *entry) {
    struct stat status;
    uint32_t number = 0;
    int error = enter(server, descriptor, &status, &number);
    if (error < 0) {
        (void)close(descriptor);
        return error;
    }
    nodes_get(&server->nodes, number)->holds++;
    *entry = (struct fuse_entry_out){.nodeid = number, .entry_valid = 1, .attr_valid = 1};
    server_attributes(server, &status, &entry->attr);
    return 0;
}

/* ---- calls about the mount itself ---- */

static int start(struct server *server, const struct call *call, struct answer *answer) {
    const struct fuse_init_in *in = call->body;
    struct fuse_init_out *out = (struct fuse_init_out *)(void *)answer->data;
    (void)server;
    *out = (struct fuse_init_out){.major = FUSE_KERNEL_VERSION,
                                  .minor = FUSE_KERNEL_MINOR_VERSION,
                                  .max_readahead = in->max_readahead,
                                  .flags = in->flags & (FUSE_BIG_WRITES | FUSE_ASYNC_READ | FUSE_MAX_PAGES),
                                  .max_background = 16,
                                  .congestion_threshold = 12,
                                  .max_write = SERVER_WRITE_BYTES,
                                  .time_gran = 1,
                                  .max_pages = SERVER_WRITE_BYTES / 4096};
    answer->bytes = sizeof *out;
    return 0;
}

/* What was removed and is now held by nobody has left the disk. */
static void settle(struct server *server, uint64_t node, uint64_t holds) {
    int descriptor = nodes_forget(&server->nodes, node, holds);
    struct stat status;
    if (descriptor < 0)
        return;
    if (fstat(descriptor, &status) == 0 && status.st_nlink == 0)
        account_give(server->account, ACCOUNT_BLOCK_BYTES + server_size(&status));
    (void)close(descriptor);
}

static int forget(struct server *server, const struct call *call, struct answer *answer) {
    const struct fuse_forget_in *in = call->body;
    (void)answer;
    settle(server, call->node, in->nlookup);
    return NOT_ANSWERED;
}

static int forget_many(struct server *server, const struct call *call, struct answer *answer) {
    const struct fuse_batch_forget_in *in = call->body;
    const struct fuse_forget_one *list = (const struct fuse_forget_one *)(const void *)(in + 1);
    size_t room = (call->bytes - sizeof *in) / sizeof *list;
    (void)answer;
    for (size_t i = 0; i < in->count && i < room; i++)
        settle(server, list[i].nodeid, list[i].nlookup);
    return NOT_ANSWERED;
}

static int interrupt(struct server *server, const struct call *call, struct answer *answer) {
    (void)server;
    (void)call;
    (void)answer;
    return NOT_ANSWERED; /* every call is short */
}

static int end(struct server *server, const struct call *call, struct answer *answer) {
    (void)server;
    (void)call;
    (void)answer;
    _exit(0);
}

/* ---- the table ---- */

static const struct {
    server_call *run; /* NULL: ENOSYS, which Linux remembers and does without */
    size_t least_bytes; /* of the body */
} calls[] = {
    [FUSE_INIT] = {start, offsetof(struct fuse_init_in, flags2)},
    [FUSE_DESTROY] = {end, 0},
    [FUSE_FORGET] = {forget, sizeof(struct fuse_forget_in)},
    [FUSE_BATCH_FORGET] = {forget_many, sizeof(struct fuse_batch_forget_in)},
    [FUSE_INTERRUPT] = {interrupt, 0},
    [FUSE_LOOKUP] = {names_look_up, 1},
    [FUSE_CREATE] = {names_create, sizeof(struct fuse_create_in) + 1},
    [FUSE_MKNOD] = {names_mknod, sizeof(struct fuse_mknod_in) + 1},
    [FUSE_MKDIR] = {names_mkdir, sizeof(struct fuse_mkdir_in) + 1},
    [FUSE_SYMLINK] = {names_symlink, 2},
    [FUSE_LINK] = {names_link, sizeof(struct fuse_link_in) + 1},
    [FUSE_UNLINK] = {names_unlink, 1},
    [FUSE_RMDIR] = {names_rmdir, 1},
    [FUSE_RENAME] = {names_rename, sizeof(struct fuse_rename_in) + 2},
    [FUSE_RENAME2] = {names_rename2, sizeof(struct fuse_rename2_in) + 2},
    [FUSE_READLINK] = {names_read_link, 0},
    [FUSE_OPENDIR] = {names_open_folder, sizeof(struct fuse_open_in)},
    [FUSE_READDIR] = {names_read_folder, sizeof(struct fuse_read_in)},
    [FUSE_RELEASEDIR] = {files_release, sizeof(struct fuse_release_in)},
    [FUSE_FSYNCDIR] = {files_sync, sizeof(struct fuse_fsync_in)},
    [FUSE_GETATTR] = {files_get, 0},
    [FUSE_SETATTR] = {files_set, sizeof(struct fuse_setattr_in)},
    [FUSE_OPEN] = {files_open, sizeof(struct fuse_open_in)},
    [FUSE_READ] = {files_read, sizeof(struct fuse_read_in)},
    [FUSE_WRITE] = {files_write, sizeof(struct fuse_write_in)},
    [FUSE_FALLOCATE] = {files_allocate, sizeof(struct fuse_fallocate_in)},
    [FUSE_FSYNC] = {files_sync, sizeof(struct fuse_fsync_in)},
    [FUSE_RELEASE] = {files_release, sizeof(struct fuse_release_in)},
    [FUSE_STATFS] = {files_statistics, 0},
};

/* ---- the loop ---- */

static void reply(const struct server *server, uint64_t unique, int error, const struct answer *answer) {
    struct fuse_out_header header = {.unique = unique, .error = error, .len = sizeof header};
    struct iovec parts[2] = {{&header, sizeof header}, {answer->data, answer->bytes}};
    if (error == 0)
        header.len += (uint32_t)answer->bytes;
    /* Whoever asked may be gone: that is no error of ours. */
    (void)!writev(server->device, parts, error == 0 && answer->bytes > 0 ? 2 : 1);
}

void server_serve(struct server *server, const char *request, size_t bytes, char *room) {
    const struct fuse_in_header *header = (const struct fuse_in_header *)(const void *)request;
    struct answer answer = {.data = room};
    if (bytes < sizeof *header || header->len != bytes)
        return;
    const struct call call = {.node = header->nodeid, .body = header + 1, .bytes = bytes - sizeof *header};
    int error = -ENOSYS;
    if (header->opcode < sizeof calls / sizeof *calls && calls[header->opcode].run != NULL)
        error = call.bytes < calls[header->opcode].least_bytes ? -EINVAL
                                                               : calls[header->opcode].run(server, &call, &answer);
    if (error != NOT_ANSWERED)
        reply(server, header->unique, error, &answer);
}

bool server_begin(struct server *server) {
    struct stat status;
    return fstat(server->folder, &status) == 0 &&
           nodes_add(&server->nodes, server->folder, status.st_dev, status.st_ino) == NODES_ROOT;
}

void server_run(struct server *server) {
    char *request = aligned_alloc(64, REQUEST_BYTES), *room = aligned_alloc(64, SERVER_WRITE_BYTES);
    if (request == NULL || room == NULL || !server_begin(server))
        _exit(1);
    if (!measure(server)) {
        (void)fprintf(stderr, "%s: cannot be counted whole: a folder in it cannot be read\n", server->name);
        _exit(1);
    }
    account_measured(server->account);
    account_wait(server->account);
    for (;;) {
        ssize_t bytes = read(server->device, request, REQUEST_BYTES);
        if (bytes >= 0)
            server_serve(server, request, (size_t)bytes, room);
        else if (errno != EINTR && errno != EAGAIN && errno != ENOENT)
            _exit(errno == ENODEV ? 0 : 1); /* ENODEV: unmounted */
    }
}
