/* Names in a folder that is counted: made, moved, removed and listed. See server.h for what they count. */
#include "kernel/machine/linux/quota/server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MODE_MASK 01777u /* no set-id programs are made here, as nowhere in a container */

/* The text at `offset` of the body, which ends inside it. NULL if it does not, or is no name of a single file. */
static const char *text_at(const struct call *call, size_t offset) {
    const char *text = (const char *)call->body + offset;
    return offset < call->bytes && memchr(text, '\0', call->bytes - offset) != NULL ? text : NULL;
}

static const char *name_at(const struct call *call, size_t offset) {
    const char *name = text_at(call, offset);
    bool is_name = name != NULL && name[0] != '\0' && strchr(name, '/') == NULL && strcmp(name, ".") != 0 &&
                   strcmp(name, "..") != 0;
    return is_name ? name : NULL;
}

/* Answer with what this name is now. */
static int enter(struct server *server, int folder, const char *name, struct answer *answer) {
    struct fuse_entry_out *entry = (struct fuse_entry_out *)(void *)answer->data;
    int descriptor = openat(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    answer->bytes = sizeof *entry;
    return descriptor < 0 ? -errno : server_enter(server, descriptor, entry);
}

/* Where a call is to happen: its folder and a name in it. */
struct place {
    int folder;
    const char *name;
};

static int find_place(const struct server *server, uint64_t node, const struct call *call, size_t offset,
                      struct place *place) {
    place->folder = server_descriptor(server, node);
    place->name = name_at(call, offset);
    if (place->folder < 0)
        return place->folder;
    return place->name == NULL ? -EINVAL : 0;
}

int names_look_up(struct server *server, const struct call *call, struct answer *answer) {
    struct place place;
    int error = find_place(server, call->node, call, 0, &place);
    return error < 0 ? error : enter(server, place.folder, place.name, answer);
}

/* ---- making ---- */

/* What was taken for it goes back unless it was made. */
static int made(struct server *server, int result, uint64_t taken, const struct place *place, struct answer *answer) {
    if (result < 0) {
        int error = -errno;
        account_give(server->account, taken);
        return error;
    }
    return enter(server, place->folder, place->name, answer);
}

int names_mknod(struct server *server, const struct call *call, struct answer *answer) {
    const struct fuse_mknod_in *in = call->body;
    struct place place;
    int error = find_place(server, call->node, call, sizeof *in, &place);
    if (error == 0 && !S_ISREG(in->mode) && !S_ISFIFO(in->mode) && !S_ISSOCK(in->mode))
        error = -EPERM;
    if (error == 0)
        error = server_take(server, ACCOUNT_BLOCK_BYTES);
    if (error < 0)
        return error;
    int result = mknodat(place.folder, place.name, in->mode & (S_IFMT | MODE_MASK), 0);
    return made(server, result, ACCOUNT_BLOCK_BYTES, &place, answer);
}

int names_mkdir(struct server *server, const struct call *call, struct answer *answer) {
    const struct fuse_mkdir_in *in = call->body;
    struct place place;
    int error = find_place(server, call->node, call, sizeof *in, &place);
    if (error == 0)
        error = server_take(server, 2 * ACCOUNT_BLOCK_BYTES);
    if (error < 0)
        return error;
    return made(server, mkdirat(place.folder, place.name, in->mode & MODE_MASK), 2 * ACCOUNT_BLOCK_BYTES, &place,
                answer);
}

int names_symlink(struct server *server, const struct call *call, struct answer *answer) {
    struct place place;
    int error = find_place(server, call->node, call, 0, &place);
    if (error < 0)
        return error;
    const char *target = text_at(call, strlen(place.name) + 1);
    if (target == NULL)
        return -EINVAL;
    uint64_t bytes = ACCOUNT_BLOCK_BYTES + account_blocks(strlen(target));
    error = server_take(server, bytes);
    return error < 0 ? error : made(server, symlinkat(target, place.folder, place.name), bytes, &place, answer);
}

int names_link(struct server *server, const struct call *call, struct answer *answer) {
    const struct fuse_link_in *in = call->body;
    char path[SERVER_PATH_BYTES];
    struct place place;
    int error = find_place(server, call->node, call, sizeof *in, &place);
    if (error == 0)
        error = server_path(server, in->oldnodeid, path);
    if (error == 0)
        error = server_take(server, ACCOUNT_BLOCK_BYTES);
    if (error < 0)
        return error;
    int result = linkat(AT_FDCWD, path, place.folder, place.name, AT_SYMLINK_FOLLOW);
    return made(server, result, ACCOUNT_BLOCK_BYTES, &place, answer);
}

static int open_new(const struct place *place, const struct fuse_create_in *in, bool *is_new) {
    int flags = server_open_flags(in->flags);
    int file = openat(place->folder, place->name, flags | O_CREAT | O_EXCL, in->mode & MODE_MASK);
    *is_new = file >= 0;
    if (file < 0 && errno == EEXIST && (in->flags & O_EXCL) == 0)
        file = openat(place->folder, place->name, flags);
    return file < 0 ? -errno : file;
}

int names_create(struct server *server, const struct call *call, struct answer *answer) {
    const struct fuse_create_in *in = call->body;
    struct place place;
    bool is_new;
    int error = find_place(server, call->node, call, sizeof *in, &place);
    if (error == 0)
        error = server_take(server, ACCOUNT_BLOCK_BYTES);
    if (error < 0)
        return error;
    int file = open_new(&place, in, &is_new);
    if (!is_new)
        account_give(server->account, ACCOUNT_BLOCK_BYTES);
    error = file < 0 ? file : enter(server, place.folder, place.name, answer);
    if (error < 0) {
        if (file >= 0)
            (void)close(file);
        return error;
    }
    struct fuse_open_out *open = (struct fuse_open_out *)(void *)(answer->data + answer->bytes);
    *open = (struct fuse_open_out){.fh = (uint64_t)file};
    answer->bytes += sizeof *open;
    return 0;
}

/* ---- removing and moving ---- */

/* What a name stands for; false if there is nothing. */
static bool look_at(const struct place *place, struct stat *status) {
    return fstatat(place->folder, place->name, status, AT_SYMLINK_NOFOLLOW) == 0;
}

/* A name of this file is gone. The file itself, with its last name, is when Linux lets go of it (server.c, settle). */
static void name_is_gone(struct server *server, const struct stat *before) {
    bool is_last = S_ISDIR(before->st_mode) || before->st_nlink < 2;
    if (!is_last)
        account_give(server->account, ACCOUNT_BLOCK_BYTES);
    else if (nodes_find(&server->nodes, before->st_dev, before->st_ino) == 0)
        account_give(server->account, ACCOUNT_BLOCK_BYTES + server_size(before));
}

static int remove_name(struct server *server, const struct call *call, int flags) {
    struct place place;
    struct stat status;
    int error = find_place(server, call->node, call, 0, &place);
    if (error == 0 && (!look_at(&place, &status) || unlinkat(place.folder, place.name, flags) < 0))
        error = -errno;
    if (error == 0)
        name_is_gone(server, &status);
    return error;
}

int names_unlink(struct server *server, const struct call *call, struct answer *answer) {
    (void)answer;
    return remove_name(server, call, 0);
}

int names_rmdir(struct server *server, const struct call *call, struct answer *answer) {
    (void)answer;
    return remove_name(server, call, AT_REMOVEDIR);
}

static int move(struct server *server, const struct call *call, size_t offset, uint64_t to_folder, uint32_t flags) {
    struct place from, to;
    struct stat moved, replaced;
    int error = find_place(server, call->node, call, offset, &from);
    if (error == 0)
        error = find_place(server, to_folder, call, offset + strlen(from.name) + 1, &to);
    if (error == 0 && (flags & ~(uint32_t)(RENAME_NOREPLACE | RENAME_EXCHANGE)) != 0)
        error = -EINVAL;
    if (error < 0)
        return error;
    /* Two names of the same file both stay. */
    bool replaces = flags == 0 && look_at(&from, &moved) && look_at(&to, &replaced) && replaced.st_ino != moved.st_ino;
    if (syscall(SYS_renameat2, from.folder, from.name, to.folder, to.name, flags) < 0)
        return -errno;
    if (replaces)
        name_is_gone(server, &replaced);
    return 0;
}

int names_rename(struct server *server, const struct call *call, struct answer *answer) {
    const struct fuse_rename_in *in = call->body;
    (void)answer;
    return move(server, call, sizeof *in, in->newdir, 0);
}

int names_rename2(struct server *server, const struct call *call, struct answer *answer) {
    const struct fuse_rename2_in *in = call->body;
    (void)answer;
    return move(server, call, sizeof *in, in->newdir, in->flags);
}

/* ---- reading ---- */

int names_read_link(struct server *server, const struct call *call, struct answer *answer) {
    int link = server_descriptor(server, call->node);
    ssize_t bytes = link < 0 ? 0 : readlinkat(link, "", answer->data, SERVER_WRITE_BYTES);
    if (link < 0 || bytes < 0)
        return link < 0 ? link : -errno;
    answer->bytes = (size_t)bytes;
    return 0;
}

int names_open_folder(struct server *server, const struct call *call, struct answer *answer) {
    struct fuse_open_out *out = (struct fuse_open_out *)(void *)answer->data;
    char path[SERVER_PATH_BYTES];
    int error = server_path(server, call->node, path);
    if (error < 0)
        return error;
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return -errno;
    *out = (struct fuse_open_out){.fh = (uint64_t)folder};
    answer->bytes = sizeof *out;
    return 0;
}

/* As getdents64(2) lays it out. */
struct entry {
    uint64_t file;
    int64_t next; /* where the one behind it is */
    uint16_t bytes;
    uint8_t type;
    char name[];
};

static void add_entry(struct answer *answer, const struct entry *entry) {
    struct fuse_dirent *to = (struct fuse_dirent *)(void *)(answer->data + answer->bytes);
    size_t length = strlen(entry->name), whole = FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET + length);
    memset(to, 0, whole);
    to->ino = entry->file;
    to->off = (uint64_t)entry->next;
    to->namelen = (uint32_t)length;
    to->type = entry->type;
    memcpy(to->name, entry->name, length);
    answer->bytes += whole;
}

/* An entry takes a third more there than here at most, so what is read of half the size always fits. */
int names_read_folder(struct server *server, const struct call *call, struct answer *answer) {
    static _Alignas(8) char entries[16384];
    const struct fuse_read_in *in = call->body;
    size_t room = in->size / 2 < sizeof entries ? in->size / 2 : sizeof entries;
    (void)server;
    if (lseek((int)in->fh, (off_t)in->offset, SEEK_SET) < 0)
        return -errno;
    long bytes = syscall(SYS_getdents64, (int)in->fh, entries, room);
    if (bytes < 0)
        return -errno;
    for (long at = 0; at < bytes;) {
        const struct entry *entry = (const struct entry *)(const void *)(entries + at);
        add_entry(answer, entry);
        at += entry->bytes;
    }
    return 0;
}
