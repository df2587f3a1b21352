/*
 * Which layers work on this machine: found out by doing, once, before anything is started.
 *
 * Each layer that may be denied has a function that is run in a child process of its own, so that nothing it changes
 * stays. Without root the child first takes the user namespace that groved will take. What is found is only used for
 * the report and for layers that the installation lists as optional: a start tries every other layer whatever was found
 * here, and fails if it cannot have it (law 7).
 */
#include "kernel/machine/linux/container/calls.h"
#include "kernel/machine/linux/container/container.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static bool try_user_namespace(void) {
    return unshare(CLONE_NEWUSER) == 0;
}

static bool try_mount_namespace(void) {
    return unshare(CLONE_NEWNS) == 0;
}

static bool try_process_namespace(void) {
    return unshare(CLONE_NEWPID) == 0;
}

static bool try_ipc_namespace(void) {
    return unshare(CLONE_NEWIPC) == 0;
}

static bool try_host_name_namespace(void) {
    return unshare(CLONE_NEWUTS) == 0;
}

static bool try_cgroup_namespace(void) {
    return unshare(CLONE_NEWCGROUP) == 0;
}

static bool try_network_namespace(void) {
    return unshare(CLONE_NEWNET) == 0;
}

/* In a chroot the namespace's own root is elsewhere, and that is what a container's first process begins with. */
static bool is_in_chroot(void) {
    struct stat here, root;
    int space = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
    return space < 0 || stat("/", &here) < 0 || setns(space, CLONE_NEWNS) < 0 || stat("/", &root) < 0 ||
           here.st_dev != root.st_dev || here.st_ino != root.st_ino;
}

static bool try_file_view(void) {
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY};
    if (unshare(CLONE_NEWNS) < 0 || is_in_chroot() || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("grove", "/proc", "tmpfs", 0, "size=64k") < 0)
        return false;
    long tree = system_call(SYS_open_tree, AT_FDCWD, calls_pointer("/proc"), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC, 0, 0);
    return tree >= 0 && system_call(SYS_mount_setattr, tree, calls_pointer(""), AT_EMPTY_PATH,
                                    calls_pointer(&attributes), sizeof attributes) == 0;
}

/* The new process namespace begins with a child. */
static bool try_process_files(void) {
    int status = 1;
    if (unshare(CLONE_NEWNS | CLONE_NEWPID) < 0)
        return false;
    pid_t child = fork();
    if (child == 0) {
        bool works =
            mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
            mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, "subset=pid,hidepid=invisible") == 0;
        _exit(works ? 0 : 1);
    }
    return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

static bool try_no_new_privileges(void) {
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

static bool try_capabilities(void) {
    return prctl(PR_CAPBSET_DROP, 0) == 0;
}

static bool try_user_id(void) {
    return geteuid() == 0 && setresuid(65534, 65534, 65534) == 0;
}

static bool try_limits(void) {
    return setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}) == 0;
}

static bool try_landlock(void) {
    return system_call(SYS_landlock_create_ruleset, 0, 0, 1 /* LANDLOCK_CREATE_RULESET_VERSION */, 0, 0) > 0;
}

static bool try_filter(void) {
    uint32_t action = SECCOMP_RET_USER_NOTIF;
    return system_call(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, calls_pointer(&action), 0, 0) == 0;
}

static bool try_schedule(void) {
    return setpriority(PRIO_PROCESS, 0, 1) == 0;
}

static const struct {
    enum grove_layer layer;
    bool (*works)(void);
    bool in_user_namespace; /* without root only there */
    const char *advice;
} layers[] = {
    {GROVE_LAYER_CGROUP, NULL, false,
     "no control group can be written here: run it as root, or in a group that is delegated to you, by putting "
     "`systemd-run --user --scope -p Delegate=yes` before the command"},
    {GROVE_LAYER_USER_NAMESPACE, try_user_namespace, false,
     "this system denies user namespaces to ordinary users: as root `sysctl -w user.max_user_namespaces=15000`, and "
     "where "
     "there is that setting `sysctl -w kernel.unprivileged_userns_clone=1`; or run groved as root"},
    {GROVE_LAYER_MOUNT_NAMESPACE, try_mount_namespace, true,
     "mount namespaces are denied: run groved as root, outside a container that forbids them"},
    {GROVE_LAYER_PID_NAMESPACE, try_process_namespace, true, "process namespaces are denied: run groved as root"},
    {GROVE_LAYER_IPC_NAMESPACE, try_ipc_namespace, true, "ipc namespaces are denied: run groved as root"},
    {GROVE_LAYER_UTS_NAMESPACE, try_host_name_namespace, true, "host name namespaces are denied: run groved as root"},
    {GROVE_LAYER_CGROUP_NAMESPACE, try_cgroup_namespace, true, "cgroup namespaces need a kernel with CONFIG_CGROUPS"},
    {GROVE_LAYER_NETWORK_NAMESPACE, try_network_namespace, true, "network namespaces are denied: run groved as root"},
    {GROVE_LAYER_FILE_VIEW, try_file_view, true,
     "a file view needs mount_setattr, Linux 5.12 or later, and a root that is no chroot: enter the folder with "
     "pivot_root, as container managers do, or run groved on the host"},
    {GROVE_LAYER_PROC, try_process_files, true,
     "/proc cannot be mounted: inside another container manager its masked /proc forbids it; run groved on the host"},
    {GROVE_LAYER_NO_NEW_PRIVILEGES, try_no_new_privileges, false, "no_new_privs needs Linux 3.5 or later"},
    {GROVE_LAYER_LINUX_CAPABILITIES, try_capabilities, true, "capabilities cannot be dropped: run groved as root"},
    {GROVE_LAYER_USER_ID, try_user_id, false,
     "user ids of their own for containers need root; without it containers share the user id of groved"},
    {GROVE_LAYER_RESOURCE_LIMITS, try_limits, false, "resource limits cannot be set"},
    {GROVE_LAYER_LANDLOCK, try_landlock, false,
     "Landlock is off: add landlock to the lsm= parameter of the kernel's command line (Linux 5.13 or later)"},
    {GROVE_LAYER_SECCOMP, try_filter, false, "system call filters with notification need Linux 5.0 or later"},
    {GROVE_LAYER_SCHEDULE, try_schedule, false, "scheduling parameters cannot be set"},
    {GROVE_LAYER_STREAMS, NULL, false, "standard streams cannot be made: too few descriptors"},
    {GROVE_LAYER_EXECUTE, NULL, false, "the program could not be executed"},
    {GROVE_LAYER_DISK_QUOTA, quota_works, true,
     "limits on disk need /dev/fuse, which may be read and written: as root `modprobe fuse` and, for ordinary users, "
     "`chmod 666 /dev/fuse`; only services with 'resources: disk' need it"},
    {GROVE_LAYER_NETWORK_LIMIT, traffic_works, true,
     "limits on the network need network namespaces with a loopback: run groved as root; only services with "
     "'resources: network' need it"},
};

static bool probe_layer(const struct linux_machine *machine, bool (*works)(void), bool in_user_namespace) {
    int status = 1;
    pid_t child = fork();
    if (child == 0) {
        if (machine->rootless && in_user_namespace && unshare(CLONE_NEWUSER) < 0)
            _exit(1);
        _exit(works() ? 0 : 1);
    }
    return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

/* A layer that root does without is enforced by what stands in its place (namespaces.c, identity.c). */
static bool probe_stands(const struct linux_machine *machine, enum grove_layer layer) {
    return (layer == GROVE_LAYER_USER_NAMESPACE && !machine->rootless) || layer == GROVE_LAYER_STREAMS ||
           layer == GROVE_LAYER_EXECUTE;
}

int container_probe(struct linux_machine *machine) {
    long version = system_call(SYS_landlock_create_ruleset, 0, 0, 1, 0, 0);
    machine->landlock_version = version > 0 ? (uint32_t)version : 0;
    machine->layers_enforced = 0;
    for (unsigned i = 0; i < sizeof layers / sizeof *layers; i++) {
        bool works;
        if (layers[i].layer == GROVE_LAYER_CGROUP)
            works = cgroup_probe(&machine->cgroup_version);
        else
            works = probe_stands(machine, layers[i].layer) ||
                    probe_layer(machine, layers[i].works, layers[i].in_user_namespace);
        if (works)
            machine->layers_enforced |= UINT64_C(1) << layers[i].layer;
    }
    return GROVE_OK;
}

/* systemd's manager of this user's own services, which delegates control groups. It runs after a login, or by lingering. */
static bool has_user_manager(void) {
    const char *folder = getenv("XDG_RUNTIME_DIR");
    char path[256];
    return folder != NULL && snprintf(path, sizeof path, "%s/systemd/private", folder) < (int)sizeof path &&
           access(path, F_OK) == 0;
}

const char *container_advice(enum grove_layer layer, char *buffer, size_t size_bytes) {
    const char *advice = "nothing is known about this layer", *more = "";
    for (unsigned i = 0; i < sizeof layers / sizeof *layers; i++)
        if (layers[i].layer == layer)
            advice = layers[i].advice;
    if (layer == GROVE_LAYER_CGROUP && geteuid() != 0 && !has_user_manager())
        more = "; that takes a systemd user manager, which you have not: as root `loginctl enable-linger NAME`, or a "
               "group "
               "made by hand as docs/confinement.md has it";
    (void)snprintf(buffer, size_bytes, "%s%s", advice, more);
    return buffer;
}
