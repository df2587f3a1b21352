/*
 * Prepared children: the slow and always equal part of a start, done before anybody asks for it.
 *
 * Making control groups, cloning into new namespaces, building the empty file view and loading the system call filter
 * take longer than all the rest of a start. So after each start groved, when it has nothing else to do, clones a child
 * that does this much and waits on its set-up socket (child_prepare). The next start with the same profile (the layers,
 * the outer form of the view and the filter) sends it the plan, and it goes through the remaining steps like any other
 * child: granted paths, host name, Landlock, limits, user, capabilities, and the last part of the filter, which closes
 * the three calls that the first part had to leave open for that (filter.c).
 *
 *   - A spare belongs to nobody, but lies in the control group of the project that it is for. Its own group is new and has
 *     no limits yet; they are set before the plan is sent. It is not counted among the project's processes.
 *   - It holds nothing of groved: it closes every descriptor it was cloned with but its end of the set-up socket, and
 *     what it needs later is passed to it over that socket.
 *   - Each spare becomes one instance, once: process number, namespaces, control group and memory file system are never
 *     used a second time.
 *   - Whether it ends in time when it is killed is not waited for: it has a place with the reaper from the beginning.
 *   - A spare that cannot be had (never made, failed, not ready yet, of another profile, killed) costs time and nothing
 *     else: the start then clones a child as if there were no spares.
 *
 * It shares groved's memory and runs groved's code only, as every starting child does. When groved ends in order it ends
 * its spares; when it is killed, they read the end of the set-up socket and exit, and their parent-death signal and
 * recovery (by control group) say so twice more. A spare wakes nobody: it is looked at when a start wants one.
 */
#include "kernel/machine/linux/container/launch.h"

#include "kernel/machine/linux/loop/reaper.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Three profiles are usual: services linked with libgrove, with and without a network, and programs that know nothing of it. */
#define SPARES_MAX 3u
/* After a start, before the next spare is made: the new service's first requests come first. */
#define SPARE_DELAY_NS UINT64_C(3000000)
/* Numbers of control groups that no container index reaches. */
#define SPARE_GROUP_FIRST (UINT32_C(1) << 30)

static struct spare spares[SPARES_MAX];
static machine_container next_group = SPARE_GROUP_FIRST;
static uint64_t wanted_count, used_count;

static struct {
    struct plan plan; /* the profile only */
    uint64_t timer;
} wish;

/* ---- profiles ---- */

/* Open views, a granted "/" and a session of somebody else's are made at once or not at all. */
static bool has_profile(const struct plan *plan) {
    return !linux_machine->options.embedded && !plan->is_open && !plan->shares_session && plan->root_tree < 0;
}

static bool is_profile(const struct plan *a, const struct plan *b) {
    return a->skip == b->skip && a->project == b->project && a->has_process_files == b->has_process_files &&
           a->namespaces_mount == b->namespaces_mount && a->namespaces_network == b->namespaces_network &&
           a->system_links == b->system_links && a->system_folders == b->system_folders &&
           a->landlock_rights == b->landlock_rights && a->filter.stage.filter == b->filter.stage.filter &&
           strcmp(a->scratch_options, b->scratch_options) == 0;
}

static void profile_copy(struct plan *to, const struct plan *from) {
    to->skip = from->skip;
    to->project = from->project;
    to->has_process_files = from->has_process_files;
    to->namespaces_mount = from->namespaces_mount;
    to->namespaces_network = from->namespaces_network;
    to->system_links = from->system_links;
    to->system_folders = from->system_folders;
    to->root_tree = to->landlock_ruleset = -1;
    to->landlock_rights = from->landlock_rights;
    to->landlock_scopes = from->landlock_scopes;
    to->landlock_attribute_bytes = from->landlock_attribute_bytes;
    to->filter = from->filter;
    to->is_staged = from->filter.stage.filter != NULL;
    (void)memcpy(to->scratch_options, from->scratch_options, sizeof to->scratch_options);
}

/* ---- making one ---- */

static void close_all(const int *descriptors, unsigned count) {
    for (unsigned i = 0; i < count; i++)
        if (descriptors[i] >= 0)
            (void)close(descriptors[i]);
}

static int spare_clone(struct spare *spare) {
    int ends[2], joins[PLAN_CGROUPS_MAX + 1], error, result;
    struct plan *plan = &spare->launch->plan;
    unsigned join_count = 0;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return GROVE_NO_DESCRIPTORS;
    joins[0] = -1;
    if (spare->cgroup != NULL)
        cgroup_join_descriptors(spare->cgroup, joins);
    while (join_count < PLAN_CGROUPS_MAX && joins[join_count] >= 0)
        join_count++;
    for (unsigned i = 0; i < PLAN_CGROUPS_MAX; i++)
        plan->cgroups[i] = i < join_count ? joins[i] : -1;
    plan->report = ends[1];
    result =
        launch_clone(spare->launch, child_prepare, spare->cgroup, &spare->process, &spare->process_descriptor, &error);
    close_all(joins, join_count);
    (void)close(ends[1]);
    spare->report = ends[0];
    if (result < 0)
        (void)close(ends[0]);
    return result;
}

/* From here on its process is one of the project's own, or gone. */
static void end_loan(struct spare *spare) {
    if (spare->is_lent)
        cgroup_project_lend(spare->launch->plan.project, -1);
    spare->is_lent = false;
}

static void release_place(struct spare *spare) {
    if (spare->has_place)
        reaper_release();
    spare->has_place = false;
}

static int spare_make(struct spare *spare, const struct plan *profile) {
    struct spare made = {.last_wanted = wanted_count, .has_place = reaper_reserve()};
    if (!made.has_place)
        return GROVE_EXHAUSTED;
    made.launch = launch_take();
    int result = made.launch == NULL ? GROVE_NO_MEMORY : GROVE_OK;
    if (result < 0) {
        release_place(&made);
        return result;
    }
    (void)memset(&made.launch->plan, 0, sizeof made.launch->plan);
    profile_copy(&made.launch->plan, profile);
    made.launch->plan.streams[0] = container_shared.null;
    if ((profile->skip >> GROVE_LAYER_CGROUP & 1) == 0)
        result = cgroup_create(next_group++, profile->project, &made.cgroup);
    if (result == GROVE_OK) {
        cgroup_project_lend(profile->project, 1);
        made.is_lent = true;
        result = spare_clone(&made);
    }
    if (result == GROVE_OK) {
        *spare = made;
        return GROVE_OK;
    }
    end_loan(&made);
    release_place(&made);
    if (made.cgroup != NULL)
        cgroup_destroy(made.cgroup);
    launch_give_back(made.launch);
    return result;
}

static void give_back(void *context) {
    struct launch *launch = context;
    if (launch->last_group != NULL)
        cgroup_destroy(launch->last_group);
    launch->last_group = NULL;
    launch_give_back(launch);
}

/* It has no program, so its end takes a moment, unless a call that no signal interrupts holds it: see reaper.h. */
void spare_end(struct spare *spare) {
    struct spare ending = *spare;
    *spare = (struct spare){0};
    (void)close(ending.report);
    end_loan(&ending);
    release_place(&ending);
    ending.launch->last_group = ending.cgroup;
    reaper_kill(linux_machine->loop, ending.process, ending.process_descriptor, give_back, ending.launch);
}

/*
 * ---- control groups that earlier instances were in: reading and removing one takes time, so not while a start waits ----
 */

#define RETIRED_MAX 32u
static struct retired {
    struct cgroup *group;
    struct container *container; /* whose counters it holds; NULL when they were carried on */
} retired[RETIRED_MAX];
static unsigned retired_count;

static void carry_on(struct retired *from) {
    struct grove_usage usage = {0};
    struct container *container = from->container;
    from->container = NULL;
    if (container == NULL || cgroup_usage(from->group, &usage) < 0)
        return;
    container->processor_before_ns += usage.processor_ns;
    if (usage.memory_peak_bytes > container->memory_peak_before_bytes)
        container->memory_peak_before_bytes = usage.memory_peak_bytes;
}

static void retire_all(void) {
    while (retired_count > 0) {
        struct retired *last = &retired[--retired_count];
        carry_on(last);
        cgroup_destroy(last->group);
    }
}

void spare_retire(struct container *container) {
    if (retired_count == RETIRED_MAX)
        retire_all();
    retired[retired_count++] = (struct retired){container->cgroup, container};
}

void spare_account(struct container *container) {
    for (unsigned i = 0; i < retired_count; i++)
        if (retired[i].container == container)
            carry_on(&retired[i]);
}

/* ---- having one ready ---- */

static void make_wished(struct loop *loop, void *context) {
    struct spare *place = NULL;
    (void)loop;
    (void)context;
    wish.timer = 0;
    retire_all();
    for (unsigned i = 0; i < SPARES_MAX; i++) {
        if (spares[i].launch != NULL && is_profile(&spares[i].launch->plan, &wish.plan))
            return;
        if (place == NULL ||
            (place->launch != NULL && (spares[i].launch == NULL || spares[i].last_wanted < place->last_wanted)))
            place = &spares[i];
    }
    if (place->launch != NULL)
        spare_end(place);
    /* Not being able to is told by the next start, which does the same. */
    (void)spare_make(place, &wish.plan);
}

void spare_want(const struct plan *plan) {
    if (!has_profile(plan))
        return;
    wanted_count++;
    profile_copy(&wish.plan, plan);
    if (wish.timer == 0)
        (void)loop_at(linux_machine->loop, machine_clock_ns() + SPARE_DELAY_NS, make_wished, NULL, &wish.timer);
}

void spare_end_all(void) {
    if (wish.timer != 0)
        loop_cancel(linux_machine->loop, wish.timer);
    wish.timer = 0;
    retire_all();
    for (unsigned i = 0; i < SPARES_MAX; i++)
        if (spares[i].launch != NULL)
            spare_end(&spares[i]);
}

void spare_end_project(machine_project project) {
    if (wish.timer != 0 && wish.plan.project == project) {
        loop_cancel(linux_machine->loop, wish.timer);
        wish.timer = 0;
    }
    retire_all();
    for (unsigned i = 0; i < SPARES_MAX; i++)
        if (spares[i].launch != NULL && spares[i].launch->plan.project == project)
            spare_end(&spares[i]);
}

/* ---- using one ---- */

static bool look_ready(struct spare *spare) {
    struct report report;
    ssize_t length = recv(spare->report, &report, sizeof report, MSG_DONTWAIT);
    if (length == (ssize_t)sizeof report && report.kind == REPORT_PREPARED) {
        spare->is_ready = true;
        spare->listener = report.value;
    } else if (length >= 0 || (errno != EAGAIN && errno != EINTR)) {
        spare_end(spare);
    }
    return spare->launch != NULL && spare->is_ready;
}

struct container_spares container_spares(void) {
    struct container_spares count = {.used = used_count};
    for (unsigned i = 0; i < SPARES_MAX; i++) {
        count.ready += spares[i].launch != NULL && look_ready(&spares[i]);
        count.all += spares[i].launch != NULL;
    }
    return count;
}

bool spare_take(const struct plan *plan, struct spare *taken) {
    if (!has_profile(plan) || 4 + plan->descriptor_count + plan->mount_count > PLAN_PASSED_MAX)
        return false;
    for (unsigned i = 0; i < SPARES_MAX; i++) {
        if (spares[i].launch == NULL || !is_profile(&spares[i].launch->plan, plan) || !look_ready(&spares[i]))
            continue;
        end_loan(&spares[i]);
        release_place(&spares[i]); /* the start has asked for room of its own */
        *taken = spares[i];
        spares[i] = (struct spare){0};
        used_count++;
        return true;
    }
    return false;
}

static unsigned gather(const struct plan *plan, int descriptors[PLAN_PASSED_MAX]) {
    unsigned count = 0;
    for (unsigned i = 0; i < 3; i++)
        descriptors[count++] = plan->streams[i];
    for (unsigned i = 0; i < plan->descriptor_count; i++)
        descriptors[count++] = plan->descriptors[i];
    for (unsigned i = 0; i < plan->mount_count; i++)
        descriptors[count++] = plan->mounts[i].tree;
    if (plan->init >= 0)
        descriptors[count++] = plan->init;
    return count;
}

bool spare_send(const struct spare *spare, const struct launch *launch) {
    const struct plan *plan = &launch->plan;
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(PLAN_PASSED_MAX * sizeof(int))];
    } control = {0};
    int descriptors[PLAN_PASSED_MAX];
    struct iovec part = {.iov_base = &plan, .iov_len = sizeof plan};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes};
    unsigned count = gather(plan, descriptors);
    /* The plan is the child's from the moment it is sent. */
    const int *trees = descriptors + 3 + plan->descriptor_count;
    const unsigned tree_count = plan->mount_count;
    message.msg_controllen = CMSG_SPACE(count * sizeof(int));
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(count * sizeof(int));
    (void)memcpy(CMSG_DATA(&control.header), descriptors, count * sizeof(int));
    if (sendmsg(spare->report, &message, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)sizeof plan)
        return false;
    close_all(trees, tree_count);
    return true;
}
