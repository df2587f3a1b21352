/*
 * Cgroup version 2: one tree, a folder for each project and each container, below the folder that room.c makes for this
 * kernel.
 */
#include "kernel/machine/linux/cgroup/claim.h"
#include "kernel/machine/linux/cgroup/crossing.h"
#include "kernel/machine/linux/cgroup/file.h"
#include "kernel/machine/linux/cgroup/room.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#define PERIOD_US 100000u

static struct room own_room = {.claim = -1};

static void group_path(const struct cgroup *group, char path[CGROUP_PATH_MAX]) {
    file_group_path(own_room.kernel, group, path);
}

/* The group of one's own first; root may take the root of the tree where others share it. */
static int version2_start_up(uint64_t boot_id) {
    int error = room_find(&own_room, false);
    if (error == 0)
        error = room_make(&own_room, boot_id, geteuid() != 0);
    if (error < 0 && !own_room.is_root && geteuid() == 0 && room_find(&own_room, true) == 0)
        error = room_make(&own_room, boot_id, false);
    return error;
}

static void version2_shut_down(void) {
    room_leave(&own_room);
}

/*
 * Nobody is moved to find out: where other processes are all that is in the way, start-up would move them, and can if
 * the group is ours to write.
 */
static bool version2_probe(uint64_t boot_id) {
    char members[CGROUP_PATH_MAX];
    if (geteuid() == 0) {
        int error = version2_start_up(boot_id);
        if (error == 0)
            version2_shut_down();
        return error == 0;
    }
    int error = room_find(&own_room, false);
    if (error == 0)
        error = room_make(&own_room, boot_id, false);
    if (error == 0)
        room_leave(&own_room);
    (void)snprintf(members, sizeof members, "%s/cgroup.procs", own_room.base);
    return error == 0 || (error == -EBUSY && access(members, W_OK) == 0);
}

/*
 * A container that grows over its memory ends as a whole: half of it would be worse than none. A project passes its
 * controllers on, and when it is over its memory, Linux ends one of its containers.
 */
static int version2_create(struct cgroup *group) {
    char path[CGROUP_PATH_MAX];
    group_path(group, path);
    if (mkdir(path, 0755) < 0 && errno != EEXIST)
        return -errno;
    if (group->is_project)
        return room_divide(path);
    group->folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    (void)file_write(path, "memory.oom.group", "1");
    return group->folder < 0 ? -errno : 0;
}

static int version2_remove(const struct cgroup *group) {
    char path[CGROUP_PATH_MAX];
    group_path(group, path);
    return rmdir(path) < 0 && errno != ENOENT ? -errno : 0;
}

static int limit(const char *path, const char *name, uint64_t value) {
    return value != 0 ? file_write_number(path, name, value) : file_write(path, name, "max");
}

static int version2_budget(const struct cgroup *group, const struct grove_budget *budget) {
    char path[CGROUP_PATH_MAX];
    int error;
    group_path(group, path);
    if ((error = limit(path, "memory.max", cgroup_memory_limit(budget))) < 0 ||
        (error = limit(path, "pids.max", budget->processes)) < 0)
        return error;
    /* Swap would only hide the limit; without a swap controller there is nothing to switch off. */
    (void)file_write(path, "memory.swap.max", budget->memory_bytes != 0 ? "0" : "max");
    if (budget->processor_ppm == 0)
        error = file_write(path, "cpu.max", "max");
    else {
        char text[64];
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
    group_path(group, path);
    return file_write(path, "cgroup.freeze", freeze ? "1" : "0");
}

static bool version2_is_frozen(const struct cgroup *group) {
    char path[CGROUP_PATH_MAX];
    group_path(group, path);
    return file_number(path, "cgroup.events", "frozen") == 1;
}

static void version2_kill(const struct cgroup *group) {
    char path[CGROUP_PATH_MAX];
    group_path(group, path);
    (void)file_write(path, "cgroup.kill", "1");
}

static int version2_usage(const struct cgroup *group, struct grove_usage *usage) {
    char path[CGROUP_PATH_MAX];
    group_path(group, path);
    *usage = (struct grove_usage){.processor_ns = file_number(path, "cpu.stat", "usage_usec") * 1000,
                                  .memory_bytes = file_number(path, "memory.current", NULL),
                                  .memory_peak_bytes = file_number(path, "memory.peak", NULL),
                                  .processes = file_number(path, "pids.current", NULL)};
    return 0;
}

static uint64_t version2_memory_kills(const struct cgroup *group) {
    char path[CGROUP_PATH_MAX];
    group_path(group, path);
    return file_number(path, "memory.events", "oom_kill");
}

static unsigned version2_processes(const struct cgroup *group, pid_t *processes, unsigned room) {
    char path[CGROUP_PATH_MAX];
    group_path(group, path);
    return file_processes(path, processes, room);
}

/* ---- watching ---- */

/*
 * memory.high is a mark and not a second limit: it slows down whoever passes it, so it is taken away once it was passed,
 * until what is used has fallen again.
 */
static void version2_arm(const struct cgroup *group, uint64_t memory_limit, bool is_armed) {
    char path[CGROUP_PATH_MAX];
    group_path(group, path);
    (void)limit(path, "memory.high", is_armed ? crossing_mark(memory_limit) : 0);
}

/* A trigger on a fifth of the time, in windows of two seconds, which is what an ordinary user may have. */
static int watch_processor(const char *path) {
    static const char trigger[] = "some 400000 2000000";
    int file = file_open(path, "cpu.pressure", O_RDWR);
    if (file >= 0 && write(file, trigger, sizeof trigger) < 0) {
        int error = -errno;
        (void)close(file);
        return error;
    }
    return file;
}

static int version2_watch(const struct cgroup *group, enum grove_resource resource, uint64_t limit, uint32_t *events) {
    char path[CGROUP_PATH_MAX];
    group_path(group, path);
    *events = EPOLLPRI;
    switch (resource) {
    case GROVE_RESOURCE_MEMORY:
        version2_arm(group, limit, true);
        return file_open(path, "memory.events", O_RDONLY);
    case GROVE_RESOURCE_PROCESSES:
        return file_open(path, "pids.events", O_RDONLY);
    default:
        return watch_processor(path);
    }
}

static void version2_measure(const struct cgroup *group, enum grove_resource resource, struct cgroup_reading *reading) {
    char path[CGROUP_PATH_MAX];
    group_path(group, path);
    switch (resource) {
    case GROVE_RESOURCE_MEMORY:
        reading->used = file_memory_kept(path, "memory.current", "");
        break;
    case GROVE_RESOURCE_PROCESSES:
        reading->events = file_number(path, "pids.events", "max");
        break;
    default:
        reading->events = file_number(path, "cpu.stat", "throttled_usec") * 1000;
        break;
    }
}

/* What was left lies in the base of then: the base of now, or the root of the tree. */
static unsigned version2_recover(uint64_t boot_id) {
    struct room root;
    char path[CGROUP_PATH_MAX];
    unsigned count = 0;
    if (claim_path(own_room.base, boot_id, path, sizeof path) == 0)
        count = file_end_tree(path);
    if (!own_room.is_root && room_find(&root, true) == 0 && claim_path(root.base, boot_id, path, sizeof path) == 0)
        count += file_end_tree(path);
    return count;
}

const struct cgroup_version cgroup_version2 = {
    .number = 2,
    .probe = version2_probe,
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
    .watch = version2_watch,
    .arm = version2_arm,
    .measure = version2_measure,
    .recover = version2_recover,
};
