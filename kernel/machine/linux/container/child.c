/*
 * The starting child: from the clone to the first instruction of the program, layer by layer.
 *
 * The table `steps` is the whole of it, in the order that the layers need: what wants privileges comes first, then they
 * are given up, and the system call filter comes last because it forbids most of what stands above it. A prepared child has
 * loaded the slow part of the filter before, with exceptions that its last part closes (filter.c). A step that fails
 * stops the start (law 7): the child reports the layer and the error number, and exits.
 *
 * Runs in the child only. It allocates nothing, takes no lock and calls nothing of the C library, so a child cloned from
 * a busy process is safe, whatever that process was doing. A kill at any point leaves nothing but what the parent
 * made: the namespaces and mounts made here end with the last process in them.
 */
#include "kernel/machine/linux/container/calls.h"
#include "kernel/machine/linux/container/plan.h"

#include <asm/ioctls.h>
#include <asm/termios.h>
#include <errno.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>

static void child_report(const struct plan *plan, const struct report *report) {
    (void)calls_write(plan->report, report, sizeof *report);
}

static size_t child_length(const char *text) {
    size_t length = 0;
    while (text[length] != '\0')
        length++;
    return length;
}

/* A program must not begin with signals ignored or blocked because its kernel happened to have them so. */
static long child_signals(const struct plan *plan) {
    uint64_t none = 0;
    (void)plan;
    return system_call(SYS_rt_sigprocmask, SIG_SETMASK, calls_pointer(&none), 0, sizeof none, 0);
}

static long child_cgroup(const struct plan *plan) {
    for (unsigned i = 0; i < PLAN_CGROUPS_MAX && plan->cgroups[i] >= 0; i++) {
        long result = calls_write(plan->cgroups[i], "0", 1);
        if (result < 0)
            return result;
    }
    return 0;
}

static long child_network(const struct plan *plan) {
    if (plan->namespaces_network < 0)
        return calls_unshare(CLONE_NEWNET);
    return calls_setns(plan->namespaces_network, CLONE_NEWNET);
}

/*
 * The template namespace holds a handful of mounts where the host may have hundreds; taking a copy of that one is what
 * makes a start cheap. The cgroup namespace is made here and not by clone, because only now its root is right.
 */
static long child_mount_namespace(const struct plan *plan) {
    bool wants_cgroup = (plan->skip & 1u << GROVE_LAYER_CGROUP_NAMESPACE) == 0;
    if (!plan->is_open) {
        long result = calls_setns(plan->namespaces_mount, CLONE_NEWNS);
        if (result < 0)
            return result;
    }
    return calls_unshare(CLONE_NEWNS | (wants_cgroup ? CLONE_NEWCGROUP : 0));
}

static long child_host_name(const struct plan *plan) {
    return system_call(SYS_sethostname, calls_pointer(plan->host_name), (long)child_length(plan->host_name), 0, 0, 0);
}

/*
 * Between the two halves of the view: without root the kernel lets /proc be mounted only where another one is to be seen,
 * which is so while the template still is the root.
 */
static long child_process_files(const struct plan *plan) {
    if (!plan->has_process_files)
        return 0;
    return calls_mount("proc", plan->is_open ? "/proc" : "proc", "proc",
                       0x2 | 0x4 | 0x8 /* no set-id, no devices, no execution */,
                       plan->is_open ? NULL : "subset=pid,hidepid=invisible");
}

/* One of our streams is a terminal that is not that of this session: a session of our own can have it. */
static bool child_brings_terminal(const struct plan *plan) {
    struct winsize size;
    int group;
    for (int i = 0; i < 3; i++)
        if (system_call(SYS_ioctl, plan->streams[i], TIOCGWINSZ, calls_pointer(&size), 0, 0) == 0 &&
            system_call(SYS_ioctl, plan->streams[i], TIOCGPGRP, calls_pointer(&group), 0, 0) < 0)
            return true;
    return false;
}

static long child_session(const struct plan *plan) {
    bool stays = plan->shares_session && !child_brings_terminal(plan);
    long result = stays ? 0 : system_call(SYS_setsid, 0, 0, 0, 0, 0);
    return result < 0 ? result : 0;
}

static long child_directory(const struct plan *plan) {
    return plan->directory == NULL ? 0 : calls_chdir(plan->directory);
}

/* Close everything from `first` on but two, either of which may be -1; both are above it. */
static long child_close_but(long first, long one, long other) {
    long low = one < other ? one : other, high = one < other ? other : one, result = 0;
    if (low > first)
        result = system_call(SYS_close_range, first, low - 1, 0, 0, 0);
    if (low >= 0)
        first = low + 1;
    if (result == 0 && high > first)
        result = system_call(SYS_close_range, first, high - 1, 0, 0, 0);
    return result < 0 ? result : system_call(SYS_close_range, high + 1, ~0u, 0, 0, 0);
}

/*
 * A terminal that is nobody's becomes that of our session, so that its keys signal the program and all its children. One
 * that is the terminal of another session already stays what it is: a stream.
 */
static void child_terminal(const struct plan *plan) {
    for (int i = 0; i < 3 && plan->has_person; i++)
        if (system_call(SYS_ioctl, i, TIOCSCTTY, 0, 0, 0) == 0)
            return;
}

static long child_streams(const struct plan *plan) {
    for (int i = 0; i < 3; i++) {
        long result = calls_duplicate(plan->streams[i], i, 0);
        if (result < 0)
            return result;
    }
    child_terminal(plan);
    for (unsigned i = 0; i < plan->descriptor_count; i++) {
        long result = calls_duplicate(plan->descriptors[i], 3 + (int)i, 0);
        if (result < 0)
            return result;
    }
    /* Whatever else is open, in whatever place groved has it, ends here: the number of descriptors is limited by now. */
    long result = child_close_but(3 + (long)plan->descriptor_count, plan->report, plan->init);
    if (result == 0 && plan->init >= 0)
        result = system_call(SYS_fcntl, plan->report, F_SETFD, 0, 0, 0);
    return result;
}

static long child_limits(const struct plan *plan) {
    for (unsigned i = 0; i < plan->limit_count; i++) {
        long result =
            system_call(SYS_prlimit64, 0, plan->limits[i].resource, calls_pointer(&plan->limits[i].limit), 0, 0);
        if (result < 0)
            return result;
    }
    return 0;
}

/* Policy, priority and deadline are inherited by all that the program starts. */
static long child_schedule(const struct plan *plan) {
    return plan->has_schedule ? system_call(SYS_sched_setattr, 0, calls_pointer(&plan->schedule), 0, 0, 0) : 0;
}

static long child_user(const struct plan *plan) {
    long result;
    if (!plan->drops_user)
        return 0;
    if ((result = system_call(SYS_setgroups, 0, 0, 0, 0, 0)) < 0 ||
        (result = system_call(SYS_setresgid, (long)plan->group, (long)plan->group, (long)plan->group, 0, 0)) < 0)
        return result;
    return system_call(SYS_setresuid, (long)plan->user, (long)plan->user, (long)plan->user, 0, 0);
}

/*
 * The bounding set is empty and NOROOT is locked already: groved did that to itself at start-up (namespaces.c), and
 * children inherit it. So an execve as user 0 gains nothing either.
 */
static long child_capabilities(const struct plan *plan) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {{0}};
    (void)plan;
    return system_call(SYS_capset, calls_pointer(&header), calls_pointer(none), 0, 0, 0);
}

static long child_no_new_privileges(const struct plan *plan) {
    (void)plan;
    return calls_prctl(PR_SET_NO_NEW_PRIVS, 1, 0);
}

/* Set after the user changed, which clears it. It is a courtesy: what groved's death leaves, recovery/ ends. */
static long child_end_with_groved(const struct plan *plan) {
    (void)plan;
    return calls_prctl(PR_SET_PDEATHSIG, SIGKILL, 0);
}

static long child_landlock(const struct plan *plan) {
    long ruleset = plan->landlock_ruleset, result;
    if (plan->is_open || plan->landlock_rights == 0)
        return 0;
    if (ruleset < 0)
        ruleset = child_landlock_begin(plan);
    if (ruleset < 0)
        return ruleset;
    result = child_landlock_finish(plan, ruleset);
    return result < 0 ? result : system_call(SYS_landlock_restrict_self, ruleset, 0, 0, 0, 0);
}

static long child_load_filter(const struct sock_fprog *program, unsigned flags) {
    return system_call(SYS_seccomp, SECCOMP_SET_MODE_FILTER, (long)flags, calls_pointer(program), 0, 0);
}

static unsigned listener_flag(const struct plan *plan) {
    return plan->filter.has_listener ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0;
}

/*
 * With a listener, the parent fetches it by its number before the program runs: it could not be sent, because a filter
 * that notifies sendmsg would stop this very message.
 */
static long child_filter(const struct plan *plan) {
    struct report report = {.kind = REPORT_LISTENER, .layer = GROVE_LAYER_SECCOMP};
    char go = 0;
    if (plan->is_staged)
        return child_load_filter(&plan->filter.last, 0);
    long result = child_load_filter(&plan->filter.whole, listener_flag(plan));
    if (result < 0 || !plan->filter.has_listener)
        return result;
    report.value = (int32_t)result;
    child_report(plan, &report);
    result = calls_read(plan->report, &go, 1);
    return result == 1 ? 0 : -ECANCELED;
}

static const struct {
    long (*run)(const struct plan *plan);
    enum grove_layer layer;
    bool is_optional; /* left out when its layer is */
} steps[] = {
    {child_signals, GROVE_LAYER_NONE, false},
    {child_cgroup, GROVE_LAYER_CGROUP, true},
    {child_network, GROVE_LAYER_NETWORK_NAMESPACE, true},
    {child_mount_namespace, GROVE_LAYER_MOUNT_NAMESPACE, true},
    {child_view_begin, GROVE_LAYER_FILE_VIEW, false},
    {child_process_files, GROVE_LAYER_PROC, true},
    {child_session, GROVE_LAYER_STREAMS, false},
    {child_view_enter, GROVE_LAYER_FILE_VIEW, true},
    {child_no_new_privileges, GROVE_LAYER_NO_NEW_PRIVILEGES, true},
    /* What a spare does beforehand ends here (STEPS_PREPARED). Calls made from here on stand in filter_calls.h as well. */
    {child_view_finish, GROVE_LAYER_FILE_VIEW, true},
    {child_host_name, GROVE_LAYER_UTS_NAMESPACE, true},
    {child_landlock, GROVE_LAYER_LANDLOCK, true},
    /* After the last step that opens anything: a child still holds copies of all that groved has open. */
    {child_limits, GROVE_LAYER_RESOURCE_LIMITS, true},
    {child_schedule, GROVE_LAYER_SCHEDULE, true},
    {child_user, GROVE_LAYER_USER_ID, true},
    {child_streams, GROVE_LAYER_STREAMS, false},
    {child_directory, GROVE_LAYER_FILE_VIEW, false},
    {child_capabilities, GROVE_LAYER_LINUX_CAPABILITIES, true},
    {child_end_with_groved, GROVE_LAYER_NONE, false},
    {child_filter, GROVE_LAYER_SECCOMP, true},
};

#define STEPS ((unsigned)(sizeof steps / sizeof *steps))
#define STEPS_PREPARED 9u

static _Noreturn void child_fail(const struct plan *plan, enum grove_layer layer, long error) {
    struct report report = {.kind = REPORT_FAILED, .layer = (uint32_t)layer, .error = (int32_t)-error};
    child_report(plan, &report);
    for (;;)
        (void)system_call(SYS_exit_group, 127, 0, 0, 0, 0);
}

static long child_execute(const struct plan *plan) {
    if (plan->init >= 0)
        return system_call(SYS_execveat, plan->init, calls_pointer(""), calls_pointer(plan->arguments),
                           calls_pointer(plan->environment), AT_EMPTY_PATH);
    return system_call(SYS_execve, calls_pointer(plan->executable), calls_pointer(plan->arguments),
                       calls_pointer(plan->environment), 0, 0);
}

static void child_steps(const struct plan *plan, unsigned first, unsigned last) {
    for (unsigned i = first; i < last; i++) {
        long result;
        if (steps[i].is_optional && (plan->skip >> steps[i].layer & 1) != 0)
            continue;
        result = steps[i].run(plan);
        if (result < 0)
            child_fail(plan, steps[i].layer, result);
    }
}

static _Noreturn void child_go(const struct plan *plan, unsigned first) {
    struct report executing = {.kind = REPORT_EXECUTING};
    child_steps(plan, first, STEPS);
    child_report(plan, &executing);
    child_fail(plan, GROVE_LAYER_EXECUTE, child_execute(plan));
}

_Noreturn void child_run(const struct plan *plan) {
    child_go(plan, 0);
}

/* ---- the spare ---- */

/*
 * Of groved's descriptors its end of the set-up socket is kept; the low ones become /dev/null, which its first stream is, so
 * that nothing that is passed later lands there. What groved has open below (its log, its lock, its loop) ends here too.
 */
static long child_close_all(const struct plan *plan) {
    long result = 0;
    for (int low = 0; low < PLAN_DESCRIPTOR_FLOOR && result >= 0; low++)
        result = calls_duplicate(plan->streams[0], low, O_CLOEXEC);
    if (result < 0)
        return result;
    result = 0;
    if (plan->report > PLAN_DESCRIPTOR_FLOOR)
        result = system_call(SYS_close_range, PLAN_DESCRIPTOR_FLOOR, plan->report - 1, 0, 0, 0);
    return result < 0 ? result : system_call(SYS_close_range, plan->report + 1, ~0u, 0, 0, 0);
}

/* Descriptors arrive in the order in which spare.c gathers them. Their numbers here take the place of groved's. */
static long child_renumber(struct plan *plan, const int *passed, unsigned count) {
    unsigned next = 3;
    if (count != 3 + plan->descriptor_count + plan->mount_count + (plan->init >= 0))
        return -EPROTO;
    for (unsigned i = 0; i < 3; i++)
        plan->streams[i] = passed[i];
    for (unsigned i = 0; i < plan->descriptor_count; i++)
        plan->descriptors[i] = passed[next++];
    for (unsigned i = 0; i < plan->mount_count; i++)
        plan->mounts[i].tree = passed[next++];
    if (plan->init >= 0)
        plan->init = passed[next];
    return 0;
}

/* The plan lies in the memory shared with groved, which names its place; groved no longer touches it. */
static long child_receive(int report, struct plan **plan) {
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(PLAN_PASSED_MAX * sizeof(int))];
    } control;
    struct iovec part = {.iov_base = plan, .iov_len = sizeof *plan};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes};
    message.msg_controllen = sizeof control.bytes;
    control.header.cmsg_len = 0;
    long length = system_call(SYS_recvmsg, report, calls_pointer(&message), MSG_CMSG_CLOEXEC, 0, 0);
    if (length != (long)sizeof *plan || *plan == NULL)
        return length < 0 ? length : -ECANCELED;
    if (message.msg_controllen < CMSG_LEN(0) || (message.msg_flags & MSG_CTRUNC) != 0)
        return -EMFILE;
    return child_renumber(*plan, (const int *)(const void *)CMSG_DATA(&control.header),
                          (unsigned)((control.header.cmsg_len - CMSG_LEN(0)) / sizeof(int)));
}

/* The slow half of Landlock; the number of the ruleset, or -1 where this layer is left out. */
static long child_landlock_ahead(const struct plan *plan) {
    bool is_wanted = plan->landlock_rights != 0 && (plan->skip >> GROVE_LAYER_LANDLOCK & 1) == 0;
    long result = is_wanted ? child_landlock_begin(plan) : -1;
    if (is_wanted && result < 0)
        child_fail(plan, GROVE_LAYER_LANDLOCK, result);
    return result;
}

/* The slow half of the filter. The number of its listener, which groved fetches when it has a use for this child; or 0. */
static long child_filter_ahead(const struct plan *plan) {
    long result = plan->is_staged ? child_load_filter(&plan->filter.stage, listener_flag(plan)) : 0;
    if (result < 0)
        child_fail(plan, GROVE_LAYER_SECCOMP, result);
    return result;
}

_Noreturn void child_prepare(const struct plan *plan) {
    struct report prepared = {.kind = REPORT_PREPARED};
    struct plan *rest = NULL;
    long ruleset, result = child_end_with_groved(plan);
    child_steps(plan, 0, STEPS_PREPARED);
    if (result == 0)
        result = child_close_all(plan);
    if (result < 0)
        child_fail(plan, GROVE_LAYER_NONE, result);
    ruleset = child_landlock_ahead(plan);
    prepared.value = (int32_t)child_filter_ahead(plan);
    child_report(plan, &prepared);
    result = child_receive(plan->report, &rest);
    if (result < 0)
        child_fail(plan, GROVE_LAYER_STREAMS, result);
    rest->landlock_ruleset = (int)ruleset;
    child_go(rest, STEPS_PREPARED);
}

/* ---- the one that lets go ---- */

_Noreturn void child_let_go(const struct plan *plan) {
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(PLAN_PASSED_MAX * sizeof(int))];
    } control;
    char byte;
    struct iovec part = {.iov_base = &byte, .iov_len = 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes};
    message.msg_controllen = sizeof control.bytes;
    (void)child_close_all(plan);
    (void)system_call(SYS_recvmsg, plan->report, calls_pointer(&message), MSG_CMSG_CLOEXEC, 0, 0);
    (void)calls_read(plan->report, &byte, 1);
    for (;;)
        (void)system_call(SYS_exit_group, 0, 0, 0, 0, 0);
}
