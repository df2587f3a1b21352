/*
 * The files below STATE/runs. A file is written under another name and renamed: a reader sees all of it or none.
 */
#include "userspace/grove/run/record.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* FNV-1a, 64 bit, as abi/audit.h says. */
static uint64_t check_of(const struct grove_audit_record *record) {
    struct grove_audit_record copy = *record;
    const unsigned char *bytes = (const unsigned char *)&copy;
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    copy.check = 0;
    for (size_t i = 0; i < sizeof(copy); i++)
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    return hash;
}

/* The folder and those above it. */
static int make_folders(char *path) {
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        int status = mkdir(path, 0700);
        *slash = '/';
        if (status < 0 && errno != EEXIST)
            return -1;
    }
    return mkdir(path, 0700) < 0 && errno != EEXIST ? -1 : 0;
}

static int open_folder(const char *state_folder, bool make) {
    char path[PATH_MAX];
    if ((size_t)snprintf(path, sizeof(path), "%s/runs", state_folder) >= sizeof(path) ||
        (make && make_folders(path) < 0))
        return -1;
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* Remove the oldest file if there are too many. One is added at a time, so one at a time is enough. */
static void forget_oldest(int folder) {
    char oldest[NAME_MAX + 1] = "";
    struct timespec least = {0};
    unsigned count = 0;
    int copy = dup(folder);
    DIR *listing = copy < 0 ? NULL : fdopendir(copy);
    if (!listing) {
        if (copy >= 0)
            close(copy);
        return;
    }
    const struct dirent *entry;
    while ((entry = readdir(listing))) {
        struct stat facts;
        if (entry->d_name[0] == '.' || fstatat(folder, entry->d_name, &facts, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        const struct timespec *time = &facts.st_mtim;
        if (count++ == 0 || time->tv_sec < least.tv_sec ||
            (time->tv_sec == least.tv_sec && time->tv_nsec < least.tv_nsec)) {
            least = *time;
            snprintf(oldest, sizeof(oldest), "%s", entry->d_name);
        }
    }
    closedir(listing);
    if (count > RUN_RECORD_FILES_MAX)
        unlinkat(folder, oldest, 0);
}

void run_record_write(const char *state_folder, const char *name, const struct grove_audit_record *records,
                      unsigned count) {
    char temporary[64];
    int folder = open_folder(state_folder, true);
    if (folder < 0)
        return;
    snprintf(temporary, sizeof(temporary), ".new-%ld", (long)getpid());
    int file = openat(folder, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    bool is_whole = file >= 0 && write(file, records, count * sizeof(*records)) == (ssize_t)(count * sizeof(*records));
    if (file >= 0)
        is_whole = close(file) == 0 && is_whole;
    if (!is_whole || renameat(folder, temporary, folder, name) < 0)
        unlinkat(folder, temporary, 0);
    forget_oldest(folder);
    close(folder);
}

unsigned run_record_read(const char *state_folder, const char *name, struct grove_audit_record *records) {
    int folder = open_folder(state_folder, false);
    int file = folder < 0 ? -1 : openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    unsigned count = 0;
    while (file >= 0 && count < RUN_RECORDS_MAX &&
           read(file, &records[count], sizeof(*records)) == (ssize_t)sizeof(*records))
        count += records[count].check == check_of(&records[count]);
    if (file >= 0)
        close(file);
    if (folder >= 0)
        close(folder);
    return count;
}
