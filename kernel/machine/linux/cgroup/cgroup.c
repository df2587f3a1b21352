/*
 * Control groups without regard to their version: which one is used is decided once, at start-up.
 *
 * A group can be busy for a moment after its last process was waited for, and a project's for as long as one of its
 * containers' is; such a one is kept in a list and tried again a moment later, then less and less often, and at the end.
 * What a crash leaves is found by its name (recovery/).
 */
#include "kernel/machine/linux/cgroup/file.h"
#include "kernel/machine/linux/cgroup/project.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const struct cgroup_version *version;

#define SHUT_DOWN_NS UINT64_C(5000000000)
#define SWEEP_FIRST_NS UINT64_C(10000000)
#define SWEEP_LAST_NS UINT64_C(10000000000)

/* In the order in which they were given up: a project comes after what is in it. */
static struct cgroup *busy;
static uint64_t sweep_timer, sweep_delay_ns;
static uint64_t made_count;

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

const struct cgroup_version *cgroup_used_version(void) {
    return version;
}

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
    for (struct cgroup **link = &busy; *link != NULL;) {
        struct cgroup *group = *link;
        if (version->remove(group) == -EBUSY) {
            link = &group->next_busy;
            continue;
        }
        *link = group->next_busy;
        free(group);
    }
}

static void sweep_later(void);

static void sweep_again(struct loop *loop, void *context) {
    (void)loop;
    (void)context;
    sweep_timer = 0;
    sweep();
    sweep_delay_ns = sweep_delay_ns * 2 < SWEEP_LAST_NS ? sweep_delay_ns * 2 : SWEEP_LAST_NS;
    sweep_later();
}

/* Without the timer, for want of memory, it is tried at the end. */
static void sweep_later(void) {
    if (busy != NULL && sweep_timer == 0)
        (void)loop_at(linux_machine->loop, machine_clock_ns() + sweep_delay_ns, sweep_again, NULL, &sweep_timer);
}

void cgroup_shut_down(void) {
    if (version == NULL)
        return;
    cgroup_project_destroy_all();
    if (sweep_timer != 0)
        loop_cancel(linux_machine->loop, sweep_timer);
    sweep_timer = 0;
    sweep();
    /* At the end there is no next time: a group whose last process is just leaving is waited for. */
    for (uint64_t end_ns = machine_clock_ns() + SHUT_DOWN_NS; busy != NULL && machine_clock_ns() < end_ns;) {
        (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        sweep();
    }
    version->shut_down();
    version = NULL;
}

/* Below `above`, or below the kernel's folder. */
static int group_place(struct cgroup *group, const struct cgroup *above, const char *name, uint32_t number) {
    int length = snprintf(group->place, sizeof group->place, "%s%s%s%u", above == NULL ? "" : above->place,
                          above == NULL ? "" : "/", name, number);
    return length < (int)sizeof group->place ? 0 : -ENOSPC;
}

int group_create(const struct cgroup *above, bool is_project, uint32_t number, struct cgroup **group) {
    if (version == NULL)
        return GROVE_LAYER_MISSING;
    struct cgroup *made = calloc(1, sizeof *made);
    if (made == NULL)
        return GROVE_NO_MEMORY;
    made->number = ++made_count;
    made->is_project = is_project;
    made->folder = -1;
    int error = group_place(made, above, is_project ? "p" : "", number);
    if (error == 0 && (error = version->create(made)) < 0)
        (void)version->remove(made);
    if (error < 0) {
        free(made);
        return status_of(error);
    }
    *group = made;
    return GROVE_OK;
}

int cgroup_create(machine_container index, machine_project project, struct cgroup **group) {
    return group_create(cgroup_of_project(project), false, index, group);
}

void cgroup_destroy(struct cgroup *group) {
    struct cgroup **last = &busy;
    if (group->folder >= 0)
        (void)close(group->folder);
    group->folder = -1;
    if (group->is_frozen)
        (void)version->freeze(group, false);
    if (version->remove(group) != -EBUSY) {
        free(group);
        return;
    }
    while (*last != NULL)
        last = &(*last)->next_busy;
    *last = group;
    group->next_busy = NULL;
    sweep_delay_ns = SWEEP_FIRST_NS;
    sweep_later();
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
