/*
 * Shells that come, ask and go on several threads at once, while the kernel's own thread works: every answer comes, nobody
 * waits for ever, and all memory comes back. What the answers are is checked elsewhere.
 */
/* The C library and the kernel's scheduler both have a function of this name. */
#define sched_yield sched_yield_of_library
#include <pthread.h>
#undef sched_yield

#include "kernel/services/containers/kernel_port.h"
#include "kernel/services/containers/test/fake_host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define THREADS 4u
#define SHELLS 40u /* of each thread, one after the other */
#define REQUESTS 100u /* of each shell; more than a port holds */

/* A machine for threads: one condition stands for all queues, since whoever is woken looks again. */
static pthread_mutex_t sleeping = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t woken = PTHREAD_COND_INITIALIZER;
static uint64_t wakes, held;

static void *take(void *context, size_t size_bytes) {
    (void)context;
    __atomic_add_fetch(&held, 1, __ATOMIC_RELAXED);
    return malloc(size_bytes);
}

static void give_back(void *context, void *memory, size_t size_bytes) {
    (void)context;
    (void)size_bytes;
    __atomic_sub_fetch(&held, 1, __ATOMIC_RELAXED);
    free(memory);
}

static void *take_page(void *context) {
    (void)context;
    __atomic_add_fetch(&held, 1, __ATOMIC_RELAXED);
    return calloc(1, VFS_PAGE_BYTES);
}

static void give_page_back(void *context, void *page) {
    give_back(context, page, VFS_PAGE_BYTES);
}

static uint64_t clock_ns(void *context) {
    struct timespec now;
    (void)context;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static int64_t now_ns(void *context) {
    return (int64_t)clock_ns(context);
}

static void fill_random(void *context, void *bytes, size_t size_bytes) {
    (void)context;
    memset(bytes, 7, size_bytes);
}

/* The number of wakes is read before the lock is given up, so a wake in between is not missed. */
static int sleep_in(void *context, struct wait_queue *queue, struct spinlock *lock) {
    (void)context;
    (void)queue;
    pthread_mutex_lock(&sleeping);
    uint64_t seen = wakes;
    spinlock_unlock(lock);
    while (wakes == seen)
        pthread_cond_wait(&woken, &sleeping);
    pthread_mutex_unlock(&sleeping);
    spinlock_lock(lock);
    return 0;
}

/* No deadline of the core's is near in this test. */
static int sleep_until(void *context, struct wait_queue *queue, struct spinlock *lock, uint64_t until_ns) {
    return until_ns == 0 ? 0 : sleep_in(context, queue, lock);
}

static void wake(void *context, struct wait_queue *queue) {
    (void)context;
    (void)queue;
    pthread_mutex_lock(&sleeping);
    wakes++;
    pthread_cond_broadcast(&woken);
    pthread_mutex_unlock(&sleeping);
}

static struct world world;

static void begin(void) {
    world.machine = (struct vfs_machine){.take = take,
                                         .give_back = give_back,
                                         .take_page = take_page,
                                         .give_page_back = give_page_back,
                                         .now_ns = now_ns,
                                         .fill_random = fill_random,
                                         .sleep = sleep_in,
                                         .sleep_until = sleep_until,
                                         .clock_ns = clock_ns,
                                         .wake = wake};
    assert_int_equal(vfs_init(&world.vfs, &world.machine, 16, 24), 0);
    assert_int_equal(tmpfs_create(&world.vfs, &(struct tmpfs_limits){.mode = 0755}, &world.system), 0);
    assert_int_equal(view_init(&world.view, &world.vfs, world.system->root, 0, &world.root), 0);
    world.caller = (struct caller){.vfs = &world.vfs, .root = world.root, .folder = world.root};
    world_become_root(&world);
    fake_host_open(&world);
    const struct containers_plan plan = {.vfs = &world.vfs,
                                         .host = &fake_host.host,
                                         .caller = world.caller,
                                         .limits = {.containers = 64, .capabilities = 4096},
                                         .machine = CONTAINERS_X86_64};
    assert_int_equal(containers_init(&plan), 0);
}

static void end(void) {
    containers_deinit();
    fake_host_close();
    view_deinit(&world.view);
    vfs_lock(&world.vfs);
    path_unref(&world.root);
    file_system_unref(world.system);
    vfs_unlock(&world.vfs);
    vfs_deinit(&world.vfs);
    assert_int_equal(held, 0);
}

static void check(bool is_so, const char *what) {
    if (is_so)
        return;
    fprintf(stderr, "threads: %s\n", what);
    abort();
}

/* The next answer; notices are passed over. False: the port has ended. */
static bool hear(struct open_file *port, uint64_t *sequence) {
    struct port_packet *packet;
    do {
        check(kernel_port_take(port, false, &packet) == 0, "taking a packet failed");
        if (packet == NULL)
            return false;
        *sequence = packet->message.sequence;
        kernel_port_give_back(&world.vfs, packet);
    } while (*sequence == 0);
    return true;
}

/* Every second one reads each answer at once; the others let them pile up, and go in the middle. */
static void be_a_shell(uint32_t number) {
    char name[32];
    struct open_file *port;
    uint64_t sequence = 0;
    struct grove_message message = {.version = GROVE_PORT_VERSION, .operation = GROVE_REQUEST_KERNEL_READ};
    snprintf(name, sizeof(name), "shell.%u", (unsigned)number);
    if (containers_connect(name, 0, number, &port) != 0)
        return; /* those that went are not all taken apart yet */
    for (uint32_t i = 1; i <= REQUESTS; i++) {
        message.sequence = i;
        check(kernel_port_send(port, &message, sizeof(message), NULL, 0) == 0, "sending failed");
        if (number % 2 == 0)
            check(hear(port, &sequence) && sequence == i, "another answer came");
    }
    for (uint32_t i = 1; number % 2 != 0 && i <= REQUESTS / 2; i++)
        check(hear(port, &sequence) && sequence == i, "an answer is missing");
    file_unref(port);
}

static void *run_shells(void *argument) {
    uint32_t first = (uint32_t)(uintptr_t)argument * SHELLS;
    for (uint32_t i = 0; i < SHELLS; i++)
        be_a_shell(first + i);
    return NULL;
}

static void *run_kernel(void *argument) {
    (void)argument;
    containers_run();
    return NULL;
}

static void shells_on_all_threads(void **state) {
    pthread_t shells[THREADS], kernel;
    (void)state;
    begin();
    assert_int_equal(pthread_create(&kernel, NULL, run_kernel, NULL), 0);
    for (uintptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&shells[i], NULL, run_shells, (void *)i), 0);
    for (uint32_t i = 0; i < THREADS; i++)
        (void)pthread_join(shells[i], NULL);
    containers_shut_down(clock_ns(NULL) + UINT64_C(60000000000));
    (void)pthread_join(kernel, NULL);
    end();
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(shells_on_all_threads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
