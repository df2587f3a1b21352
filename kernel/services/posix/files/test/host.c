/* A process for tests: see host.h. */
#include "kernel/services/posix/files/test/host.h"

#include "kernel/machine/bare/thread/thread.h"
#include "kernel/services/posix/files/test/condition.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define TICK_NS 1000u
#define TIMERS_MAX 128u
#define WALL_NS INT64_C(1700000000000000000)

struct host host;
struct scheduler thread_scheduler;
struct futex_table thread_futexes;
static bool is_present[ARENA_PAGES];

/* ---- memory of the kernel ---- */

static bool may_take(void) {
    if (host.requests_left == 0)
        return false;
    if (host.requests_left != UINT64_MAX)
        host.requests_left--;
    return true;
}

/* Each block begins with its size, so that giving back another size is noticed. */
static void *take(void *context, size_t size_bytes) {
    (void)context;
    if (!may_take())
        return NULL;
    size_t *block = malloc(size_bytes + 2 * sizeof(size_t));
    assert_non_null(block);
    block[0] = size_bytes;
    memset(block + 2, 0xa5, size_bytes);
    __atomic_add_fetch(&host.held, 1, __ATOMIC_RELAXED);
    return block + 2;
}

static void give_back(void *context, void *memory, size_t size_bytes) {
    (void)context;
    size_t *block = (size_t *)memory - 2;
    assert_int_equal(block[0], size_bytes);
    __atomic_sub_fetch(&host.held, 1, __ATOMIC_RELAXED);
    free(block);
}

static void *take_page(void *context) {
    void *page = take(context, VFS_PAGE_BYTES);
    return page != NULL ? memset(page, 0, VFS_PAGE_BYTES) : NULL;
}

static void give_page_back(void *context, void *page) {
    give_back(context, page, VFS_PAGE_BYTES);
}

static void fill_random(void *context, void *bytes, size_t size_bytes) {
    (void)context;
    memset(bytes, 0x5c, size_bytes);
}

/* ---- memory of the program ---- */

uint8_t *host_arena(void) {
    static uint8_t *arena;
    if (arena == NULL) {
        arena = mmap((void *)ARENA_ADDRESS, ARENA_BYTES, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
        assert_ptr_equal(arena, (void *)ARENA_ADDRESS);
    }
    return arena;
}

void host_evict(void) {
    memset(is_present, 0, sizeof(is_present));
}

uint64_t host_text(uint32_t offset, const char *text) {
    memcpy(host_arena() + offset, text, strlen(text) + 1);
    return host_address(offset);
}

/* How much of it is the program's, from its beginning on. */
static size_t good_bytes(uint64_t address, size_t size) {
    if (address < ARENA_ADDRESS || address >= ARENA_ADDRESS + ARENA_BYTES)
        return 0;
    size_t left = ARENA_ADDRESS + ARENA_BYTES - address;
    return size < left ? size : left;
}

bool process_read(void *to, uint64_t from, size_t size_bytes) {
    size_t good = good_bytes(from, size_bytes);
    if (good > 0)
        memcpy(to, (const void *)from, good);
    return good == size_bytes;
}

bool process_write(uint64_t to, const void *from, size_t size_bytes) {
    size_t good = good_bytes(to, size_bytes);
    if (good > 0)
        memcpy((void *)to, from, good);
    return good == size_bytes;
}

int process_read_text(char *to, uint64_t from, size_t size_bytes) {
    for (size_t i = 0; i < size_bytes; i++) {
        if (!process_read(to + i, from + i, 1))
            return -LINUX_EFAULT;
        if (to[i] == 0)
            return (int)i;
    }
    return -LINUX_ENAMETOOLONG;
}

static size_t present_bytes(uint64_t address, size_t size) {
    size_t good = good_bytes(address, size), present = 0;
    while (present < good && is_present[(address + present - ARENA_ADDRESS) / VFS_PAGE_BYTES])
        present += VFS_PAGE_BYTES - (address + present) % VFS_PAGE_BYTES;
    return present < good ? present : good;
}

size_t process_copy_present(void *to, const void *from, size_t size_bytes) {
    bool is_to_program = good_bytes((uint64_t)to, 1) > 0 || good_bytes((uint64_t)from, 1) == 0;
    size_t present = present_bytes(is_to_program ? (uint64_t)to : (uint64_t)from, size_bytes);
    if (present > 0)
        memcpy(to, from, present);
    return present;
}

bool process_bring_in(uint64_t address, bool is_write) {
    (void)is_write;
    if (good_bytes(address, 1) == 0)
        return false;
    is_present[(address - ARENA_ADDRESS) / VFS_PAGE_BYTES] = true;
    return true;
}

/* ---- time ---- */

uint64_t clock_now_ns(void) {
    return __atomic_add_fetch(&host.now_ns, TICK_NS, __ATOMIC_RELAXED);
}

int64_t clock_wall_ns(void) {
    return WALL_NS + (int64_t)clock_now_ns();
}

static int64_t now_ns(void *context) {
    (void)context;
    return clock_wall_ns();
}

/* Timers of our own: the scheduler's library has a sched_yield, which the sanitizers would call in place of the C library's. */
static struct {
    struct sched_timer *timer;
    uint64_t when_ns;
} timers[TIMERS_MAX];

static struct spinlock timers_lock;

static void forget(const struct sched_timer *timer) {
    for (unsigned i = 0; i < TIMERS_MAX; i++)
        if (timers[i].timer == timer)
            timers[i].timer = NULL;
}

void sched_timer_set(struct scheduler *scheduler, struct sched_timer *timer, uint64_t when_ns) {
    unsigned i = 0;
    (void)scheduler;
    spinlock_lock(&timers_lock);
    forget(timer);
    while (i < TIMERS_MAX && timers[i].timer != NULL)
        i++;
    assert_true(i < TIMERS_MAX);
    if (i == TIMERS_MAX)
        return; /* has failed */
    timers[i].timer = timer;
    timers[i].when_ns = when_ns;
    spinlock_unlock(&timers_lock);
}

void sched_timer_cancel(struct scheduler *scheduler, struct sched_timer *timer) {
    (void)scheduler;
    spinlock_lock(&timers_lock);
    forget(timer);
    spinlock_unlock(&timers_lock);
}

void sched_timer_drain(struct sched_timer *timer) {
    (void)timer;
}

static uint64_t first_timer_ns(void) {
    uint64_t first = SCHED_NEVER;
    for (unsigned i = 0; i < TIMERS_MAX; i++)
        if (timers[i].timer != NULL && timers[i].when_ns < first)
            first = timers[i].when_ns;
    return first;
}

/* ---- threads ---- */

struct thread *thread_current(void) {
    static _Thread_local struct thread self;
    return &self;
}

void thread_wake(struct thread *thread) {
    (void)thread;
    condition_tell();
}

void host_fire_timers(void) {
    uint64_t now = clock_now_ns();
    for (unsigned i = 0; i < TIMERS_MAX; i++) {
        struct sched_timer *timer = timers[i].timer;
        if (timer == NULL || timers[i].when_ns > now)
            continue;
        timers[i].timer = NULL;
        timer->fire(&thread_scheduler, timer);
    }
}

/* Nobody else is there: time goes on to what comes first. */
static int sleep_alone(const bool *is_woken, uint64_t until_ns) {
    while (!__atomic_load_n(is_woken, __ATOMIC_ACQUIRE)) {
        uint64_t timer_ns = first_timer_ns(), next = until_ns < timer_ns ? until_ns : timer_ns;
        if (next == WAIT_FOREVER)
            return -LINUX_EINTR;
        host.now_ns = next > host.now_ns ? next : host.now_ns;
        if (next != timer_ns)
            return -LINUX_ETIMEDOUT;
        host_fire_timers();
    }
    return 0;
}

int thread_sleep_unless(const bool *is_woken, uint64_t until_ns) {
    if (!host.has_threads)
        return sleep_alone(is_woken, until_ns);
    condition_wait(is_woken);
    return 0;
}

struct sleeper {
    struct wait_entry entry; /* first */
    bool is_woken;
};

static void wake_sleeper(struct wait_entry *entry) {
    __atomic_store_n(&((struct sleeper *)entry)->is_woken, true, __ATOMIC_RELEASE);
    thread_wake(NULL);
}

int thread_sleep(struct wait_queue *queue, struct spinlock *held, uint64_t until_ns) {
    struct sleeper sleeper = {.entry = {.woken = wake_sleeper}};
    wait_add(queue, &sleeper.entry);
    if (held != NULL)
        spinlock_unlock(held);
    int status = thread_sleep_unless(&sleeper.is_woken, until_ns);
    wait_remove(&sleeper.entry);
    if (held != NULL)
        spinlock_lock(held);
    return status;
}

static int sleep_in(void *context, struct wait_queue *queue, struct spinlock *held) {
    (void)context;
    return thread_sleep(queue, held, WAIT_FOREVER);
}

static void wake(void *context, struct wait_queue *queue) {
    (void)context;
    wait_wake(queue);
}

/* ---- the process ---- */

struct files files_of_current(void) {
    return (struct files){.vfs = &host.vfs,
                          .descriptors = &host.descriptors,
                          .caller = &host.caller,
                          .process = 1,
                          .real_user = host.caller.identity.user,
                          .real_group = host.caller.identity.group,
                          .permitted = UINT64_MAX};
}

int files_block_signals(uint64_t set_address, uint64_t size) {
    uint64_t set;
    if (set_address == 0)
        return 0;
    if (size != sizeof(set))
        return -LINUX_EINVAL;
    return process_read(&set, set_address, sizeof(set)) ? 0 : -LINUX_EFAULT;
}

void files_send_broken_pipe(void) {
    __atomic_add_fetch(&host.broken_pipes, 1, __ATOMIC_RELAXED);
}

void host_begin(const struct tmpfs_limits *limits) {
    memset(host_arena(), 0, ARENA_BYTES);
    host_evict();
    host = (struct host){.requests_left = UINT64_MAX, .now_ns = 1};
    host.machine = (struct vfs_machine){.take = take,
                                        .give_back = give_back,
                                        .take_page = take_page,
                                        .give_page_back = give_page_back,
                                        .now_ns = now_ns,
                                        .fill_random = fill_random,
                                        .sleep = sleep_in,
                                        .wake = wake};
    assert_int_equal(vfs_init(&host.vfs, &host.machine, 16, 64), 0);
    assert_int_equal(tmpfs_create(&host.vfs, limits, &host.system), 0);
    assert_int_equal(view_init(&host.view, &host.vfs, host.system->root, 0, &host.root), 0);
    host.caller = (struct caller){.vfs = &host.vfs, .root = host.root, .folder = host.root, .mask = 022};
    host.caller.identity.capabilities = UINT64_MAX;
    vfs_lock(&host.vfs);
    path_ref(&host.root);
    path_ref(&host.root);
    vfs_unlock(&host.vfs);
    descriptors_init(&host.descriptors, &host.vfs, HOST_DESCRIPTORS);
}

void host_end(void) {
    host.requests_left = UINT64_MAX;
    descriptors_deinit(&host.descriptors);
    vfs_lock(&host.vfs);
    path_unref(&host.caller.root);
    path_unref(&host.caller.folder);
    path_unref(&host.root);
    vfs_unlock(&host.vfs);
    view_deinit(&host.view);
    vfs_lock(&host.vfs);
    file_system_unref(host.system);
    vfs_unlock(&host.vfs);
    vfs_deinit(&host.vfs);
    assert_int_equal(host.held, 0);
}
