/*
 * Control groups without regard to their version: which one is used is decided once, at start-up.
 *
 * A group can be busy for a moment after its last process was waited for; such a one is kept in a short list and tried
 * again at the next creation and at the end. What a crash leaves is found by its name (recovery/).
 */
#include "kernel/machine/linux/cgroup/file.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const struct cgroup_version *version;

#define BUSY_MAX 256u
#define SHUT_DOWN_TRIES 500u
static machine_container busy[BUSY_MAX];
static unsigned busy_count;

static int status_of(int error) {
    switch (-error) {
    case 0:
        return GROVE_OK;
    case ENOMEM:
    case ENOSPC:
        return GROVE_NO_MEMORY;
    case EMFILE:
    case ENFILE:
        return GROVE_NO_DESCRIPTORS;
    case ENOTSUP:
        return GROVE_UNSUPPORTED;
    default:
        return GROVE_LAYER_MISSING;
    }
}

static const struct cgroup_version *const versions[] = {&cgroup_version2, &cgroup_version1};
#define VERSIONS (sizeof versions / sizeof *versions)

int cgroup_start_up(uint64_t boot_id, uint32_t *number) {
    int error = -ENOTSUP;
    for (unsigned i = 0; i < VERSIONS; i++) {
        error = versions[i]->start_up(boot_id);
        if (error == 0) {
            version = versions[i];
            *number = version->number;
            return GROVE_OK;
        }
    }
    *number = 0;
    return status_of(error);
}

/* In a child, because version 2 moves the caller, and under a number that no kernel has. */
bool cgroup_probe(uint32_t *number) {
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        for (unsigned i = 0; i < VERSIONS; i++)
            if (versions[i]->probe((uint64_t)getpid()))
                _exit((int)versions[i]->number);
        _exit(0);
    }
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
        return false;
    *number = (uint32_t)WEXITSTATUS(status);
    return *number != 0;
}

static void sweep(void) {
    unsigned kept = 0;
    for (unsigned i = 0; i < busy_count; i++)
        if (version->remove(busy[i]) == -EBUSY)
            busy[kept++] = busy[i];
    busy_count = kept;
}

void cgroup_shut_down(void) {
    if (version == NULL)
        return;
    sweep();
    /* At the end there is no next time: a group whose last process is just leaving is waited for. */
    for (unsigned i = 0; i < SHUT_DOWN_TRIES && busy_count > 0; i++) {
        (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        sweep();
    }
    version->shut_down();
    version = NULL;
}

int cgroup_create(machine_container index, struct cgroup **group) {
    if (version == NULL)
        return GROVE_LAYER_MISSING;
    sweep();
    struct cgroup *made = calloc(1, sizeof *made);
    if (made == NULL)
        return GROVE_NO_MEMORY;
    made->index = index;
    made->folder = -1;
    int error = version->create(made);
    if (error < 0) {
        (void)version->remove(index);
        free(made);
        return status_of(error);
    }
    *group = made;
    return GROVE_OK;
}

void cgroup_destroy(struct cgroup *group) {
    if (group->folder >= 0)
        (void)close(group->folder);
    if (group->is_frozen)
        (void)version->freeze(group, false);
    if (version->remove(group->index) == -EBUSY && busy_count < BUSY_MAX)
        busy[busy_count++] = group->index;
    free(group);
}

int cgroup_budget(struct cgroup *group, const struct grove_budget *budget, int *error) {
    int result = version->budget(group, budget);
    if (result < 0)
        *error = -result;
    return result == 0 ? GROVE_OK : GROVE_LAYER_MISSING;
}

int cgroup_clone_descriptor(const struct cgroup *group) {
    return group->folder;
}

void cgroup_join_descriptors(const struct cgroup *group, int descriptors[CGROUP_JOIN_MAX]) {
    version->join(group, descriptors);
}

int cgroup_freeze(struct cgroup *group, bool freeze) {
    int result = status_of(version->freeze(group, freeze));
    if (result == GROVE_OK)
        group->is_frozen = freeze;
    return result == GROVE_LAYER_MISSING ? GROVE_UNSUPPORTED : result;
}

bool cgroup_is_frozen(const struct cgroup *group) {
    return version->is_frozen(group);
}

void cgroup_kill(struct cgroup *group) {
    version->kill(group);
    if (group->is_frozen)
        (void)cgroup_freeze(group, false);
}

int cgroup_usage(const struct cgroup *group, struct grove_usage *usage) {
    return status_of(version->usage(group, usage));
}

unsigned cgroup_processes(const struct cgroup *group, pid_t *processes, unsigned room) {
    return version->processes(group, processes, room);
}

uint64_t cgroup_memory_kills(const struct cgroup *group) {
    return version->memory_kills(group);
}

unsigned cgroup_recover(uint64_t boot_id) {
    return version == NULL ? 0 : version->recover(boot_id);
}
