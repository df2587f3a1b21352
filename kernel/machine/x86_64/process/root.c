/* The files that programs see: see root.h. What the file system layer needs of this machine is here too. */
#include "kernel/machine/x86_64/process/root.h"
#include "kernel/machine/bare/random/random.h"

#include "kernel/machine/bare/mm/pages.h"
#include "kernel/machine/bare/thread/thread.h"
#include "kernel/machine/x86_64/cpu/processor.h"
#include "kernel/machine/x86_64/mm/memory.h"
#include "kernel/services/fuse/fuse.h"
#include "kernel/services/posix/fuse_host.h"
#include "kernel/services/posix/proc/proc.h"
#include "kernel/services/posix/sockets/sockets.h"
#include "kernel/services/posix/terminals.h"
#include "kernel/services/vfs/change.h"
#include "kernel/services/vfs/furnish.h"
#include "kernel/services/vfs/tmpfs.h"
#include "kernel/services/vfs/unpack.h"

#include <string.h>

#define BUCKETS 1024u
#define DENTRIES_MAX 4096u

static struct vfs vfs;
static struct file_system *tree;
static struct view view;
static struct path place;

/* ---- the machine under the file system layer ---- */

static void *take(void *context, size_t size) {
    (void)context;
    return memory_take(size);
}

static void give_back(void *context, void *memory, size_t size) {
    (void)context;
    (void)size;
    memory_give_back(memory);
}

static void *take_page(void *context) {
    uint64_t physical;
    (void)context;
    return page_take(NULL, PAGE_ZEROED, &physical) == 0 ? memory_view(physical) : NULL;
}

static void give_page_back(void *context, void *page) {
    (void)context;
    page_unref(memory_physical(page));
}

static int64_t now_ns(void *context) {
    (void)context;
    return clock_wall_ns();
}

static void fill_random(void *context, void *bytes, size_t size) {
    (void)context;
    random_fill(&random_kernel, bytes, size);
}

static int sleep_in(void *context, struct wait_queue *queue, struct spinlock *held) {
    (void)context;
    return thread_sleep(queue, held, WAIT_FOREVER);
}

static void sleep_firmly(void *context, struct wait_queue *queue, struct spinlock *held) {
    (void)context;
    thread_sleep_firmly(queue, held);
}

static int sleep_until(void *context, struct wait_queue *queue, struct spinlock *held, uint64_t until_ns) {
    (void)context;
    return thread_sleep(queue, held, until_ns);
}

static uint64_t clock_ns(void *context) {
    (void)context;
    return clock_now_ns();
}

static void wake(void *context, struct wait_queue *queue) {
    (void)context;
    wait_wake(queue);
}

static const struct vfs_machine machine = {.take = take,
                                           .give_back = give_back,
                                           .take_page = take_page,
                                           .give_page_back = give_page_back,
                                           .now_ns = now_ns,
                                           .fill_random = fill_random,
                                           .sleep = sleep_in,
                                           .sleep_firmly = sleep_firmly,
                                           .sleep_until = sleep_until,
                                           .clock_ns = clock_ns,
                                           .wake = wake};

/* ---- the tree ---- */

static void give_up_tree(void) {
    vfs_lock(&vfs);
    file_system_unref(tree);
    vfs_unlock(&vfs);
    vfs_deinit(&vfs);
}

/* Devices, and what is mounted below them. */
static int furnish(const struct caller *caller) {
    struct walk_path names = {.text = "/dev/pts"};
    sockets_prepare(&vfs);
    int status = posix_terminals_begin(&vfs, NULL);
    if (status < 0)
        return status;
    status = proc_begin(&vfs, thread_scheduler.count);
    if (status == 0)
        status = fuse_device_add(&vfs, &posix_fuse_host);
    if (status == 0)
        status = fuse_kinds_add(&vfs, &posix_fuse_host);
    if (status == 0)
        status = vfs_furnish(caller, &view, "devtmpfs");
    if (status == 0)
        status = vfs_make_folder(caller, &names, 0755);
    if (status == 0)
        status = vfs_mount_kind(caller, &view, "devpts", names.text);
    if (status == 0)
        status = vfs_mount_kind(caller, &view, "proc", "/proc");
    if (status == 0)
        status = vfs_mount_kind(caller, &view, "sysfs", "/sys");
    if (status < 0)
        posix_terminals_end();
    return status;
}

static void close_root(void) {
    view_deinit(&view);
    vfs_lock(&vfs);
    path_unref(&place);
    vfs_unlock(&vfs);
    give_up_tree();
}

int root_begin(const uint8_t *archive, size_t size, struct caller *caller) {
    struct memory_usage usage;
    memory_usage(&usage);
    /* As on Linux, files take half of the memory at most. */
    struct tmpfs_limits limits = {.mode = 0755, .pages_max = usage.free_frames / 2};
    int status = vfs_init(&vfs, &machine, BUCKETS, DENTRIES_MAX);
    if (status < 0)
        return status;
    vfs.tmpfs_pages_max = limits.pages_max;
    status = tmpfs_create(&vfs, &limits, &tree);
    if (status < 0) {
        vfs_deinit(&vfs);
        return status;
    }
    status = view_init(&view, &vfs, tree->root, 0, &place);
    if (status < 0) {
        give_up_tree();
        return status;
    }
    *caller = (struct caller){.vfs = &vfs, .root = place, .folder = place, .mask = 022};
    caller->identity.capabilities = UINT64_MAX;
    status = vfs_unpack(caller, archive, size);
    if (status == 0)
        status = furnish(caller);
    if (status < 0)
        close_root();
    return status;
}

void root_end(void) {
    posix_terminals_end();
    close_root();
}
