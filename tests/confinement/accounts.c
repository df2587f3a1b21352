/*
 * What a system test must leave as it found it: descriptors of this process, mounts and processes of the machine that
 * are Grove's, control groups of ours.
 */
#include "tests/confinement/harness.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static unsigned count_entries(const char *folder) {
    unsigned count = 0;
    DIR *entries = opendir(folder);
    while (entries != NULL && readdir(entries) != NULL)
        count++;
    if (entries != NULL)
        (void)closedir(entries);
    return count;
}

static unsigned count_lines(const char *path) {
    unsigned count = 0;
    int byte;
    FILE *file = fopen(path, "re");
    while (file != NULL && (byte = fgetc(file)) != EOF)
        count += byte == '\n';
    if (file != NULL)
        (void)fclose(file);
    return count;
}

/* Children of this process, zombies included. */
static unsigned count_children(void) {
    char path[64];
    unsigned count = 0;
    (void)snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    FILE *file = fopen(path, "re");
    /* One number and a blank for each child. */
    for (int byte; file != NULL && (byte = fgetc(file)) != EOF;)
        count += byte == ' ';
    if (file != NULL)
        (void)fclose(file);
    return count;
}

/* Folders with this name; with `is_below`, those anywhere below them instead. */
static unsigned count_groups(const char *folder, const char *own, bool is_below, unsigned depth) {
    char below[600];
    unsigned count = 0;
    struct dirent *entry;
    struct stat status;
    DIR *entries = depth > 8 ? NULL : opendir(folder);
    while (entries != NULL && (entry = readdir(entries)) != NULL) {
        if (entry->d_name[0] == '.' ||
            snprintf(below, sizeof below, "%s/%s", folder, entry->d_name) >= (int)sizeof below ||
            lstat(below, &status) < 0 || !S_ISDIR(status.st_mode))
            continue;
        bool is_own = own == NULL || strcmp(entry->d_name, own) == 0;
        count += is_own && (own == NULL || !is_below);
        count += count_groups(below, is_own && is_below ? NULL : own, is_below, depth + 1);
    }
    if (entries != NULL)
        (void)closedir(entries);
    return count;
}

unsigned accounts_groups(uint64_t boot_id) {
    char own[40];
    (void)snprintf(own, sizeof own, "grove-kernel-%016llx", (unsigned long long)boot_id);
    return count_groups("/sys/fs/cgroup", own, false, 0);
}

unsigned accounts_groups_below(uint64_t boot_id) {
    char own[40];
    (void)snprintf(own, sizeof own, "grove-kernel-%016llx", (unsigned long long)boot_id);
    return count_groups("/sys/fs/cgroup", own, true, 0);
}

struct accounts accounts_take(void) {
    return (struct accounts){.descriptors = count_entries("/proc/self/fd"),
                             .mounts = count_lines("/proc/self/mountinfo"),
                             .cgroups = accounts_groups(linux_machine->boot_id),
                             .processes = count_children()};
}

bool accounts_match(const struct accounts *before, const struct accounts *after) {
    if (memcmp(before, after, sizeof *before) == 0)
        return true;
    (void)fprintf(stderr,
                  "left behind: descriptors %u -> %u, mounts %u -> %u, control groups %u -> %u, processes %u -> %u\n",
                  before->descriptors, after->descriptors, before->mounts, after->mounts, before->cgroups,
                  after->cgroups, before->processes, after->processes);
    return false;
}
