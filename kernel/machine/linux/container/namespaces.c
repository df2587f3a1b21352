/*
 * What is made once, when groved starts, and inherited or entered by every container.
 *
 *   - groved itself: no capability can be gained by an execve below it (bounding set, NOROOT), its descriptors 3 to
 *     PLAN_DESCRIPTOR_FLOOR - 1 are taken, and without root it moves into a user namespace in which only its own user
 *     exists. All containers live in that one: they are the same user to the host in any case, and what a second
 *     namespace would hide is hidden by the other layers. With root there is no user namespace at all: a user id of its
 *     own without any capability has nothing to gain from one, and making one costs more than all other layers.
 *   - one network namespace with nothing in it, not even an address on the loopback.
 *   - template mount namespaces: a tiny root with /new (where a view is assembled), /dev, and in one of them the system
 *     files. A container takes a private copy, which costs by the number of mounts in it. Mounts made on the host later
 *     do not appear in them.
 *
 * Namespaces are held by descriptor only: they end with groved, whichever way it ends.
 */
#include "kernel/machine/linux/container/calls.h"
#include "kernel/machine/linux/container/container.h"

#include <errno.h>
#include <linux/securebits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct container_shared container_shared = {-1, -1, -1, -1, -1, 0, 0, 0};

#define SYSTEM_MAX 16u
static const char *const system_names[] = {"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"};
static char system_targets[SYSTEM_MAX][64];
static const char *links[2 * SYSTEM_MAX + 1], *folders[SYSTEM_MAX + 1];
const char *const *namespaces_system_links = links;
const char *const *namespaces_system_folders = folders;

/* Which of the system folders are folders here, and which are links into /usr. */
static void system_look(void) {
    unsigned link_count = 0, folder_count = 0;
    for (unsigned i = 0; i < sizeof system_names / sizeof *system_names; i++) {
        struct stat status;
        ssize_t length;
        if (lstat(system_names[i], &status) < 0)
            continue;
        if (S_ISDIR(status.st_mode))
            folders[folder_count++] = system_names[i];
        length = readlink(system_names[i], system_targets[i], sizeof system_targets[i] - 1);
        if (S_ISLNK(status.st_mode) && length > 0) {
            system_targets[i][length] = '\0';
            links[link_count++] = system_names[i] + 1;
            links[link_count++] = system_targets[i];
        }
    }
}

bool namespaces_system_holds(const char *path) {
    for (unsigned i = 0; i < sizeof system_names / sizeof *system_names; i++) {
        size_t length = strlen(system_names[i]);
        if (strncmp(path, system_names[i], length) == 0 && (path[length] == '/' || path[length] == '\0'))
            return true;
    }
    return false;
}

/* ---- the template, made in a child of its own that only its namespace survives ---- */

static const struct {
    const char *name;
    unsigned minor;
    unsigned major;
} devices[] = {{"null", 3, 1}, {"zero", 5, 1}, {"full", 7, 1}, {"random", 8, 1}, {"urandom", 9, 1}, {"tty", 0, 5}};

static const struct {
    const char *name, *target;
} device_links[] = {{"dev/fd", "/proc/self/fd"},
                    {"dev/stdin", "/proc/self/fd/0"},
                    {"dev/stdout", "/proc/self/fd/1"},
                    {"dev/stderr", "/proc/self/fd/2"}};

/* A node of our own where we may make one; without root, the host's. */
static int template_device(unsigned index) {
    char path[32], host[32];
    (void)snprintf(path, sizeof path, "dev/%s", devices[index].name);
    (void)snprintf(host, sizeof host, "/dev/%s", devices[index].name);
    if (mknod(path, S_IFCHR | 0666, (dev_t)(devices[index].major << 8 | devices[index].minor)) == 0)
        return 0;
    if (mknod(path, S_IFREG | 0666, 0) < 0)
        return -1;
    return mount(host, path, NULL, MS_BIND, NULL);
}

static int template_devices(void) {
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC};
    if (mkdir("dev", 0755) < 0 || mount("grove", "dev", "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=755,size=64k") < 0 ||
        mkdir("dev/shm", 01777) < 0)
        return -1;
    for (unsigned i = 0; i < sizeof devices / sizeof *devices; i++)
        if (template_device(i) < 0)
            return -1;
    for (unsigned i = 0; i < sizeof device_links / sizeof *device_links; i++)
        if (symlink(device_links[i].target, device_links[i].name) < 0)
            return -1;
    return calls_mount_attributes("dev", AT_RECURSIVE, &attributes) < 0 ? -1 : 0;
}

static int template_bind(const char *host, const char *path) {
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV,
                                    .propagation = MS_PRIVATE};
    if (mount(host, path, NULL, MS_BIND | MS_REC, NULL) < 0)
        return -1;
    return calls_mount_attributes(path, AT_RECURSIVE, &attributes) < 0 ? -1 : 0;
}

static int template_system(void) {
    for (const char *const *folder = folders; *folder != NULL; folder++)
        if (mkdir(*folder + 1, 0755) < 0 || template_bind(*folder, *folder + 1) < 0)
            return -1;
    return 0;
}

/* See child_process_files: another /proc must be in sight of whoever mounts one without root. */
static int template_process_files(int tree) {
    if (!linux_machine->rootless)
        return 0;
    return mkdir("processes", 0555) < 0 || calls_attach(tree, "processes") < 0 ? -1 : 0;
}

/* The place that the template is mounted on, in the new namespace only, can be any folder of the host. */
static int template_build(bool with_system) {
    int processes;
    umask(0);
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return -1;
    processes = (int)syscall(SYS_open_tree, AT_FDCWD, "/proc", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
    if (processes < 0 || mount("grove", "/proc", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=64k") < 0 ||
        chdir("/proc") < 0 || mkdir("new", 0755) < 0 || template_process_files(processes) < 0 ||
        template_devices() < 0 || (with_system && template_system() < 0) || syscall(SYS_pivot_root, ".", ".") < 0 ||
        umount2(".", MNT_DETACH) < 0)
        return -1;
    return 0;
}

static int network_build(bool unused) {
    (void)unused;
    return unshare(CLONE_NEWNET);
}

/*
 * Run `build` in a child and take a descriptor of one of its namespaces before it ends. The child says with one byte that
 * it is done and goes when its own end is closed.
 */
static int namespace_make(int (*build)(bool), bool argument, const char *kind, int *descriptor) {
    int ends[2], error = 0, result = GROVE_LAYER_MISSING;
    char path[64];
    pid_t child;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return GROVE_NO_DESCRIPTORS;
    child = fork();
    if (child == 0) {
        (void)close(ends[0]);
        error = build(argument) == 0 ? 0 : errno;
        (void)!write(ends[1], &error, sizeof error);
        (void)!read(ends[1], &error, sizeof error);
        _exit(0);
    }
    (void)close(ends[1]);
    if (child > 0 && read(ends[0], &error, sizeof error) == (ssize_t)sizeof error && error == 0) {
        (void)snprintf(path, sizeof path, "/proc/%d/ns/%s", (int)child, kind);
        int opened = open(path, O_RDONLY | O_CLOEXEC);
        if (opened >= 0) {
            *descriptor = opened;
            result = GROVE_OK;
        }
    }
    (void)close(ends[0]);
    if (child > 0)
        (void)waitpid(child, NULL, 0);
    errno = error;
    return result;
}

int namespaces_system(int *descriptor) {
    if (container_shared.system_namespace < 0) {
        int result = namespace_make(template_build, true, "mnt", &container_shared.system_namespace);
        if (result < 0)
            return result;
    }
    *descriptor = container_shared.system_namespace;
    return GROVE_OK;
}

/* ---- groved itself ---- */

static int self_write(const char *path, const char *text) {
    int descriptor = open(path, O_WRONLY | O_CLOEXEC);
    ssize_t written = descriptor < 0 ? -1 : write(descriptor, text, strlen(text));
    if (descriptor >= 0)
        (void)close(descriptor);
    return written == (ssize_t)strlen(text) ? 0 : -1;
}

/* Its own mount namespace comes with it: only there may it copy mounts for containers. The host's mounts still arrive. */
static int self_enter_user_namespace(const struct linux_machine *machine) {
    char map[64];
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0 || self_write("/proc/self/setgroups", "deny") < 0)
        return GROVE_LAYER_MISSING;
    (void)snprintf(map, sizeof map, "%u %u 1", (unsigned)machine->user, (unsigned)machine->user);
    if (self_write("/proc/self/uid_map", map) < 0)
        return GROVE_LAYER_MISSING;
    (void)snprintf(map, sizeof map, "%u %u 1", (unsigned)machine->group, (unsigned)machine->group);
    return self_write("/proc/self/gid_map", map) < 0 ? GROVE_LAYER_MISSING : GROVE_OK;
}

static void self_give_up_gaining(void) {
    for (unsigned long capability = 0; prctl(PR_CAPBSET_READ, capability) >= 0; capability++)
        (void)prctl(PR_CAPBSET_DROP, capability);
    (void)prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE |
                                       SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED);
}

static int low_descriptors[PLAN_DESCRIPTOR_FLOOR];
static unsigned low_count;

/* See plan.h: what a child places on low numbers must not meet what it still needs. */
static int self_take_low_descriptors(void) {
    int opened;
    while ((opened = open("/dev/null", O_RDWR | O_CLOEXEC)) >= 0 && opened < PLAN_DESCRIPTOR_FLOOR)
        low_descriptors[low_count++] = opened;
    container_shared.null = opened;
    return opened < 0 ? GROVE_NO_DESCRIPTORS : GROVE_OK;
}

static int shared_init(void) {
    extern const unsigned char init_program[], init_program_end[];
    size_t size = (size_t)((uintptr_t)init_program_end - (uintptr_t)init_program);
    int file = memfd_create("grove-init", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (file < 0 || write(file, init_program, size) != (ssize_t)size ||
        fcntl(file, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
        return GROVE_NO_MEMORY;
    container_shared.init = file;
    return GROVE_OK;
}

static int shared_namespaces(const struct linux_machine *machine) {
    int result = GROVE_OK;
    /* One shared namespace is as good as many only where Landlock keeps abstract sockets apart (ABI 6). */
    if (machine->landlock_version >= 6)
        result = namespace_make(network_build, false, "net", &container_shared.network_namespace);
    if (result < 0 && !container_is_optional(GROVE_LAYER_NETWORK_NAMESPACE))
        return result;
    result = namespace_make(template_build, false, "mnt", &container_shared.bare_namespace);
    return result < 0 && !container_is_optional(GROVE_LAYER_MOUNT_NAMESPACE) ? result : GROVE_OK;
}

static void shared_landlock(uint32_t version) {
    /* Rights by ABI: 1 the first thirteen, 2 refer, 3 truncate, 5 ioctl. What is newer is left alone. */
    static const struct {
        uint32_t version;
        uint64_t rights;
    } table[] = {{1, 0x1fff}, {2, 0x2000}, {3, 0x4000}, {5, 0x8000}};
    for (unsigned i = 0; i < sizeof table / sizeof *table; i++)
        if (version >= table[i].version)
            container_shared.landlock_rights |= table[i].rights;
    container_shared.landlock_scopes = version >= 6 ? 3 : 0;
    container_shared.landlock_attribute_bytes = version >= 6 ? 24 : version >= 4 ? 16 : 8;
}

static int set_up(struct linux_machine *machine) {
    int result;
    if ((result = self_take_low_descriptors()) < 0 || (result = shared_init()) < 0)
        return result;
    if (!machine->rootless)
        identity_start_up();
    result = cgroup_start_up(machine->boot_id, &machine->cgroup_version);
    if (result < 0 && !container_is_optional(GROVE_LAYER_CGROUP))
        return result;
    if (machine->rootless) {
        result = self_enter_user_namespace(machine);
        if (result < 0)
            return result;
    }
    shared_landlock(machine->landlock_version);
    if ((container_left_out() >> GROVE_LAYER_LINUX_CAPABILITIES & 1) == 0 && !machine->options.open_with_privileges)
        self_give_up_gaining();
    return shared_namespaces(machine);
}

int container_start_up(struct linux_machine *machine) {
    int result;
    system_look();
    result = set_up(machine);
    if (result < 0) {
        namespaces_close();
        cgroup_shut_down();
    }
    return result;
}

void namespaces_close(void) {
    int *const descriptors[] = {&container_shared.network_namespace, &container_shared.bare_namespace,
                                &container_shared.system_namespace, &container_shared.null, &container_shared.init};
    for (unsigned i = 0; i < sizeof descriptors / sizeof *descriptors; i++) {
        if (*descriptors[i] >= 0)
            (void)close(*descriptors[i]);
        *descriptors[i] = -1;
    }
    identity_close();
    while (low_count > 0)
        (void)close(low_descriptors[--low_count]);
}
