/*
 * What a starting child is told: everything that groved could look up, open and lay out for it beforehand.
 *
 * The parent (start.c) fills in a plan, the child (child.c) carries it out with plain system calls and allocates
 * nothing. The child shares groved's memory: a plan and what it points to stay as they are until it has executed its
 * program or is gone. Every descriptor in
 * it is numbered PLAN_DESCRIPTOR_FLOOR or higher, so that placing descriptors 0 to PLAN_DESCRIPTOR_FLOOR - 1 in the child
 * never overwrites one that is still needed.
 */
#ifndef GROVE_LINUX_PLAN_H
#define GROVE_LINUX_PLAN_H

#include "kernel/machine/linux/container/report.h"
#include "kernel/machine/linux/linux.h"

#include <linux/filter.h>
#include <sys/resource.h>

#define PLAN_MOUNTS_MAX (GROVE_SPEC_CAPABILITIES_MAX + 8u)
#define PLAN_LISTEN_MAX 16u
#define PLAN_DESCRIPTOR_FLOOR (3 + (int)PLAN_LISTEN_MAX)
#define PLAN_LIMITS_MAX 8u
#define PLAN_CGROUPS_MAX 6u
#define PLAN_SCRATCH_OPTIONS 128u
#define PLAN_PASSED_MAX 253u /* descriptors in one message, by Linux */

/* One granted path: a detached copy of the mount that holds it, to be moved to `path`. */
struct plan_mount {
    const char *path; /* absolute, normalised */
    int tree;
    bool is_folder;
    bool is_inside; /* below another granted path: the place to mount on exists and is never made */
    uint64_t access; /* Landlock rights */
};

struct plan_limit {
    int resource;
    struct rlimit64 limit;
};

/* The kernel's struct sched_attr (sched_setattr(2)), which the C library has not. */
struct plan_schedule {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
};

/* The system call filter, whole and in the two parts of a prepared child; without them (`stage` empty) only whole. */
struct filter {
    struct sock_fprog whole, stage, last;
    bool has_listener;
};

struct plan {
    uint64_t skip; /* layers that are left out: bit n is enum grove_layer n */
    bool is_open; /* the host's file view */
    bool has_person; /* before its terminal */
    bool shares_session; /* stays in the session of whoever passed the terminal, unless that is nobody's yet */
    bool has_process_files; /* wants /proc */
    bool drops_user;

    machine_project project; /* in whose control group its own lies */
    int report; /* the child's end of the set-up socket */
    int namespaces_mount, namespaces_network;
    int cgroups[PLAN_CGROUPS_MAX]; /* version 1: files that take "0" for the caller; -1 ends the list */

    const char *const *system_links; /* pairs: name, what it points to; NULL ends the list */
    const char *const *system_folders; /* in the template; NULL ends the list */
    char scratch_options[PLAN_SCRATCH_OPTIONS];
    int root_tree; /* "/" was granted: this is it; else -1 */
    struct plan_mount mounts[PLAN_MOUNTS_MAX];
    unsigned mount_count;
    const char *directory; /* NULL: "/" */
    const char *host_name;

    uid_t user;
    gid_t group;
    struct plan_limit limits[PLAN_LIMITS_MAX];
    unsigned limit_count;
    struct plan_schedule schedule;
    bool has_schedule;

    uint64_t landlock_rights, landlock_scopes;
    uint32_t landlock_attribute_bytes; /* what the running kernel understands */
    int landlock_ruleset; /* a prepared child's, with the rules for its own folders; else -1 */
    struct filter filter;
    bool is_staged; /* `stage` of the filter is loaded already, and its listener fetched */

    int streams[3];
    int descriptors[PLAN_LISTEN_MAX]; /* placed from 3 on */
    unsigned descriptor_count;
    int init; /* the small init of programs that know nothing of Grove; -1: none */
    const char *executable;
    const char *const *arguments;
    const char *const *environment;
};

/*
 * Never return. The second one goes only as far as a child can be prepared, and waits for the rest of its plan. The third
 * one is no container's: it takes the descriptors it is sent, and ends with them when its socket does (leaving.c).
 */
_Noreturn void child_run(const struct plan *plan);
_Noreturn void child_prepare(const struct plan *plan);
_Noreturn void child_let_go(const struct plan *plan);
/*
 * Build the file view: up to where /proc is mounted at "proc"; make it the root; put granted paths in and close it. Return
 * 0 or a negative error number.
 */
long child_view_begin(const struct plan *plan);
long child_view_enter(const struct plan *plan);
long child_view_finish(const struct plan *plan);
/* Landlock rules: of the view's own folders, a new ruleset's descriptor; and those of granted paths, added to it. */
long child_landlock_begin(const struct plan *plan);
long child_landlock_finish(const struct plan *plan, long ruleset);

#endif
