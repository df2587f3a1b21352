/* The files that programs see: see root.h. What the file system layer needs of this machine is here too. */
#include "kernel/machine/x86_64/process/root.h"
#include "kernel/machine/bare/random/random.h"

#include "kernel/machine/bare/mm/pages.h"
#include "kernel/machine/bare/thread/thread.h"
#include "kernel/machine/x86_64/cpu/processor.h"
#include "kernel/machine/x86_64/mm/memory.h"
#include "kernel/machine/x86_64/process/terminal.h"
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

static uint64_t call_began_ns(void *context) {
    (void)context;
    return process_call_began_ns();
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
                                           .call_began_ns = call_began_ns,
                                           .wake = wake};

/* ---- the tree ---- */

static void give_up_tree(void) {
    vfs_lock(&vfs);
    file_system_unref(tree);
    vfs_unlock(&vfs);
    vfs_deinit(&vfs);
}

/* What programs look for below /dev that is no device: on Linux, user space makes it. */
static int make_links(const struct caller *caller) {
    static const struct {
        const char *path, *text;
    } links[] = {{"/dev/fd", "/proc/self/fd"},
                 {"/dev/stdin", "/proc/self/fd/0"},
                 {"/dev/stdout", "/proc/self/fd/1"},
                 {"/dev/stderr", "/proc/self/fd/2"}};
    int status = 0;
    for (size_t i = 0; i < sizeof(links) / sizeof(links[0]) && status == 0; i++)
        status = vfs_make_link(caller, links[i].text, &(struct walk_path){.text = links[i].path});
    return status;
}

static int mount_below_devices(const struct caller *caller) {
    struct caller without_mask = *caller;
    without_mask.mask = 0;
    int status = vfs_make_folder(caller, &(struct walk_path){.text = "/dev/pts"}, 0755);
    if (status == 0)
        status = vfs_mount_kind(caller, &view, "devpts", "/dev/pts");
    if (status == 0)
        status = vfs_make_folder(&without_mask, &(struct walk_path){.text = "/dev/shm"}, 01777);
    return status == 0 ? make_links(caller) : status;
}

/* ---- the thread of the internet sockets, which is there before the first program and waits until there are any ---- */

static struct {
    struct spinlock lock;
    struct wait_queue changed;
    bool runs;
} internet;

static void run_internet(void *unused) {
    (void)unused;
    spinlock_lock(&internet.lock);
    for (;;) {
        while (!internet.runs)
            thread_sleep_firmly(&internet.changed, &internet.lock);
        spinlock_unlock(&internet.lock);
        inet_run(&sockets_inet);
        spinlock_lock(&internet.lock);
        internet.runs = false;
        wait_wake(&internet.changed);
    }
}

static void internet_begin(void) {
    spinlock_lock(&internet.lock);
    internet.runs = true;
    wait_wake(&internet.changed);
    spinlock_unlock(&internet.lock);
}

static void internet_end(void) {
    inet_stop(&sockets_inet);
    spinlock_lock(&internet.lock);
    while (internet.runs)
        thread_sleep_firmly(&internet.changed, &internet.lock);
    spinlock_unlock(&internet.lock);
    inet_domain_clear(&sockets_inet);
}

/* Devices, and what is mounted below them. */
static int furnish(const struct caller *caller) {
    sockets_prepare(&vfs);
    internet_begin();
    int status = posix_terminals_begin(&vfs, console_terminals());
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
        status = mount_below_devices(caller);
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

int root_prepare(void) {
    struct thread *thread;
    int status = thread_create_kernel(run_internet, NULL, &thread);
    if (status < 0)
        return status;
    thread_start(thread);
    return console_terminals_begin(&machine);
}

int root_begin(const uint8_t *archive, size_t size, struct caller *caller) {
    struct memory_usage usage;
    memory_usage(&usage);
    /* As on Linux, files take half of the memory at most; those of the initramfs, without which nothing goes, three quarters. */
    struct tmpfs_limits limits = {.mode = 0755, .pages_max = usage.free_frames / 4 * 3};
    int status = vfs_init(&vfs, &machine, BUCKETS, DENTRIES_MAX);
    if (status < 0)
        return status;
    vfs.tmpfs_pages_max = usage.free_frames / 2;
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
    internet_end();
    posix_terminals_end();
    close_root();
}
