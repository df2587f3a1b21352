/* What groved itself may use: see cgroup_memory_around. */
#include "kernel/machine/linux/cgroup/file.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static uint64_t least(uint64_t one, uint64_t other) {
    return other != 0 && other < one ? other : one;
}

/* Version 1 adds up the limits of the groups above by itself. */
static uint64_t limit_of_version1(uint64_t limit) {
    char point[CGROUP_PATH_MAX / 2], group[CGROUP_PATH_MAX / 2], path[CGROUP_PATH_MAX];
    if (file_mount_point("memory", point, sizeof point) < 0 || file_own_group("memory", group, sizeof group) < 0)
        return limit;
    (void)snprintf(path, sizeof path, "%s%s", point, group);
    return least(limit, file_number(path, "memory.stat", "hierarchical_memory_limit"));
}

static uint64_t limit_of_version2(uint64_t limit) {
    char point[CGROUP_PATH_MAX / 2], group[CGROUP_PATH_MAX / 2], path[CGROUP_PATH_MAX];
    if (file_mount_point(NULL, point, sizeof point) < 0 || file_own_group(NULL, group, sizeof group) < 0)
        return limit;
    for (char *end; (end = strrchr(group, '/')) != NULL; *end = '\0') {
        (void)snprintf(path, sizeof path, "%s%s", point, group);
        limit = least(limit, file_number(path, "memory.max", NULL));
    }
    return limit;
}

uint64_t cgroup_memory_around(void) {
    long pages = sysconf(_SC_PHYS_PAGES), page_bytes = sysconf(_SC_PAGESIZE);
    uint64_t machine_bytes = pages > 0 && page_bytes > 0 ? (uint64_t)pages * (uint64_t)page_bytes : UINT64_MAX;
    return limit_of_version2(limit_of_version1(machine_bytes));
}
