/* Quotas on disk, groved's side: see quota.h. */
#include "kernel/machine/linux/quota/quota.h"

#include "kernel/machine/linux/loop/companion.h"
#include "kernel/machine/linux/quota/server.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#define REST_NS UINT64_C(1000000000) /* between two warnings */

struct quota {
    struct quota *next;
    struct quota_owner owner;
    struct account *account;
    int bell;
    uint64_t rest_timer;
    struct companion list[QUOTA_MOUNTS_MAX];
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

static void run_between(void *context) {
    server_run(context);
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

/* One that ends by itself ends because its mount did, which may be seen here before the end of the instance. */
static void between_ended(struct companion *companion, bool is_orderly, void *context) {
    struct quota *quota = context;
    (void)companion;
    quota->alive--;
    if (!quota->has_ended && !is_orderly) {
        (void)fprintf(stderr, "%s: the process that counts its files has ended, so it is ended as well\n",
                      quota->owner.name);
        machine_container_kill(quota->owner.container);
    } else if (quota->has_ended && quota->alive == 0) {
        quota_free(quota);
    }
}

/* As root it becomes the owner of the folder, who the container is in it. */
static int between_start(struct quota *quota, struct server *server, const struct stat *status) {
    const struct companion_start start = {.name = "grove-disk",
                                          .descriptors = {server->device, server->folder, server->bell, -1},
                                          .changes_user = true,
                                          .user = status->st_uid,
                                          .group = status->st_gid,
                                          .run = run_between,
                                          .run_context = server};
    int error = companion_start(&quota->list[quota->count], &start, between_ended, quota);
    if (error < 0)
        return error;
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

void quota_usage(const struct quota *quota, struct grove_usage *usage) {
    for (unsigned i = 0; i < quota->count; i++)
        companion_usage(&quota->list[i], usage);
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
        for (unsigned i = 0; i < quota->count; i++)
            companion_end(&quota->list[i]);
        quota_free(quota);
    }
}
