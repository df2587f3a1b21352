/*
 * What the files of the process in between share. It answers what Linux asks about one folder over /dev/fuse (linux/fuse.h has
 * the structures), one request after the other, and owns nothing but that folder.
 *
 * What counts. Each name counts ACCOUNT_BLOCK_BYTES (the file itself and its place in the folder), and each file its length in
 * whole blocks, a hole in it like what is written; a folder one block more. So a sum is known before anything is done: what
 * would pass the limit is refused with EDQUOT and leaves nothing, and what is removed while it is still open counts until it is
 * closed. Nothing is ever allocated behind the end of a file (fallocate with FALLOC_FL_KEEP_SIZE is refused), there are no
 * extended attributes, and a block more for each name is more than what a folder takes for it; so the file system never has more
 * than the sum, but for its own tables about fragments (ext4: one part in 300).
 */
#ifndef GROVE_LINUX_QUOTA_SERVER_H
#define GROVE_LINUX_QUOTA_SERVER_H

#include "kernel/machine/linux/quota/account.h"
#include "kernel/machine/linux/quota/nodes.h"

#include <linux/fuse.h>
#include <stddef.h>
#include <sys/stat.h>

#define SERVER_WRITE_BYTES 262144u /* the most of one write or read */

struct server {
    const char *name; /* of the container, for the log */
    int device; /* /dev/fuse, mounted */
    int folder; /* O_PATH of what is mounted: a folder or a file */
    int bell; /* an eventfd: groved is to look, since the limit is near or was in the way */
    struct account *account;
    /* Whoever owns the folder on disk is the container's user in its view. */
    uid_t owner_user, user;
    gid_t owner_group, group;
    struct nodes nodes;
};

/* One request. The body holds at least what the table in server.c says. */
struct call {
    uint64_t node;
    const void *body;
    size_t bytes;
};

/* What goes back with success. */
struct answer {
    char *data; /* SERVER_WRITE_BYTES of room, aligned */
    size_t bytes;
};

/* 0, or a negative error number. */
typedef int server_call(struct server *server, const struct call *call, struct answer *answer);

/* Serve until the mount is gone. Never returns. */
_Noreturn void server_run(struct server *server);

/* What server_run is made of: the folder becomes the root of the nodes; false without memory. */
bool server_begin(struct server *server);
/* Do one request, as it was read from the device, and write the answer there. `room` has SERVER_WRITE_BYTES, aligned. */
void server_serve(struct server *server, const char *request, size_t bytes, char *room);

/* Take room for `bytes` more; groved hears when the limit is near or in the way. 0 or -EDQUOT. */
int server_take(struct server *server, uint64_t bytes);
/* What a file counts beside its names. */
uint64_t server_size(const struct stat *status);
void server_attributes(const struct server *server, const struct stat *status, struct fuse_attr *attributes);
/* A number for the file behind this descriptor, which is taken over, as the answer to a request. 0 or a negative error number. */
int server_enter(struct server *server, int descriptor, struct fuse_entry_out *entry);
/* "/proc/self/fd/N" of a node, for calls that take paths. -ESTALE if there is none. */
#define SERVER_PATH_BYTES 32u
int server_path(const struct server *server, uint64_t node, char path[SERVER_PATH_BYTES]);
/* The descriptor of a node, or -ESTALE. */
int server_descriptor(const struct server *server, uint64_t node);
/* Flags for opening a file here on behalf of somebody who opened it with `flags`. */
int server_open_flags(uint32_t flags);

/* measure.c: count what is there. False if some of it cannot be looked at. */
bool measure(const struct server *server);

/* names.c */
server_call names_look_up, names_create, names_mknod, names_mkdir, names_symlink, names_link, names_unlink, names_rmdir,
    names_rename, names_rename2, names_read_link, names_open_folder, names_read_folder;
/* files.c */
server_call files_get, files_set, files_open, files_read, files_write, files_allocate, files_sync, files_release,
    files_statistics;

#endif
