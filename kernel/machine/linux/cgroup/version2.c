/*
 * Cgroup version 2: one tree, one folder for each container.
 *
 *     BASE/                      the group that groved was started in, or the root
 *       grove-BOOTID/            controllers switched on for what is below
 *         kernel/                groved itself, when BASE is not the root: a group that has groups below it with
 *         0/ 1/ 2/ ...           controllers must not hold processes
 *
 * A group that others use too cannot be split like this (EBUSY); root then takes the root of the tree.
 */
#include "kernel/machine/linux/cgroup/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PERIOD_US 100000u
#define CONTROLLERS "+memory +pids +cpu"

static char mount_point[CGROUP_PATH_MAX / 4], own_group[CGROUP_PATH_MAX / 4], kernel_folder[CGROUP_PATH_MAX - 64];

static void group_path(machine_container index, char path[CGROUP_PATH_MAX]) {
    (void)snprintf(path, CGROUP_PATH_MAX, "%s/%u", kernel_folder, index);
}

static bool has_controllers(const char *folder) {
    char text[256];
    if (file_read(folder, "cgroup.controllers", text, sizeof text) < 0)
        return false;
    return strstr(text, "memory") != NULL && strstr(text, "pids") != NULL;
}

/* Processor limits may be missing (a kernel without them); memory and processes may not. */
static int switch_on(const char *folder) {
    int error = file_write(folder, "cgroup.subtree_control", CONTROLLERS);
    return error == -ENOENT || error == -EINVAL ? file_write(folder, "cgroup.subtree_control", "+memory +pids") : error;
}

static void undo(const char *base, bool has_moved) {
    char leaf[CGROUP_PATH_MAX];
    (void)snprintf(leaf, sizeof leaf, "%s/kernel", kernel_folder);
    if (has_moved)
        (void)file_write(base, "cgroup.procs", "0");
    (void)rmdir(leaf);
    (void)rmdir(kernel_folder);
}

static int settle(const char *base, bool is_root, uint64_t boot_id) {
    char leaf[CGROUP_PATH_MAX];
    int error = 0;
    bool has_moved = false;
    if (!has_controllers(base))
        return -ENOTSUP;
    (void)snprintf(kernel_folder, sizeof kernel_folder, "%s/grove-%016llx", base, (unsigned long long)boot_id);
    if (mkdir(kernel_folder, 0755) < 0)
        return -errno;
    if (!is_root) {
        (void)snprintf(leaf, sizeof leaf, "%s/kernel", kernel_folder);
        error = mkdir(leaf, 0755) < 0 ? -errno : file_write(leaf, "cgroup.procs", "0");
        has_moved = error == 0;
    }
    if (error == 0)
        error = switch_on(base);
    if (error == 0)
        error = switch_on(kernel_folder);
    if (error < 0)
        undo(base, has_moved);
    return error;
}

static int version2_start_up(uint64_t boot_id) {
    char base[CGROUP_PATH_MAX / 2];
    int error = file_mount_point(NULL, mount_point, sizeof mount_point);
    if (error == 0)
        error = file_own_group(NULL, own_group, sizeof own_group);
    if (error < 0)
        return error;
    (void)snprintf(base, sizeof base, "%s%s", mount_point, own_group);
    error = settle(base, own_group[0] == '\0', boot_id);
    if (error < 0 && own_group[0] != '\0' && geteuid() == 0) {
        own_group[0] = '\0';
        error = settle(mount_point, true, boot_id);
    }
    return error;
}

static void version2_shut_down(void) {
    char base[CGROUP_PATH_MAX / 2];
    (void)snprintf(base, sizeof base, "%s%s", mount_point, own_group);
    undo(base, own_group[0] != '\0');
}

static int version2_create(struct cgroup *group) {
    char path[CGROUP_PATH_MAX];
    group_path(group->index, path);
    if (mkdir(path, 0755) < 0 && errno != EEXIST)
        return -errno;
    group->folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    /* A container that grows over its memory ends as a whole: half of it would be worse than none. */
    (void)file_write(path, "memory.oom.group", "1");
    return group->folder < 0 ? -errno : 0;
}

static int version2_remove(machine_container index) {
    char path[CGROUP_PATH_MAX];
    group_path(index, path);
    return rmdir(path) < 0 && errno != ENOENT ? -errno : 0;
}

static int limit(const char *path, const char *name, uint64_t value) {
    return value != 0 ? file_write_number(path, name, value) : file_write(path, name, "max");
}

static int version2_budget(const struct cgroup *group, const struct grove_budget *budget) {
    char path[CGROUP_PATH_MAX], text[64];
    int error;
    group_path(group->index, path);
    if ((error = limit(path, "memory.max", budget->memory_bytes)) < 0 ||
        (error = limit(path, "pids.max", budget->processes)) < 0)
        return error;
    /* Swap would only hide the limit; without a swap controller there is nothing to switch off. */
    (void)file_write(path, "memory.swap.max", budget->memory_bytes != 0 ? "0" : "max");
    if (budget->processor_ppm == 0)
        error = file_write(path, "cpu.max", "max");
    else {
        (void)snprintf(text, sizeof text, "%llu %u",
                       (unsigned long long)(budget->processor_ppm / (1000000 / PERIOD_US)), PERIOD_US);
        error = file_write(path, "cpu.max", text);
    }
    return budget->processor_ppm == 0 ? 0 : error;
}

static void version2_join(const struct cgroup *group, int descriptors[CGROUP_JOIN_MAX]) {
    (void)group;
    descriptors[0] = -1; /* clone3 does it */
}

static int version2_freeze(const struct cgroup *group, bool freeze) {
    char path[CGROUP_PATH_MAX];
    group_path(group->index, path);
    return file_write(path, "cgroup.freeze", freeze ? "1" : "0");
}

static bool version2_is_frozen(const struct cgroup *group) {
    char path[CGROUP_PATH_MAX];
    group_path(group->index, path);
    return file_number(path, "cgroup.events", "frozen") == 1;
}

static void version2_kill(const struct cgroup *group) {
    char path[CGROUP_PATH_MAX];
    group_path(group->index, path);
    (void)file_write(path, "cgroup.kill", "1");
}

static int version2_usage(const struct cgroup *group, struct grove_usage *usage) {
    char path[CGROUP_PATH_MAX];
    group_path(group->index, path);
    *usage = (struct grove_usage){.processor_ns = file_number(path, "cpu.stat", "usage_usec") * 1000,
                                  .memory_bytes = file_number(path, "memory.current", NULL),
                                  .memory_peak_bytes = file_number(path, "memory.peak", NULL),
                                  .processes = file_number(path, "pids.current", NULL)};
    return 0;
}

static uint64_t version2_memory_kills(const struct cgroup *group) {
    char path[CGROUP_PATH_MAX];
    group_path(group->index, path);
    return file_number(path, "memory.events", "oom_kill");
}

static unsigned version2_processes(const struct cgroup *group, pid_t *processes, unsigned room) {
    char path[CGROUP_PATH_MAX];
    group_path(group->index, path);
    return file_processes(path, processes, room);
}

/* What was left lies in the base of then: below the group of now, or of what groved was moved out of, or the root. */
static unsigned version2_recover(uint64_t boot_id) {
    char path[CGROUP_PATH_MAX];
    unsigned count;
    (void)snprintf(path, sizeof path, "%s%s/grove-%016llx", mount_point, own_group, (unsigned long long)boot_id);
    count = file_end_tree(path);
    (void)snprintf(path, sizeof path, "%s/grove-%016llx", mount_point, (unsigned long long)boot_id);
    return count + file_end_tree(path);
}

const struct cgroup_version cgroup_version2 = {
    .number = 2,
    .start_up = version2_start_up,
    .shut_down = version2_shut_down,
    .create = version2_create,
    .remove = version2_remove,
    .budget = version2_budget,
    .join = version2_join,
    .freeze = version2_freeze,
    .is_frozen = version2_is_frozen,
    .kill = version2_kill,
    .usage = version2_usage,
    .memory_kills = version2_memory_kills,
    .processes = version2_processes,
    .recover = version2_recover,
};
