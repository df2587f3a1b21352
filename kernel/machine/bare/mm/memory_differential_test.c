/*
 * Memory of ours and of Linux's is the same: random mmap, munmap, mprotect, mremap, madvise, mlock, msync, writes and forks
 * in one window, after each of which every page is compared. The seeds are fixed; GROVE_SEED=NUMBER tries another,
 * GROVE_SHOW=1 prints the operations.
 *
 * Linux keeps apart what it could join where memory was moved before, and then refuses to move it as one: there, a round ends.
 */
#include "kernel/machine/bare/mm/test/differential.h"
#include "kernel/machine/bare/mm/test/memory_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS 40u
#define OPERATIONS 400u
#define OPERATIONS_MIN 6000u /* compared in all rounds together */
#define SIGNAL_BUS 7
#define SIGNAL_SEGMENT 11

static uint64_t random_state;
static struct memory_object *file;

static uint32_t pick(uint32_t limit) {
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33) % limit;
}

static uint64_t address_of(uint64_t page) {
    return DIFFERENTIAL_BASE + page * PAGE_BYTES;
}

/* ---- picking ---- */

static uint64_t pick_protection(void) {
    static const uint64_t protections[] = {
        AREA_READ | AREA_WRITE, AREA_READ | AREA_WRITE, AREA_READ | AREA_WRITE, AREA_READ, AREA_READ | AREA_EXECUTE, 0};
    return protections[pick(ITEMS(protections))];
}

static void pick_map(struct operation *operation) {
    static const uint64_t types[] = {LINUX_MAP_PRIVATE | LINUX_MAP_ANONYMOUS,
                                     LINUX_MAP_PRIVATE | LINUX_MAP_ANONYMOUS,
                                     LINUX_MAP_SHARED | LINUX_MAP_ANONYMOUS,
                                     LINUX_MAP_PRIVATE | WITH_FILE,
                                     LINUX_MAP_SHARED | WITH_FILE,
                                     LINUX_MAP_PRIVATE | WITH_READ_ONLY_FILE,
                                     LINUX_MAP_SHARED | WITH_READ_ONLY_FILE,
                                     LINUX_MAP_ANONYMOUS};
    static const uint64_t places[] = {LINUX_MAP_FIXED, LINUX_MAP_FIXED, LINUX_MAP_FIXED_NOREPLACE, 0};
    static const uint64_t more[] = {0, 0, LINUX_MAP_POPULATE, LINUX_MAP_NORESERVE, LINUX_MAP_STACK, LINUX_MAP_LOCKED};
    operation->y = types[pick(ITEMS(types))] | places[pick(ITEMS(places))] | more[pick(ITEMS(more))];
    operation->x = pick_protection();
    operation->c = pick(DIFFERENTIAL_FILE_PAGES + 2);
}

static void pick_remap(struct operation *operation) {
    static const uint64_t flags[] = {0, LINUX_MREMAP_MAYMOVE, LINUX_MREMAP_MAYMOVE | LINUX_MREMAP_FIXED,
                                     LINUX_MREMAP_MAYMOVE | LINUX_MREMAP_FIXED, LINUX_MREMAP_FIXED};
    operation->c = pick(4) == 0 ? pick(10) : operation->b;
    operation->d = pick(DIFFERENTIAL_PAGES - 9);
    operation->y = flags[pick(ITEMS(flags))];
}

static void pick_operation(struct operation *operation) {
    static const uint64_t advices[] = {0, 1, 2, 3, 4, 4, 4, 10, 11, 18, 19, 20, 22, 23, 99};
    static const enum operation_kind often[] = {MAP,    MAP,  MAP,  UNMAP, PROTECT, PROTECT, REMAP, REMAP,
                                                ADVISE, LOCK, SYNC, WRITE, WRITE,   WRITE,   WRITE, FORK};
    *operation = (struct operation){.kind = often[pick(ITEMS(often))]};
    operation->b = pick(12) == 0 ? 0 : 1 + pick(8);
    operation->a = pick((uint32_t)(DIFFERENTIAL_PAGES - operation->b));
    switch (operation->kind) {
    case MAP:
        pick_map(operation);
        break;
    case REMAP:
        pick_remap(operation);
        break;
    case PROTECT:
        operation->x = pick_protection();
        break;
    case ADVISE:
        operation->x = advices[pick(ITEMS(advices))];
        break;
    case LOCK:
        operation->x = pick(3);
        break;
    case SYNC:
        operation->x = pick(8);
        break;
    default:
        operation->x = 1 + pick(200);
        break;
    }
}

/* ---- ours ---- */

static int64_t signal_of(int status) {
    return status == 0 ? 0 : status == -LINUX_ENXIO ? SIGNAL_BUS : SIGNAL_SEGMENT;
}

static int64_t write_bytes(struct space *space, uint64_t page, uint8_t value) {
    int status = memory_world_write(space, address_of(page), value);
    if (status == 0)
        memory_world_put(space, address_of(page) + PAGE_BYTES - 1, (uint8_t)(value + 1));
    return signal_of(status);
}

static uint32_t protection_of(struct space *space, uint64_t page) {
    const struct area *area = areas_find(&space->areas, address_of(page));
    return area != NULL ? area->protection : UINT32_MAX;
}

static void read_pages(struct space *space, uint32_t *pages) {
    for (uint64_t page = 0; page < DIFFERENTIAL_PAGES; page++) {
        uint32_t protection = protection_of(space, page);
        uint8_t first = 0, last = 0;
        pages[page] = PAGE_MISSING;
        if (protection == UINT32_MAX)
            continue;
        int status = 0;
        if ((protection & AREA_READ) != 0)
            status = memory_world_read(space, address_of(page), &first);
        if (status == 0 && (protection & AREA_READ) != 0)
            last = memory_world_byte(space, address_of(page) + PAGE_BYTES - 1);
        pages[page] = status == 0 ? PAGE_STATE(protection, first, last) : PAGE_SIGNAL;
    }
}

static int64_t map(struct space *space, const struct operation *operation) {
    struct memory_call_file found = {
        .object = file, .can_read = true, .can_write = (operation->y & WITH_FILE) != 0, .status = 0};
    if ((operation->y & (WITH_FILE | WITH_READ_ONLY_FILE)) == 0)
        found = (struct memory_call_file){.status = -LINUX_EBADF};
    return memory_call_map(space, address_of(operation->a), operation->b * PAGE_BYTES, operation->x,
                           operation->y & UINT32_MAX, &found, operation->c * PAGE_BYTES);
}

static int64_t take_away(struct space *space, int64_t where, uint64_t pages) {
    if (where < 0 || (where >= (int64_t)DIFFERENTIAL_BASE && where < (int64_t)address_of(DIFFERENTIAL_PAGES)))
        return where;
    assert_int_equal(memory_call_unmap(space, (uint64_t)where, pages * PAGE_BYTES), 0);
    return 1;
}

static int64_t fork_child(struct space *space, const struct operation *operation, struct result *result) {
    struct space child;
    assert_int_equal(space_fork(space, &child), 0);
    for (uint64_t page = 0; page < DIFFERENTIAL_PAGES; page++) {
        uint32_t protection = protection_of(&child, page);
        if (protection != UINT32_MAX && (protection & AREA_WRITE) != 0)
            (void)write_bytes(&child, page, (uint8_t)operation->x);
    }
    read_pages(&child, result->child_pages);
    space_destroy(&child);
    return 0;
}

static int64_t apply(struct space *space, const struct operation *operation, struct result *result) {
    uint64_t start = address_of(operation->a), size = operation->b * PAGE_BYTES;
    switch (operation->kind) {
    case MAP:
        return take_away(space, map(space, operation), operation->b);
    case UNMAP:
        return memory_call_unmap(space, start, size);
    case PROTECT:
        return memory_call_protect(space, start, size, operation->x);
    case REMAP:
        return take_away(
            space,
            memory_call_remap(space, start, size, operation->c * PAGE_BYTES, operation->y, address_of(operation->d)),
            operation->c);
    case ADVISE:
        return memory_call_advise(space, start, size, operation->x);
    case LOCK:
        return operation->x != 0 ? memory_call_unlock(space, start, size) : memory_call_lock(space, start, size, 0);
    case SYNC:
        return memory_call_sync(space, start, size, operation->x);
    case WRITE:
        return write_bytes(space, operation->a, (uint8_t)operation->x);
    default:
        return fork_child(space, operation, result);
    }
}

/* ---- comparing ---- */

static const char *describe(const struct operation *operation) {
    static const char *const names[OPERATION_KINDS] = {"map",  "unmap", "protect", "remap", "advise",
                                                       "lock", "sync",  "write",   "fork"};
    static char text[160];
    snprintf(text, sizeof(text), "%s a %llu b %llu c %llu d %llu x %#llx y %#llx", names[operation->kind],
             (unsigned long long)operation->a, (unsigned long long)operation->b, (unsigned long long)operation->c,
             (unsigned long long)operation->d, (unsigned long long)operation->x, (unsigned long long)operation->y);
    return text;
}

static void compare_pages(uint64_t seed, uint32_t number, const struct operation *operation, const char *whose,
                          const uint32_t *theirs, const uint32_t *ours) {
    for (uint32_t page = 0; page < DIFFERENTIAL_PAGES; page++)
        if (ours[page] != theirs[page])
            fail_msg("seed %llu, operation %u, %s: %spage %u is %#x on Linux, here %#x", (unsigned long long)seed,
                     number, describe(operation), whose, page, theirs[page], ours[page]);
}

/*
 * Where one Linux differs from another: the old range lies in several areas, or there is nothing to be done with one that
 * is not there.
 */
static bool is_doubtful(struct space *space, const struct operation *operation) {
    const struct area *area = areas_find(&space->areas, address_of(operation->a));
    if (operation->kind != REMAP)
        return false;
    return area != NULL ? address_of(operation->a + operation->b) > area->end : operation->b == operation->c;
}

static uint32_t run_round(uint64_t seed, int to, int from) {
    struct space space;
    uint32_t number = 0;
    memory_world_begin();
    assert_int_equal(space_create(&space), 0);
    assert_int_equal(memory_shared_create(NULL, DIFFERENTIAL_FILE_PAGES, &file), 0);
    random_state = seed;
    for (; number < OPERATIONS; number++) {
        struct operation operation;
        struct result theirs, ours = {.status = 0};
        do
            pick_operation(&operation);
        while (is_doubtful(&space, &operation));
        assert_int_equal(write(to, &operation, sizeof(operation)), sizeof(operation));
        assert_int_equal(read(from, &theirs, sizeof(theirs)), sizeof(theirs));
        if (getenv("GROVE_SHOW") != NULL)
            fprintf(stderr, "%u: %s: %lld\n", number, describe(&operation), (long long)theirs.status);
        ours.status = apply(&space, &operation, &ours);
        if (operation.kind == REMAP && theirs.status == -LINUX_EFAULT && ours.status >= 0)
            break;
        if (ours.status != theirs.status)
            fail_msg("seed %llu, operation %u, %s: Linux says %lld, we %lld", (unsigned long long)seed, number,
                     describe(&operation), (long long)theirs.status, (long long)ours.status);
        read_pages(&space, ours.pages);
        compare_pages(seed, number, &operation, "", theirs.pages, ours.pages);
        if (operation.kind == FORK)
            compare_pages(seed, number, &operation, "the child's ", theirs.child_pages, ours.child_pages);
    }
    memory_object_unref(file);
    space_destroy(&space);
    memory_world_end();
    return number;
}

static uint32_t run_with_child(uint64_t seed) {
    int down[2], up[2], status;
    assert_int_equal(pipe(down), 0);
    assert_int_equal(pipe(up), 0);
    (void)fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)close(down[1]);
        (void)close(up[0]);
        differential_linux(down[0], up[1]);
    }
    (void)close(down[0]);
    (void)close(up[1]);
    uint32_t done = run_round(seed, down[1], up[0]);
    (void)close(down[1]);
    (void)close(up[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    return done;
}

static void memory_is_as_on_linux(void **state) {
    const char *seed = getenv("GROVE_SEED");
    uint32_t done = 0;
    (void)state;
    if (seed != NULL) {
        (void)run_with_child(strtoull(seed, NULL, 10));
        return;
    }
    for (uint64_t i = 1; i <= ROUNDS; i++)
        done += run_with_child(i);
    assert_true(done >= OPERATIONS_MIN);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(memory_is_as_on_linux)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
