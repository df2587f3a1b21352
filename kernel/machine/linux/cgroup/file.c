/*
 * Reading and writing the files of cgroups, and finding the hierarchies.
 *
 * What is read comes from the kernel and is trusted for its form, not for its length.
 */
#include "kernel/machine/linux/cgroup/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

void file_group_path(const char *folder, const struct cgroup *group, char path[CGROUP_PATH_MAX]) {
    if (snprintf(path, CGROUP_PATH_MAX, "%s/%s", folder, group->place) >= (int)CGROUP_PATH_MAX)
        path[0] = '\0';
}

int file_open(const char *folder, const char *name, int flags) {
    char path[CGROUP_PATH_MAX];
    int length = snprintf(path, sizeof path, "%s/%s", folder, name);
    if (length < 0 || (size_t)length >= sizeof path)
        return -ENAMETOOLONG;
    int descriptor = open(path, flags | O_CLOEXEC);
    return descriptor < 0 ? -errno : descriptor;
}

int file_write(const char *folder, const char *name, const char *text) {
    int descriptor = file_open(folder, name, O_WRONLY), error = 0;
    if (descriptor < 0)
        return descriptor;
    if (write(descriptor, text, strlen(text)) < 0)
        error = -errno;
    (void)close(descriptor);
    return error;
}

int file_write_number(const char *folder, const char *name, uint64_t number) {
    char text[32];
    (void)snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    return file_write(folder, name, text);
}

int file_read(const char *folder, const char *name, char *text, size_t size_bytes) {
    int descriptor = file_open(folder, name, O_RDONLY);
    if (descriptor < 0)
        return descriptor;
    ssize_t length = read(descriptor, text, size_bytes - 1);
    int error = length < 0 ? -errno : 0;
    (void)close(descriptor);
    if (error == 0)
        text[length] = '\0';
    return error;
}

uint64_t file_number(const char *folder, const char *name, const char *key) {
    char text[4096];
    const char *place = text;
    if (file_read(folder, name, text, sizeof text) < 0)
        return 0;
    for (; key != NULL && place != NULL; place = strchr(place, '\n')) {
        place += *place == '\n';
        if (strncmp(place, key, strlen(key)) == 0 && place[strlen(key)] == ' ') {
            place += strlen(key);
            break;
        }
    }
    return place == NULL ? 0 : strtoull(place, NULL, 10);
}

uint64_t file_memory_kept(const char *folder, const char *current, const char *prefix) {
    static const char *const lists[] = {"active_file", "inactive_file"};
    uint64_t bytes = file_number(folder, current, NULL), cached = 0;
    for (unsigned i = 0; i < sizeof lists / sizeof *lists; i++) {
        char key[32];
        (void)snprintf(key, sizeof key, "%s%s", prefix, lists[i]);
        cached += file_number(folder, "memory.stat", key);
    }
    return bytes > cached ? bytes - cached : 0;
}

unsigned file_processes(const char *folder, pid_t *processes, unsigned room) {
    char text[8192];
    unsigned count = 0;
    if (file_read(folder, "cgroup.procs", text, sizeof text) < 0)
        return 0;
    for (char *rest = NULL, *line = strtok_r(text, "\n", &rest); line != NULL && count < room;
         line = strtok_r(NULL, "\n", &rest))
        processes[count++] = (pid_t)strtol(line, NULL, 10);
    return count;
}

/* Is `word` one of the words between commas? */
static bool has_word(const char *list, const char *word) {
    size_t length = strlen(word);
    for (const char *place = strstr(list, word); place != NULL; place = strstr(place + 1, word))
        if ((place == list || place[-1] == ',') && (place[length] == ',' || place[length] == '\0'))
            return true;
    return false;
}

/* A line is "NUMBER:CONTROLLER,...:PATH", for version 2 with no controllers. */
int file_own_group(const char *controller, char *path, size_t size_bytes) {
    char line[1024];
    int error = -ENOENT;
    FILE *file = fopen("/proc/self/cgroup", "re");
    if (file == NULL)
        return -errno;
    while (error == -ENOENT && fgets(line, sizeof line, file) != NULL) {
        char *list = strchr(line, ':'), *group = list == NULL ? NULL : strchr(list + 1, ':');
        if (group == NULL)
            continue;
        *group++ = '\0';
        group[strcspn(group, "\n")] = '\0';
        if (controller == NULL ? list[1] == '\0' : has_word(list + 1, controller))
            error =
                snprintf(path, size_bytes, "%s", strcmp(group, "/") == 0 ? "" : group) < (int)size_bytes ? 0 : -ERANGE;
    }
    (void)fclose(file);
    return error;
}

/* A line is "SOURCE POINT TYPE OPTIONS 0 0". */
int file_mount_point(const char *controller, char *path, size_t size_bytes) {
    char line[2048];
    int error = -ENOENT;
    FILE *file = fopen("/proc/self/mounts", "re");
    if (file == NULL)
        return -errno;
    while (error == -ENOENT && fgets(line, sizeof line, file) != NULL) {
        char *rest = NULL, *source = strtok_r(line, " ", &rest), *point = strtok_r(NULL, " ", &rest);
        char *type = strtok_r(NULL, " ", &rest), *options = strtok_r(NULL, " ", &rest);
        if (source == NULL || point == NULL || type == NULL || options == NULL)
            continue;
        if (controller == NULL ? strcmp(type, "cgroup2") == 0
                               : strcmp(type, "cgroup") == 0 && has_word(options, controller))
            error = snprintf(path, size_bytes, "%s", point) < (int)size_bytes ? 0 : -ERANGE;
    }
    (void)fclose(file);
    return error;
}

/* A killed process leaves its group a moment later; this long is waited for that, at start and at the end of groved only. */
static void end_members(const char *folder) {
    pid_t processes[512];
    for (unsigned round = 0; round < 500; round++) {
        unsigned count = file_processes(folder, processes, 512);
        if (count == 0)
            return;
        for (unsigned i = 0; i < count; i++)
            if (processes[i] > 0 && processes[i] != getpid())
                (void)kill(processes[i], SIGKILL);
        (void)nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    }
}

unsigned file_end_tree(const char *folder) {
    char below[CGROUP_PATH_MAX];
    pid_t one;
    DIR *entries = opendir(folder);
    unsigned count = 0;
    if (entries == NULL)
        return 0;
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
            continue;
        if (snprintf(below, sizeof below, "%s/%s", folder, entry->d_name) < (int)sizeof below)
            count += file_end_tree(below);
    }
    (void)closedir(entries);
    if (file_processes(folder, &one, 1) > 0) {
        count++;
        (void)file_write(folder, "cgroup.freeze", "0");
        (void)file_write(folder, "freezer.state", "THAWED");
        end_members(folder);
    }
    (void)rmdir(folder);
    return count;
}
