/*
 * What is in a folder before it is served, counted as server.h says. Symbolic links are counted and not followed, and a file
 * with several names counts its length once. What cannot be looked into could hold anything, so it is a failure.
 */
#include "kernel/machine/linux/quota/server.h"

#include <fcntl.h>
#include <fts.h>
#include <limits.h>
#include <unistd.h>

/* Is this the first of its names that is seen? */
static bool is_first_name(struct nodes *seen, const struct stat *status) {
    if (S_ISDIR(status->st_mode) || status->st_nlink < 2)
        return true;
    if (nodes_find(seen, status->st_dev, status->st_ino) != 0)
        return false;
    /* The table wants a descriptor: a number that none has. */
    (void)nodes_add(seen, INT_MAX, status->st_dev, status->st_ino);
    return true;
}

static void count(const struct server *server, struct nodes *seen, const struct stat *status) {
    uint64_t bytes = ACCOUNT_BLOCK_BYTES;
    if (is_first_name(seen, status))
        bytes += server_size(status);
    account_add(server->account, bytes);
}

/* Each folder comes twice, before and after what is in it. The root is no name of the container's. */
static bool walk(const struct server *server, FTS *tree) {
    struct nodes seen = {0};
    bool is_whole = true;
    for (FTSENT *entry = fts_read(tree); entry != NULL; entry = fts_read(tree)) {
        is_whole &= entry->fts_info != FTS_DNR && entry->fts_info != FTS_ERR;
        if (entry->fts_level > FTS_ROOTLEVEL && entry->fts_info != FTS_DP && entry->fts_info != FTS_NS)
            count(server, &seen, entry->fts_statp);
    }
    nodes_close(&seen);
    return is_whole;
}

static bool measure_folder(const struct server *server) {
    char here[] = ".", *const roots[] = {here, NULL};
    int folder = openat(server->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    FTS *tree = folder < 0 || fchdir(folder) < 0 ? NULL : fts_open(roots, FTS_PHYSICAL, NULL);
    bool is_whole = tree != NULL && walk(server, tree);
    if (tree != NULL)
        (void)fts_close(tree);
    if (folder >= 0)
        (void)close(folder);
    (void)!chdir("/");
    return is_whole;
}

bool measure(const struct server *server) {
    struct stat status;
    if (fstat(server->folder, &status) < 0)
        return false;
    if (S_ISDIR(status.st_mode))
        return measure_folder(server);
    account_add(server->account, server_size(&status));
    return true;
}
