/*
 * Threads that do everything to the same memory at once: each has a byte of its own in every page, which is what it wrote
 * there last, or nothing, where somebody took the page away. The processors of the test's machine find whoever goes by a
 * translation that should have been forgotten.
 */
#define sched_yield kernel_sched_yield /* the C library has one too */
#include "kernel/machine/bare/mm/test/memory_world.h"
#undef sched_yield

#include <pthread.h>
#include <stdlib.h>

#define THREADS WORLD_PROCESSORS
#define STEPS 20000u
#define PAGES 24u /* the first half private, the second half of an object */
#define RW (AREA_READ | AREA_WRITE)

static struct space space;
static struct memory_object *object;
static pthread_barrier_t all_are_there;

struct worker {
    pthread_t thread;
    uint32_t number;
    uint32_t random;
    uint8_t last[PAGES];
};

static uint64_t address_of(uint32_t page) {
    return WORLD_BASE + page * PAGE_BYTES;
}

static uint32_t pick(struct worker *worker, uint32_t limit) {
    worker->random = worker->random * 1664525 + 1013904223;
    return (worker->random >> 16) % limit;
}

static void put(struct worker *worker, uint32_t page, uint8_t value) {
    int status = memory_world_write(&space, address_of(page) + worker->number, value);
    if (status == 0)
        worker->last[page] = value;
    else
        assert_true(status == -LINUX_EACCES || status == -LINUX_EFAULT);
}

static void look(struct worker *worker, struct space *where, uint32_t page) {
    uint8_t value = 0;
    int status = memory_world_read(where, address_of(page) + worker->number, &value);
    assert_true(status == 0 || status == -LINUX_EFAULT);
    assert_true(value == 0 || value == worker->last[page]);
}

static void map_again(uint32_t page) {
    uint64_t flags = LINUX_MAP_FIXED | (page % 2 == 0 ? LINUX_MAP_PRIVATE : LINUX_MAP_SHARED);
    struct memory_call_file file = {.object = object, .can_read = true, .can_write = true};
    int64_t result;
    if (page < PAGES / 2)
        result = memory_world_map(&space, address_of(page), 1, RW, LINUX_MAP_FIXED | LINUX_MAP_PRIVATE);
    else
        result = memory_call_map(&space, address_of(page), PAGE_BYTES, RW, flags, &file, page * PAGE_BYTES);
    assert_int_equal(result, address_of(page));
}

/* A child sees what its parent had, or nothing, and goes its own way. Objects' pages are the parent's too. */
static void fork_here(struct worker *worker) {
    struct space child;
    assert_int_equal(space_fork(&space, &child), 0);
    for (uint32_t page = 0; page < PAGES; page++)
        look(worker, &child, page);
    for (uint32_t page = 0; page < PAGES / 2; page++)
        (void)memory_world_write(&child, address_of(page) + worker->number, 255);
    space_destroy(&child);
}

static void step(struct worker *worker) {
    uint32_t page = pick(worker, PAGES);
    switch (pick(worker, 20)) {
    case 0:
        map_again(page);
        break;
    case 1:
        assert_int_equal(memory_call_unmap(&space, address_of(page), PAGE_BYTES), 0);
        map_again(page);
        break;
    case 2:
        (void)memory_call_advise(&space, address_of(page), 3 * PAGE_BYTES, 4);
        break;
    case 3:
        (void)memory_call_protect(&space, address_of(page), PAGE_BYTES, pick(worker, 2) == 0 ? AREA_READ : RW);
        break;
    case 4:
        if (pick(worker, 8) == 0)
            fork_here(worker);
        break;
    case 5:
        memory_object_cut(object, page, page + 1);
        break;
    case 6:
    case 7:
    case 8:
    case 9:
    case 10:
        put(worker, page, (uint8_t)(1 + pick(worker, 200)));
        break;
    default:
        look(worker, &space, page);
        break;
    }
}

static void *work(void *argument) {
    struct worker *worker = argument;
    memory_world_processor = worker->number;
    (void)pthread_barrier_wait(&all_are_there);
    for (uint32_t i = 0; i < STEPS; i++)
        step(worker);
    return NULL;
}

static void nobody_sees_what_is_gone(void **state) {
    static struct worker workers[THREADS];
    (void)state;
    memory_world_begin();
    assert_int_equal(space_create(&space), 0);
    assert_int_equal(memory_shared_create(NULL, PAGES, &object), 0);
    for (uint32_t page = 0; page < PAGES; page++)
        map_again(page);
    assert_int_equal(pthread_barrier_init(&all_are_there, NULL, THREADS), 0);
    for (uint32_t i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.number = i, .random = i + 1};
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (uint32_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
    assert_true(memory_world.forgets > STEPS / 20);
    memory_object_unref(object);
    space_destroy(&space);
    memory_world_end();
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(nobody_sees_what_is_gone)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
