/*
 * See claim.h. Only empty groups are removed here: one that still holds processes is for recovery, which knows from the
 * record in the run folder that they may be ended. A crash in the middle leaves fewer folders than before, all of them
 * whole.
 */
#include "kernel/machine/linux/cgroup/claim.h"

#include "kernel/machine/linux/cgroup/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NAME_PREFIX "grove-kernel-"
#define LOCK_TRIES 200u /* of a millisecond: whoever may read the folder can lock it, and must not stop a start */
#define MAKE_TRIES 8u

int claim_lock(const char *base) {
    int folder = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (unsigned i = 0; folder >= 0 && i < LOCK_TRIES; i++) {
        if (flock(folder, LOCK_EX | LOCK_NB) == 0)
            return folder;
        (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    if (folder >= 0)
        (void)close(folder);
    return -1;
}

int claim_path(const char *base, uint64_t boot_id, char *path, size_t size_bytes) {
    int length = snprintf(path, size_bytes, "%s/" NAME_PREFIX "%016llx", base, (unsigned long long)boot_id);
    return length < 0 || (size_t)length >= size_bytes ? -ENAMETOOLONG : 0;
}

/* The lock is worth something only if the folder is still there once it is locked. */
int claim_make(const char *path) {
    for (unsigned i = 0; i < MAKE_TRIES; i++) {
        struct stat status;
        if (mkdir(path, 0700) < 0 && errno != EEXIST)
            return -errno;
        int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (folder < 0 && errno != ENOENT)
            return -errno;
        if (folder >= 0 && flock(folder, LOCK_EX | LOCK_NB) == 0 && stat(path, &status) == 0)
            return folder;
        if (folder >= 0)
            (void)close(folder);
    }
    return -EBUSY;
}

/*
 * Not below a folder in which something is left: rmdir refuses a group with processes or with groups below it. Projects
 * are nested, so this is as deep as they are.
 */
static void remove_empty(const char *folder) {
    char below[CGROUP_PATH_MAX];
    DIR *entries = opendir(folder);
    if (entries == NULL)
        return;
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;)
        if (entry->d_type == DT_DIR && entry->d_name[0] != '.' &&
            snprintf(below, sizeof below, "%s/%s", folder, entry->d_name) < (int)sizeof below)
            remove_empty(below);
    (void)closedir(entries);
    (void)rmdir(folder);
}

static bool is_abandoned(const char *folder) {
    int descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0)
        return false;
    bool result = flock(descriptor, LOCK_EX | LOCK_NB) == 0;
    (void)close(descriptor);
    return result;
}

unsigned claim_sweep(const char *base) {
    char folder[CGROUP_PATH_MAX];
    DIR *entries = opendir(base);
    unsigned left = 0;
    if (entries == NULL)
        return 0;
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        if (strncmp(entry->d_name, NAME_PREFIX, strlen(NAME_PREFIX)) != 0 ||
            snprintf(folder, sizeof folder, "%s/%s", base, entry->d_name) >= (int)sizeof folder)
            continue;
        if (is_abandoned(folder))
            remove_empty(folder);
        left += access(folder, F_OK) == 0;
    }
    (void)closedir(entries);
    return left;
}
