/*
 * A program about its memory. What it prints is the same on every Linux, so the test runs it there too and compares. Each
 * part is a function; the arguments name the parts to run.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096u
#define THREADS 6
#define ROUNDS 100
#define LOOKS 50 /* at once, before the others have their turn */
#define SHARED_PAGES 300

static uint8_t *map(void *at, size_t pages, int protection, int flags) {
    uint8_t *memory = mmap(at, pages * PAGE, protection, flags | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        printf("mmap: %s\n", strerror(errno));
        exit(1);
    }
    return memory;
}

static uint8_t *map_private(size_t pages) {
    return map(NULL, pages, PROT_READ | PROT_WRITE, MAP_PRIVATE);
}

static void say(const char *what, long result) {
    if (result == -1)
        printf("%s: %s\n", what, strerror(errno));
    else
        printf("%s: %ld\n", what, result);
}

/* What the kernel may do with a page on behalf of the program. */
static void say_access(const char *what, const uint8_t *page) {
    bool can_write = syscall(SYS_getrandom, page, 1, 0) == 1;
    bool can_read = nanosleep((const struct timespec *)(const void *)page, NULL) == 0 || errno != EFAULT;
    printf("%s: %s%s\n", what, can_read ? "read" : "-", can_write ? " write" : "");
}

/* ---- one thread ---- */

static void protections(void) {
    uint8_t *memory = map_private(4);
    memset(memory, 0xff, 4 * (size_t)PAGE);
    say_access("new", memory);
    say("none", mprotect(memory + PAGE, PAGE, PROT_NONE));
    say_access("none", memory + PAGE);
    say("read", mprotect(memory + 2 * PAGE, PAGE, PROT_READ));
    say_access("read", memory + 2 * PAGE);
    say("all again", mprotect(memory, 4 * (size_t)PAGE, PROT_READ | PROT_WRITE));
    printf("kept: %x %x\n", memory[PAGE + 1], memory[2 * PAGE + 1]);
    say("unmap", munmap(memory + PAGE, PAGE));
    say_access("unmapped", memory + PAGE);
    say("over a gap", mprotect(memory, 4 * (size_t)PAGE, PROT_READ));
    say_access("before the gap", memory);
    say_access("behind the gap", memory + 2 * PAGE);
    say("not aligned", syscall(SYS_mprotect, memory + 1, PAGE, PROT_READ)); /* the library would align it */
    say("no length", (long)(uintptr_t)mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    say("no type", (long)(uintptr_t)mmap(NULL, PAGE, PROT_READ, MAP_ANONYMOUS, -1, 0));
    say("no file", (long)(uintptr_t)mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, -1, 0));
    say("not over something",
        (long)(uintptr_t)mmap(memory, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0));
}

static void moves(void) {
    uint8_t *room = map(NULL, 32, PROT_NONE, MAP_PRIVATE), *memory = room + 4 * PAGE;
    (void)map(memory, 4, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED);
    for (unsigned i = 0; i < 4; i++)
        memory[i * PAGE] = (uint8_t)(i + 1);
    say("no room", (long)(uintptr_t)mremap(memory, 4 * PAGE, 8 * PAGE, 0));
    uint8_t *moved = mremap(memory, 4 * PAGE, 8 * PAGE, MREMAP_MAYMOVE);
    printf("moved: %d %d %d\n", moved != memory, moved[3 * PAGE], moved[7 * PAGE]);
    say_access("where it was", memory);
    uint8_t *fixed = mremap(moved, 8 * PAGE, 6 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, room + 10 * PAGE);
    printf("fixed: %d %d %d\n", fixed == room + 10 * PAGE, fixed[0], fixed[3 * PAGE]);
    say_access("behind it", fixed + 6 * PAGE);
    say("overlapping", (long)(uintptr_t)mremap(fixed, 6 * PAGE, 6 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, fixed + PAGE));
    uint8_t *less = mremap(fixed, 6 * PAGE, 2 * PAGE, 0);
    printf("less: %d %d\n", less == fixed, less[PAGE]);
    say_access("cut off", fixed + 2 * PAGE);
    uint8_t *big = mremap(less, 2 * PAGE, 3000 * PAGE, MREMAP_MAYMOVE);
    printf("more: %d %d\n", big[PAGE], big[2999 * PAGE]);
    say("unmap", munmap(big, 3000 * PAGE));
}

static void advice(void) {
    uint8_t *memory = map_private(6);
    unsigned char there[6];
    memset(memory, 7, 6 * (size_t)PAGE);
    say("not needed", madvise(memory + PAGE, PAGE, MADV_DONTNEED));
    say("in core", mincore(memory, 6 * PAGE, there));
    printf("there: %d%d%d\n", there[0] & 1, there[1] & 1, there[2] & 1);
    printf("values: %d %d\n", memory[0], memory[PAGE]);
    say("lock", mlock(memory + 3 * PAGE + 5, 10));
    say("locked is needed", madvise(memory + 3 * PAGE, PAGE, MADV_DONTNEED));
    say("sync locked", msync(memory + 3 * PAGE, PAGE, MS_SYNC | MS_INVALIDATE));
    say("unlock", munlock(memory + 3 * PAGE, PAGE));
    say("sync", msync(memory, PAGE, MS_SYNC));
    say("unmap", munmap(memory + 5 * PAGE, PAGE));
    say("over a gap", madvise(memory, 6 * PAGE, MADV_WILLNEED));
    say("no such advice", madvise(memory, PAGE, 77));
    say("in core over a gap", mincore(memory, 6 * PAGE, there));
    say("lock over a gap", mlock(memory + 4 * PAGE, 2 * PAGE));
}

/* A few pages of a great deal of memory. */
static void sparse(void) {
    size_t pages = (size_t)1 << 20;
    uint8_t *memory = map(NULL, pages, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE);
    unsigned sum = 0;
    for (size_t i = 0; i < pages; i += 4096)
        memory[i * PAGE] = 1;
    for (size_t i = 0; i < pages; i += 2048)
        sum += memory[i * PAGE];
    printf("sparse: %u\n", sum);
    say("unmap", munmap(memory, pages * PAGE));
}

/* The library does not let a program move the end of its heap. */
static uint8_t *move_break(uint8_t *end) {
    return (uint8_t *)syscall(SYS_brk, end);
}

static void heap(void) {
    uint8_t *start = move_break(NULL), *end = start + 100000;
    printf("heap: %d\n", move_break(end) == end);
    memset(start, 3, 100000);
    bool is_moved = move_break(end - 50000) == end - 50000;
    printf("shrunk: %d %d\n", is_moved, start[40000]);
    is_moved = move_break(end) == end;
    printf("grown: %d %d\n", is_moved, end[-1]);
    printf("not below its beginning: %d\n", move_break((uint8_t *)(uintptr_t)PAGE) == end);
}

/* ---- the clock that lies in every program's memory ---- */

static bool is_before(struct timespec first, struct timespec second) {
    return first.tv_sec < second.tv_sec || (first.tv_sec == second.tv_sec && first.tv_nsec <= second.tv_nsec);
}

/* The library reads the time there; it is what the kernel says, before and after. */
static void clocks(void) {
    static const clockid_t kinds[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW};
    printf("clock page: %d\n", getauxval(AT_SYSINFO_EHDR) != 0);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        unsigned good = 0;
        for (unsigned j = 0; j < ROUNDS; j++) {
            struct timespec before, here, after;
            (void)syscall(SYS_clock_gettime, kinds[i], &before);
            (void)clock_gettime(kinds[i], &here);
            (void)syscall(SYS_clock_gettime, kinds[i], &after);
            good += is_before(before, here) && is_before(here, after);
        }
        printf("clock %zu: %u of %u\n", i, good, (unsigned)ROUNDS);
    }
    printf("day: %d\n", labs(time(NULL) - (long)syscall(SYS_time, NULL)) <= 1);
    printf("processor: %d\n", sched_getcpu() >= 0 && sched_getcpu() < 64);
}

/* ---- many threads ---- */

static uint8_t *shared;
static atomic_int phase, failures, ready;

static void run_all(void *(*function)(void *), void (*meanwhile)(void)) {
    pthread_t threads[THREADS];
    for (intptr_t i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, function, (void *)i) != 0)
            exit(1);
    if (meanwhile != NULL)
        meanwhile();
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

static void *touch(void *argument) {
    for (unsigned i = 0; i < SHARED_PAGES; i++)
        atomic_fetch_add((atomic_uint *)(void *)(shared + (size_t)i * PAGE), 1 + (unsigned)(uintptr_t)argument);
    return NULL;
}

/* All of them meet every page for the first time at once. */
static void together(void) {
    unsigned long sum = 0;
    for (unsigned round = 0; round < 4; round++) {
        shared = map(NULL, SHARED_PAGES, PROT_READ | PROT_WRITE, round % 2 == 0 ? MAP_PRIVATE : MAP_SHARED);
        run_all(touch, NULL);
        for (unsigned i = 0; i < SHARED_PAGES; i++)
            sum += *(unsigned *)(void *)(shared + (size_t)i * PAGE);
        (void)munmap(shared, SHARED_PAGES * (size_t)PAGE);
    }
    printf("together: %lu\n", sum);
}

/*
 * In phase 2k the page holds k, or nothing any more; in phase 2k + 1 it holds nothing, or k + 1 already. Whoever sees k in
 * phase 2k + 1, from its beginning to its end, goes by what its processor remembers of a page that is gone.
 */
static void *watch(void *argument) {
    (void)argument;
    atomic_fetch_add(&ready, 1);
    for (int before = 0, looks = 0; before >= 0; looks++) {
        if (looks % LOOKS == 0)
            sched_yield();
        before = atomic_load(&phase);
        int value = atomic_load((atomic_int *)(void *)shared);
        int wrong = before / 2;
        if (before >= 0 && before % 2 != 0 && wrong > 0 && value == wrong && atomic_load(&phase) == before)
            atomic_fetch_add(&failures, 1);
    }
    return NULL;
}

static void take_away(bool by_advice) {
    if (by_advice)
        (void)madvise(shared, PAGE, MADV_DONTNEED);
    else
        (void)map(shared, 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED);
}

static void change(void) {
    while (atomic_load(&ready) < THREADS)
        sched_yield();
    for (int k = 0; k < ROUNDS; k++) {
        take_away(k % 2 == 0);
        atomic_store(&phase, 2 * k + 1);
        sched_yield();
        atomic_store((atomic_int *)(void *)shared, k + 1);
        atomic_store(&phase, 2 * (k + 1));
    }
    atomic_store(&phase, -1);
}

static void forgotten(void) {
    shared = map_private(1);
    run_all(watch, change);
    printf("forgotten: %d failures\n", atomic_load(&failures));
}

/* Each takes and gives back memory of its own, while all others do. */
static void *take(void *argument) {
    unsigned state = (unsigned)(uintptr_t)argument + 1;
    for (unsigned i = 0; i < ROUNDS; i++) {
        state = state * 1664525 + 1013904223;
        size_t pages = 1 + (state >> 20) % 20;
        uint8_t *memory = map_private(pages);
        for (size_t j = 0; j < pages; j++) {
            if (memory[j * PAGE] != 0)
                atomic_fetch_add(&failures, 1);
            memory[j * PAGE] = (uint8_t)(i + 1);
        }
        if (state >> 31 != 0)
            memory = mremap(memory, pages * PAGE, 2 * pages * PAGE, MREMAP_MAYMOVE);
        if (memory[(pages - 1) * PAGE] != (uint8_t)(i + 1))
            atomic_fetch_add(&failures, 1);
        (void)munmap(memory, (state >> 31 != 0 ? 2 : 1) * pages * PAGE);
    }
    return NULL;
}

static void beside(void) {
    atomic_store(&failures, 0);
    run_all(take, NULL);
    printf("beside: %d failures\n", atomic_load(&failures));
}

/* ---- what is different from Linux on purpose ---- */

static void strict(void) {
    say("both",
        (long)(uintptr_t)mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    say("both later", mprotect(map_private(1), PAGE, PROT_WRITE | PROT_EXEC));
}

static const struct {
    const char *name;
    void (*run)(void);
} parts[] = {
    {"protections", protections}, {"moves", moves},         {"advice", advice},
    {"sparse", sparse},           {"heap", heap},           {"clocks", clocks},
    {"together", together},       {"forgotten", forgotten}, {"beside", beside},
    {"strict", strict},
};

int main(int count, char **arguments) {
    for (int i = 1; i < count; i++)
        for (size_t j = 0; j < sizeof(parts) / sizeof(parts[0]); j++)
            if (strcmp(arguments[i], parts[j].name) == 0)
                parts[j].run();
    return 0;
}
