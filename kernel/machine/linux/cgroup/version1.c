/*
 * Cgroup version 1: a tree for each controller, and in each the same folders, BASE/grove-kernel-BOOTID/PLACE.
 *
 * A child joins by writing "0" to the `tasks` files itself. That is the one form of moving which does not take the
 * kernel's lock over all forks and exits (it moves a single thread, the caller), so it costs microseconds where writing a
 * process number to cgroup.procs costs milliseconds.
 */
#include "kernel/machine/linux/cgroup/claim.h"
#include "kernel/machine/linux/cgroup/crossing.h"
#include "kernel/machine/linux/cgroup/file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOOKS_UNTIL_ANEW 16u /* at a frozen state that does not come */
#define PERIOD_US 100000u

enum controller { MEMORY, PIDS, FREEZER, CPU, CPUACCT, CONTROLLERS };
static const char *const controller_names[CONTROLLERS] = {"memory", "pids", "freezer", "cpu", "cpuacct"};
static const bool controller_is_needed[CONTROLLERS] = {true, true, false, false, false};

/* Folder of this kernel in the hierarchy of each controller; empty where there is none. Two may be the same. */
static char bases[CONTROLLERS][CGROUP_PATH_MAX / 2], folders[CONTROLLERS][CGROUP_PATH_MAX - 64];
static int claims[CONTROLLERS] = {-1, -1, -1, -1, -1};

static bool is_repeated(unsigned controller) {
    for (unsigned i = 0; i < controller; i++)
        if (strcmp(folders[i], folders[controller]) == 0)
            return true;
    return false;
}

static void group_path(enum controller controller, const struct cgroup *group, char path[CGROUP_PATH_MAX]) {
    file_group_path(folders[controller], group, path);
}

static int find_base(unsigned controller) {
    char point[CGROUP_PATH_MAX / 4], group[CGROUP_PATH_MAX / 4];
    int error = file_mount_point(controller_names[controller], point, sizeof point);
    if (error == 0)
        error = file_own_group(controller_names[controller], group, sizeof group);
    if (error == 0)
        (void)snprintf(bases[controller], sizeof bases[controller], "%s%s", point, group);
    return error;
}

static void version1_shut_down(void) {
    for (unsigned i = 0; i < CONTROLLERS; i++) {
        if (folders[i][0] != '\0')
            (void)rmdir(folders[i]);
        if (claims[i] >= 0)
            (void)close(claims[i]);
        claims[i] = -1;
    }
}

static int make_folder(unsigned controller) {
    if (is_repeated(controller))
        return 0;
    int lock = claim_lock(bases[controller]);
    if (lock >= 0)
        (void)claim_sweep(bases[controller]);
    claims[controller] = claim_make(folders[controller]);
    if (lock >= 0)
        (void)close(lock);
    return claims[controller] < 0 ? claims[controller] : 0;
}

static int version1_start_up(uint64_t boot_id) {
    for (unsigned i = 0; i < CONTROLLERS; i++) {
        int error = find_base(i);
        if (error == 0)
            error = claim_path(bases[i], boot_id, folders[i], sizeof folders[i]);
        if (error == 0)
            error = make_folder(i);
        if (error == 0)
            continue;
        folders[i][0] = '\0';
        if (controller_is_needed[i]) {
            version1_shut_down();
            return error;
        }
    }
    return 0;
}

static bool version1_probe(uint64_t boot_id) {
    if (version1_start_up(boot_id) < 0)
        return false;
    version1_shut_down();
    return true;
}

static int version1_create(struct cgroup *group) {
    char path[CGROUP_PATH_MAX];
    for (unsigned i = 0; i < CONTROLLERS; i++) {
        if (folders[i][0] == '\0' || is_repeated(i))
            continue;
        group_path((enum controller)i, group, path);
        if (mkdir(path, 0755) < 0 && errno != EEXIST)
            return -errno;
    }
    return 0;
}

/* Children that ask for events (watch_memory), until they have been waited for. */
#define ASKERS_MAX 64u
static pid_t askers[ASKERS_MAX];

static pid_t *free_asker(void) {
    pid_t *found = NULL;
    for (unsigned i = 0; i < ASKERS_MAX; i++) {
        if (askers[i] > 0 && waitpid(askers[i], NULL, WNOHANG) != 0)
            askers[i] = 0;
        if (askers[i] == 0)
            found = &askers[i];
    }
    return found;
}

static int version1_remove(const struct cgroup *group) {
    char path[CGROUP_PATH_MAX];
    int error = 0;
    (void)free_asker();
    for (unsigned i = 0; i < CONTROLLERS; i++) {
        if (folders[i][0] == '\0' || is_repeated(i))
            continue;
        group_path((enum controller)i, group, path);
        if (rmdir(path) < 0 && errno != ENOENT)
            error = -errno;
    }
    return error;
}

static int limit(enum controller controller, const struct cgroup *group, const char *name, uint64_t value,
                 const char *none) {
    char path[CGROUP_PATH_MAX];
    if (folders[controller][0] == '\0')
        return value == 0 ? 0 : -ENOTSUP;
    group_path(controller, group, path);
    return value != 0 ? file_write_number(path, name, value) : file_write(path, name, none);
}

static int version1_budget(const struct cgroup *group, const struct grove_budget *budget) {
    uint64_t quota = budget->processor_ppm / (1000000 / PERIOD_US);
    int error;
    if ((error = limit(MEMORY, group, "memory.limit_in_bytes", cgroup_memory_limit(budget), "-1")) < 0 ||
        (error = limit(PIDS, group, "pids.max", budget->processes, "max")) < 0)
        return error;
    error = limit(CPU, group, "cpu.cfs_quota_us", quota, "-1");
    return budget->processor_ppm == 0 ? 0 : error;
}

static void version1_join(const struct cgroup *group, int descriptors[CGROUP_JOIN_MAX]) {
    unsigned count = 0;
    for (unsigned i = 0; i < CONTROLLERS; i++) {
        char path[CGROUP_PATH_MAX], tasks[CGROUP_PATH_MAX + 8];
        if (folders[i][0] == '\0' || is_repeated(i))
            continue;
        group_path((enum controller)i, group, path);
        (void)snprintf(tasks, sizeof tasks, "%s/tasks", path);
        descriptors[count] = open(tasks, O_WRONLY | O_CLOEXEC);
        count += descriptors[count] >= 0;
    }
    descriptors[count] = -1;
}

static int version1_freeze(const struct cgroup *group, bool freeze) {
    char path[CGROUP_PATH_MAX];
    if (folders[FREEZER][0] == '\0')
        return -ENOTSUP;
    group_path(FREEZER, group, path);
    return file_write(path, "freezer.state", freeze ? "FROZEN" : "THAWED");
}

/*
 * Linux can miss a process that is forked, by vfork above all, while its group freezes; the group then stays FREEZING for
 * ever. Asking again reaches it, and where that does not, beginning anew does.
 */
static bool version1_is_frozen(const struct cgroup *group) {
    static unsigned looks;
    char path[CGROUP_PATH_MAX], text[32];
    group_path(FREEZER, group, path);
    if (file_read(path, "freezer.state", text, sizeof text) < 0)
        return false;
    if (strncmp(text, "FROZEN", 6) == 0)
        return true;
    if (!group->is_frozen) /* let go meanwhile, to be killed */
        return false;
    if (++looks % LOOKS_UNTIL_ANEW == 0)
        (void)file_write(path, "freezer.state", "THAWED");
    (void)file_write(path, "freezer.state", "FROZEN");
    return false;
}

static unsigned version1_processes(const struct cgroup *group, pid_t *processes, unsigned room) {
    char path[CGROUP_PATH_MAX];
    group_path(PIDS, group, path);
    return file_processes(path, processes, room);
}

static void version1_kill(const struct cgroup *group) {
    pid_t processes[512];
    unsigned count = version1_processes(group, processes, 512);
    for (unsigned i = 0; i < count; i++)
        if (processes[i] > 0)
            (void)kill(processes[i], SIGKILL);
}

static int version1_usage(const struct cgroup *group, struct grove_usage *usage) {
    char memory[CGROUP_PATH_MAX], pids[CGROUP_PATH_MAX], processor[CGROUP_PATH_MAX];
    group_path(MEMORY, group, memory);
    group_path(PIDS, group, pids);
    group_path(CPUACCT, group, processor);
    *usage = (struct grove_usage){.processor_ns = file_number(processor, "cpuacct.usage", NULL),
                                  .memory_bytes = file_number(memory, "memory.usage_in_bytes", NULL),
                                  .memory_peak_bytes = file_number(memory, "memory.max_usage_in_bytes", NULL),
                                  .processes = file_number(pids, "pids.current", NULL)};
    return 0;
}

static uint64_t version1_memory_kills(const struct cgroup *group) {
    char path[CGROUP_PATH_MAX];
    group_path(MEMORY, group, path);
    return file_number(path, "memory.oom_control", "oom_kill");
}

/* ---- watching ---- */

static int control_event(const char *path, int events, const char *name, const char *when) {
    char text[64];
    int file = file_open(path, name, O_RDONLY);
    if (file < 0)
        return file;
    (void)snprintf(text, sizeof text, "%d %d %s", events, file, when);
    int error = file_write(path, "cgroup.event_control", text);
    (void)close(file);
    return error;
}

/*
 * One eventfd for both marks and for pressure: file caches count as used, and when they have filled the limit, the marks
 * are passed for good and only the pressure says that something else wants the memory.
 */
static int ask_for_events(const char *path, int events, uint64_t limit) {
    char mark[32], left[32];
    int error;
    (void)snprintf(mark, sizeof mark, "%llu", (unsigned long long)crossing_mark(limit));
    (void)snprintf(left, sizeof left, "%llu", (unsigned long long)crossing_left_mark(limit));
    if ((error = control_event(path, events, "memory.usage_in_bytes", mark)) < 0 ||
        (error = control_event(path, events, "memory.usage_in_bytes", left)) < 0)
        return error;
    (void)control_event(path, events, "memory.pressure_level", "low,hierarchy");
    return 0;
}

/*
 * Linux waits ten milliseconds and more in each of these writes (a grace period of its read-copy-update), and groved must
 * not wait with it. So a child asks, keeps nothing of groved's open meanwhile, and rings the eventfd itself when it has: what
 * passed a mark before is then looked at.
 */
static _Noreturn void ask_beside(const char *path, int events, uint64_t limit) {
    uint64_t one = 1;
    if (events > 0)
        (void)close_range(0, (unsigned)events - 1, 0);
    (void)close_range((unsigned)events + 1, ~0u, 0);
    (void)ask_for_events(path, events, limit);
    (void)!write(events, &one, sizeof one);
    _exit(0);
}

static int watch_memory(const char *path, uint64_t limit) {
    int error, events = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (events < 0)
        return -errno;
    pid_t *asker = free_asker();
    pid_t child = asker != NULL ? fork() : -1;
    if (child == 0)
        ask_beside(path, events, limit);
    if (child > 0) {
        *asker = child;
        return events;
    }
    /* With too many under way, or no process to be had, it takes the time it takes. */
    error = ask_for_events(path, events, limit);
    if (error == 0)
        return events;
    (void)close(events);
    return error;
}

static int version1_watch(const struct cgroup *group, enum grove_resource resource, uint64_t limit, uint32_t *events) {
    char path[CGROUP_PATH_MAX];
    if (resource == GROVE_RESOURCE_MEMORY) {
        *events = EPOLLIN;
        group_path(MEMORY, group, path);
        return watch_memory(path, limit);
    }
    *events = EPOLLPRI;
    group_path(PIDS, group, path);
    return resource == GROVE_RESOURCE_PROCESSES ? file_open(path, "pids.events", O_RDONLY) : -ENOTSUP;
}

static void version1_arm(const struct cgroup *group, uint64_t memory_limit, bool is_armed) {
    (void)group;
    (void)memory_limit;
    (void)is_armed; /* both marks stay where they are */
}

static void version1_measure(const struct cgroup *group, enum grove_resource resource, struct cgroup_reading *reading) {
    char path[CGROUP_PATH_MAX];
    switch (resource) {
    case GROVE_RESOURCE_MEMORY:
        group_path(MEMORY, group, path);
        reading->used = file_memory_kept(path, "memory.usage_in_bytes", "total_");
        break;
    case GROVE_RESOURCE_PROCESSES:
        group_path(PIDS, group, path);
        reading->events = file_number(path, "pids.events", "max");
        break;
    default:
        group_path(CPU, group, path);
        reading->events = file_number(path, "cpu.stat", "throttled_time");
        break;
    }
}

static unsigned version1_recover(uint64_t boot_id) {
    /* The freezer first: a frozen process must be thawed there before it can end anywhere. */
    static const enum controller order[] = {FREEZER, MEMORY, PIDS, CPU, CPUACCT};
    char path[CGROUP_PATH_MAX];
    unsigned most = 0;
    for (unsigned i = 0; i < CONTROLLERS; i++) {
        if (folders[order[i]][0] == '\0' || claim_path(bases[order[i]], boot_id, path, sizeof path) < 0)
            continue;
        unsigned count = file_end_tree(path);
        most = count > most ? count : most;
    }
    return most;
}

const struct cgroup_version cgroup_version1 = {
    .number = 1,
    .probe = version1_probe,
    .start_up = version1_start_up,
    .shut_down = version1_shut_down,
    .create = version1_create,
    .remove = version1_remove,
    .budget = version1_budget,
    .join = version1_join,
    .freeze = version1_freeze,
    .is_frozen = version1_is_frozen,
    .kill = version1_kill,
    .usage = version1_usage,
    .memory_kills = version1_memory_kills,
    .processes = version1_processes,
    .watch = version1_watch,
    .arm = version1_arm,
    .measure = version1_measure,
    .recover = version1_recover,
};
