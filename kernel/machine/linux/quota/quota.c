/* Quotas on disk, groved's side: see quota.h. */
#include "kernel/machine/linux/quota/quota.h"

#include "kernel/machine/linux/container/calls.h"
#include "kernel/machine/linux/quota/server.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define REST_NS UINT64_C(1000000000) /* between two warnings */

struct between { /* one process in between */
    struct quota *quota;
    pid_t process; /* 0: none */
    int descriptor;
};

struct quota {
    struct quota *next;
    struct quota_owner owner;
    struct account *account;
    int bell;
    uint64_t rest_timer;
    struct between list[QUOTA_MOUNTS_MAX];
    unsigned count, alive;
    bool has_ended; /* the instance */
};

static struct quota *quotas;

/* ---- the mount ---- */

static int set_text(int context, const char *key, const char *value) {
    return (int)syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, key, value, 0);
}

static int set_number(int context, const char *key, unsigned value) {
    char text[16];
    (void)snprintf(text, sizeof text, "%u", value);
    return set_text(context, key, text);
}

static int set_mode(int context, mode_t mode) {
    char text[16];
    (void)snprintf(text, sizeof text, "%o", mode & (S_IFMT | 0777u));
    return set_text(context, "rootmode", text);
}

static int set_flag(int context, const char *key) {
    return (int)syscall(SYS_fsconfig, context, FSCONFIG_SET_FLAG, key, NULL, 0);
}

static int mount_context(int device, const struct quota_owner *owner, mode_t mode) {
    int context = (int)syscall(SYS_fsopen, "fuse", FSOPEN_CLOEXEC);
    if (context < 0)
        return -errno;
    bool is_set = set_text(context, "source", "grove-disk") == 0 && set_number(context, "fd", (unsigned)device) == 0 &&
                  set_mode(context, mode) == 0 && set_number(context, "user_id", owner->user) == 0 &&
                  set_number(context, "group_id", owner->group) == 0 && set_flag(context, "allow_other") == 0 &&
                  set_flag(context, "default_permissions") == 0 &&
                  syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0;
    int mounted =
        is_set ? (int)syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV) : -1;
    int error = errno;
    (void)close(context);
    return mounted < 0 ? -error : mounted;
}

bool quota_works(void) {
    int device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    return device >= 0 && unshare(CLONE_NEWNS) == 0 &&
           mount_context(device, &(struct quota_owner){.user = geteuid(), .group = getegid()}, S_IFDIR | 0700) >= 0;
}

/* ---- the process in between ---- */

static void close_others(const int kept[4]) {
    unsigned from = 0;
    for (unsigned i = 0; i < 4; i++) {
        if ((unsigned)kept[i] > from)
            (void)close_range(from, (unsigned)kept[i] - 1, 0);
        from = (unsigned)kept[i] + 1;
    }
    (void)close_range(from, ~0U, 0);
}

static int by_number(const void *a, const void *b) {
    return *(const int *)a - *(const int *)b;
}

/* As root it becomes the owner of the folder, and root's powers go. */
static bool drop_privileges(const struct stat *status) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {0};
    if (!linux_machine->rootless &&
        (setgroups(0, NULL) < 0 || setresgid(status->st_gid, status->st_gid, status->st_gid) < 0 ||
         setresuid(status->st_uid, status->st_uid, status->st_uid) < 0))
        return false;
    return syscall(SYS_capset, &header, none) == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

static _Noreturn void run_between(struct server *server, const struct stat *status, pid_t kernel) {
    static const int handled[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT};
    struct rlimit files;
    int kept[4] = {STDERR_FILENO, server->device, server->folder, server->bell};
    qsort(kept, 4, sizeof *kept, by_number);
    close_others(kept);
    for (unsigned i = 0; i < sizeof handled / sizeof *handled; i++)
        (void)signal(handled[i], SIG_IGN); /* from a terminal they reach it too, and it ends with groved in any case */
    (void)prctl(PR_SET_NAME, "grove-disk");
    (void)umask(0);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    /* The death signal comes last: a change of the user takes it away. */
    if (!drop_privileges(status) || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != kernel)
        _exit(1);
    server_run(server);
}

static void quota_free(struct quota *quota) {
    struct quota **place = &quotas;
    while (*place != quota)
        place = &(*place)->next;
    *place = quota->next;
    if (quota->rest_timer != 0)
        loop_cancel(linux_machine->loop, quota->rest_timer);
    loop_forget(linux_machine->loop, quota->bell);
    (void)close(quota->bell);
    (void)munmap(quota->account, sizeof *quota->account);
    free(quota);
}

/* True if it ended because its mount did, which may be seen here before the end of the instance. */
static bool between_gone(struct between *between) {
    siginfo_t info = {0};
    while (waitid(P_PIDFD, (id_t)between->descriptor, &info, WEXITED) < 0 && errno == EINTR)
        continue;
    loop_forget(linux_machine->loop, between->descriptor);
    (void)close(between->descriptor);
    between->process = 0;
    between->quota->alive--;
    return info.si_code == CLD_EXITED && info.si_status == 0;
}

static void between_ended(struct loop *loop, int descriptor, uint32_t events, void *context) {
    struct between *between = context;
    struct quota *quota = between->quota;
    (void)loop;
    (void)descriptor;
    (void)events;
    bool is_unmounted = between_gone(between);
    if (!quota->has_ended && !is_unmounted) {
        (void)fprintf(stderr, "%s: the process that counts its files has ended, so it is ended as well\n",
                      quota->owner.name);
        machine_container_kill(quota->owner.container);
    } else if (quota->has_ended && quota->alive == 0) {
        quota_free(quota);
    }
}

static int follow(struct between *between) {
    between->descriptor = (int)syscall(SYS_pidfd_open, between->process, 0);
    if (between->descriptor < 0)
        return -errno;
    if (loop_watch(linux_machine->loop, between->descriptor, EPOLLIN, between_ended, between) < 0) {
        (void)close(between->descriptor);
        return -ENOMEM;
    }
    return 0;
}

static int between_start(struct quota *quota, struct server *server, const struct stat *status) {
    struct between *between = &quota->list[quota->count];
    pid_t kernel = getpid();
    *between = (struct between){.quota = quota, .process = fork()};
    if (between->process == 0)
        run_between(server, status, kernel);
    if (between->process < 0)
        return -errno;
    int error = follow(between);
    if (error < 0) {
        (void)kill(between->process, SIGKILL);
        (void)waitpid(between->process, NULL, 0);
        return error;
    }
    quota->count++;
    quota->alive++;
    return 0;
}

static bool is_root_of_all(const struct stat *status) {
    struct stat root;
    return stat("/", &root) == 0 && root.st_dev == status->st_dev && root.st_ino == status->st_ino;
}

int quota_mount(struct quota *quota, int source, const struct stat *status) {
    if (quota->count == QUOTA_MOUNTS_MAX)
        return -E2BIG;
    if (is_root_of_all(status))
        return -EXDEV;
    int device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    int mounted = device < 0 ? -errno : mount_context(device, &quota->owner, status->st_mode);
    if (mounted >= 0) {
        struct server server = {.name = quota->owner.name,
                                .device = device,
                                .folder = source,
                                .bell = quota->bell,
                                .account = quota->account,
                                .owner_user = status->st_uid,
                                .owner_group = status->st_gid,
                                .user = quota->owner.user,
                                .group = quota->owner.group};
        atomic_fetch_add(&quota->account->unmeasured, 1);
        int error = between_start(quota, &server, status);
        if (error < 0) {
            account_measured(quota->account);
            (void)close(mounted);
            mounted = error;
        }
    }
    if (device >= 0)
        (void)close(device);
    return mounted;
}

/* ---- warnings ---- */

static void bell_rang(struct loop *loop, int descriptor, uint32_t events, void *context);

static void listen_again(struct loop *loop, void *context) {
    struct quota *quota = context;
    quota->rest_timer = 0;
    (void)loop_watch(loop, quota->bell, EPOLLIN, bell_rang, quota);
}

static void bell_rang(struct loop *loop, int descriptor, uint32_t events, void *context) {
    struct quota *quota = context;
    uint64_t count;
    (void)events;
    (void)!read(descriptor, &count, sizeof count);
    loop_forget(loop, descriptor);
    if (loop_at(loop, machine_clock_ns() + REST_NS, listen_again, quota, &quota->rest_timer) < 0)
        listen_again(loop, quota);
    if (!quota->has_ended)
        core_container_over_budget(linux_machine->core, quota->owner.container, GROVE_RESOURCE_DISK, quota_used(quota),
                                   atomic_load(&quota->account->limit_bytes));
}

/* ---- the whole ---- */

int quota_create(const struct quota_owner *owner, uint64_t limit_bytes, struct quota **quota) {
    struct quota *made = calloc(1, sizeof *made);
    if (made == NULL)
        return GROVE_NO_MEMORY;
    made->owner = *owner;
    made->account = mmap(NULL, sizeof *made->account, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    made->bell = made->account == MAP_FAILED ? -1 : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int result =
        made->bell < 0 ? GROVE_NO_DESCRIPTORS : loop_watch(linux_machine->loop, made->bell, EPOLLIN, bell_rang, made);
    if (result < 0) {
        if (made->bell >= 0)
            (void)close(made->bell);
        if (made->account != MAP_FAILED)
            (void)munmap(made->account, sizeof *made->account);
        free(made);
        return result;
    }
    atomic_init(&made->account->limit_bytes, limit_bytes);
    atomic_init(&made->account->unmeasured, 1); /* until quota_begin */
    made->next = quotas;
    quotas = made;
    *quota = made;
    return GROVE_OK;
}

void quota_begin(struct quota *quota) {
    account_measured(quota->account);
}

void quota_set(struct quota *quota, uint64_t limit_bytes) {
    atomic_store(&quota->account->limit_bytes, limit_bytes);
}

uint64_t quota_used(const struct quota *quota) {
    return atomic_load(&quota->account->used_bytes);
}

/* The processes end with the mounts, which the kernel takes away when the last process in the view is gone. */
void quota_end(struct quota *quota) {
    if (quota == NULL)
        return;
    quota->has_ended = true;
    account_let_go(quota->account);
    if (quota->alive == 0)
        quota_free(quota);
}

void quota_end_all(void) {
    for (struct quota *quota = quotas, *next; quota != NULL; quota = next) {
        next = quota->next;
        for (unsigned i = 0; i < quota->count; i++) {
            if (quota->list[i].process == 0)
                continue;
            (void)kill(quota->list[i].process, SIGKILL);
            (void)between_gone(&quota->list[i]);
        }
        quota_free(quota);
    }
}
