/*
 * Threads that do everything to the same few names, pipes and locks at once: nothing is lost, nobody waits for ever, and all
 * memory comes back. What each answer is depends on the order; that it is one of Linux's is checked elsewhere.
 */
#include "kernel/services/vfs/pipe.h"
#include "kernel/services/vfs/record_lock.h"
#include "kernel/services/vfs/test/world.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define THREADS 4u
#define STEPS 6000u
#define APPENDED 400u
#define RECORD 5000u /* bytes of each, more than a page */

/* A machine for threads: one condition stands for all queues, since whoever is woken looks again. */
static pthread_mutex_t sleeping = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t woken = PTHREAD_COND_INITIALIZER;
static uint64_t wakes;
static uint64_t held;

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

static int64_t now_ns(void *context) {
    (void)context;
    return 1;
}

static void fill_random(void *context, void *bytes, size_t size_bytes) {
    (void)context;
    memset(bytes, 7, size_bytes);
}

/* The number of wakes is read before the lock is given up, so a wake in between is not missed. */
static int sleep_until_woken(void *context, struct wait_queue *queue, struct spinlock *lock) {
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

static void wake(void *context, struct wait_queue *queue) {
    (void)context;
    (void)queue;
    pthread_mutex_lock(&sleeping);
    wakes++;
    pthread_cond_broadcast(&woken);
    pthread_mutex_unlock(&sleeping);
}

static const struct vfs_machine machine = {.take = take,
                                           .give_back = give_back,
                                           .take_page = take_page,
                                           .give_page_back = give_page_back,
                                           .now_ns = now_ns,
                                           .fill_random = fill_random,
                                           .sleep = sleep_until_woken,
                                           .wake = wake};

static struct vfs vfs;
static struct file_system *file_system;
static struct view view;
static struct path root;
static struct caller caller;

static void begin(void) {
    assert_int_equal(vfs_init(&vfs, &machine, 16, 24), 0);
    assert_int_equal(tmpfs_create(&vfs, &(struct tmpfs_limits){.mode = 0755, .inodes_max = 60}, &file_system), 0);
    assert_int_equal(view_init(&view, &vfs, file_system->root, 0, &root), 0);
    caller = (struct caller){.vfs = &vfs, .root = root, .folder = root, .identity = {.capabilities = UINT64_MAX}};
}

static void end(void) {
    view_deinit(&view);
    vfs_lock(&vfs);
    path_unref(&root);
    file_system_unref(file_system);
    vfs_unlock(&vfs);
    vfs_deinit(&vfs);
    assert_int_equal(held, 0);
}

static void run(void *(*work)(void *number)) {
    pthread_t threads[THREADS];
    for (uintptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, (void *)i), 0);
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
}

static uint32_t pick(uint64_t *state, uint32_t limit) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33) % limit;
}

static int transfer_file(struct open_file *file, bool is_write, void *bytes, size_t size, size_t *done) {
    struct transfer transfer;
    struct transfer_segment segment = {.base = bytes, .size_bytes = size};
    transfer_init(&transfer, &segment, 1);
    *done = 0;
    return is_write ? file_write(&caller, file, &transfer, done) : file_read(file, &transfer, done);
}

static void use_file(const struct walk_path *path, uint64_t *state) {
    struct open_file *file;
    uint8_t bytes[3000] = {0};
    size_t done;
    uint32_t flags = LINUX_O_CREAT | LINUX_O_RDWR | LINUX_O_NONBLOCK | (pick(state, 4) == 0 ? LINUX_O_TRUNC : 0);
    if (file_open(&caller, path, flags, 0644, &file) != 0)
        return;
    (void)transfer_file(file, true, bytes, pick(state, sizeof(bytes)), &done);
    (void)file_resize(&caller, file, pick(state, 20000));
    (void)transfer_file(file, false, bytes, sizeof(bytes), &done);
    file_unref(file);
}

static void *change_names(void *number) {
    static const char *const names[] = {"a", "b", "a/c", "a/d", "b/c", "a/c/e", "b/../a/d", "l/c", "a/.."};
    uint64_t state = (uintptr_t)number + 1;
    for (unsigned step = 0; step < STEPS; step++) {
        struct walk_path one = {.text = names[pick(&state, ITEMS(names))]};
        struct walk_path other = {.text = names[pick(&state, ITEMS(names))]};
        struct walk_path link = {.text = "l"};
        switch (pick(&state, 9)) {
        case 0:
        case 1:
            (void)vfs_make_folder(&caller, &one, 0755);
            break;
        case 2:
            (void)vfs_remove_folder(&caller, &one);
            break;
        case 3:
            (void)vfs_unlink(&caller, &one);
            break;
        case 4:
            (void)vfs_rename(&caller, &one, &other, pick(&state, 3));
            break;
        case 5:
            (void)vfs_link(&caller, &one, &other, 0);
            break;
        case 6:
            (void)vfs_make_link(&caller, one.text, &link);
            break;
        case 7:
            (void)vfs_make_node(&caller, &one, LINUX_S_IFIFO | 0644, 0);
            break;
        default:
            use_file(&one, &state);
        }
    }
    return NULL;
}

static void names_change_under_many_hands(void **state) {
    (void)state;
    begin();
    run(change_names);
    end();
}

/* Each record is one write of one byte over and over; no other may come into it. */
static void *append_records(void *number) {
    uint8_t record[RECORD];
    size_t done;
    struct walk_path path = {.text = "log"};
    struct open_file *file;
    memset(record, (int)(uintptr_t)number + 1, sizeof(record));
    if (file_open(&caller, &path, LINUX_O_CREAT | LINUX_O_WRONLY | LINUX_O_APPEND, 0644, &file) != 0)
        return NULL;
    for (unsigned i = 0; i < APPENDED; i++)
        (void)transfer_file(file, true, record, sizeof(record), &done);
    file_unref(file);
    return NULL;
}

static void appended_records_stay_whole(void **state) {
    (void)state;
    uint8_t record[RECORD];
    size_t done;
    unsigned counts[THREADS + 1] = {0};
    struct walk_path path = {.text = "log"};
    struct open_file *file;
    begin();
    run(append_records);
    assert_int_equal(file_open(&caller, &path, LINUX_O_RDONLY, 0, &file), 0);
    for (unsigned i = 0; i < THREADS * APPENDED; i++) {
        assert_int_equal(transfer_file(file, false, record, sizeof(record), &done), 0);
        assert_int_equal(done, sizeof(record));
        assert_in_range(record[0], 1, THREADS);
        assert_memory_equal(record, record + 1, sizeof(record) - 1);
        counts[record[0]]++;
    }
    for (unsigned i = 1; i <= THREADS; i++)
        assert_int_equal(counts[i], APPENDED);
    file_unref(file);
    end();
}

/* Half of them write numbered records into one pipe, the others read them; and all take turns with a record lock. */
static struct open_file *reading, *writing, *locked;
static uint64_t sum, turns;

static void take_turn(const void *owner) {
    struct record_owner who = {.owner = owner, .process = 1};
    struct record_range range = {.first = 3, .last = 8};
    assert_int_equal(record_lock_set(locked, &who, RECORD_WRITE, &range, true), 0);
    turns++;
    assert_int_equal(record_lock_set(locked, &who, RECORD_NONE, &range, false), 0);
}

static void *pass_records(void *number) {
    uint32_t record[25];
    size_t done;
    int owner;
    bool is_writer = (uintptr_t)number % 2 == 0;
    for (unsigned i = 1; i <= STEPS; i++) {
        for (unsigned j = 0; j < ITEMS(record); j++)
            record[j] = is_writer ? i : 0;
        assert_int_equal(transfer_file(is_writer ? writing : reading, is_writer, record, sizeof(record), &done), 0);
        assert_int_equal(done, sizeof(record)); /* all writes have one size, so reads of that size find whole ones */
        assert_int_equal(record[0], record[ITEMS(record) - 1]);
        if (!is_writer)
            __atomic_add_fetch(&sum, record[0], __ATOMIC_RELAXED);
        if (i % 64 == 0)
            take_turn(&owner);
    }
    return NULL;
}

static void pipes_and_locks_are_passed_on(void **state) {
    (void)state;
    struct walk_path path = {.text = "locked"};
    begin();
    assert_int_equal(pipe_create(&vfs, 0, &reading, &writing), 0);
    assert_int_equal(file_open(&caller, &path, LINUX_O_CREAT | LINUX_O_RDWR, 0644, &locked), 0);
    run(pass_records);
    assert_int_equal(sum, (uint64_t)THREADS / 2 * STEPS * (STEPS + 1) / 2);
    assert_int_equal(turns, THREADS * (STEPS / 64));
    file_unref(reading);
    file_unref(writing);
    file_unref(locked);
    end();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_change_under_many_hands),
        cmocka_unit_test(appended_records_stay_whole),
        cmocka_unit_test(pipes_and_locks_are_passed_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
