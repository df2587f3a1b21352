/* Between cgroup.c and project.c: making groups, and finding a project's. */
#ifndef GROVE_LINUX_CGROUP_PROJECT_H
#define GROVE_LINUX_CGROUP_PROJECT_H

#include "kernel/machine/linux/cgroup/file.h"

/* A group named by its number in that of a project, or in the kernel's folder if `above` is NULL. GROVE status. */
int group_create(const struct cgroup *above, bool is_project, uint32_t number, struct cgroup **group);
/* NULL for a project that has none. */
struct cgroup *cgroup_of_project(machine_project project);
/* At the end, when no container is left. */
void cgroup_project_destroy_all(void);

#endif
