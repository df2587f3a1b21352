/* A machine for the unit tests of memory: see memory_world.h. */
#define sched_yield kernel_sched_yield /* the C library has one too */
#include "kernel/machine/bare/mm/test/memory_world.h"

#include "kernel/machine/bare/mm/buddy.h"
#include "kernel/machine/bare/mm/space_inside.h"
#include "kernel/machine/bare/mm/translation.h"
#include "kernel/machine/bare/thread/thread.h"
#undef sched_yield

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

struct memory_world memory_world;
_Thread_local uint32_t memory_world_processor;

static pthread_mutex_t frames_lock = PTHREAD_MUTEX_INITIALIZER;
static uint8_t *arena;
static struct frame frames[WORLD_FRAMES];
static uint32_t next_frame;

static bool may_take(void) {
    if (memory_world.requests_left == UINT64_MAX)
        return true;
    if (memory_world.requests_left == 0)
        return false;
    memory_world.requests_left--;
    return true;
}

/* ---- frames and pieces ---- */

int memory_take_frame(uint64_t *physical) {
    int status = -1;
    pthread_mutex_lock(&frames_lock);
    for (uint32_t i = 0; status < 0 && memory_world.requests_left != 0 && i < WORLD_FRAMES; i++) {
        next_frame =
            next_frame % (WORLD_FRAMES - 1) + 1; /* not frame 0; and a frame that was given back rests for long */
        if (frames[next_frame].state != FRAME_USED) {
            status = may_take() ? 0 : -1;
            break;
        }
    }
    if (status == 0) {
        frames[next_frame] = (struct frame){.state = FRAME_USED};
        *physical = next_frame * PAGE_BYTES;
        memory_world.frames++;
        memset(arena + *physical, 0xa5, PAGE_BYTES);
    }
    pthread_mutex_unlock(&frames_lock);
    return status;
}

int memory_take_zeroed_frame(uint64_t *physical) {
    int status = memory_take_frame(physical);
    if (status == 0)
        memset(arena + *physical, 0, PAGE_BYTES);
    return status;
}

void memory_give_frame_back(uint64_t physical) {
    pthread_mutex_lock(&frames_lock);
    assert_int_equal(frames[physical / PAGE_BYTES].state, FRAME_USED);
    frames[physical / PAGE_BYTES].state = FRAME_FREE;
    memset(arena + physical, 0x5a, PAGE_BYTES);
    memory_world.frames--;
    pthread_mutex_unlock(&frames_lock);
}

void *memory_view(uint64_t physical) {
    assert_true(physical < WORLD_FRAMES * PAGE_BYTES);
    return arena + physical;
}

uint64_t memory_physical(const void *address) {
    return (uint64_t)((const uint8_t *)address - arena);
}

struct frame *memory_frame(uint64_t physical) {
    return &frames[physical / PAGE_BYTES];
}

void *memory_take(size_t size_bytes) {
    void *piece = may_take() ? calloc(1, size_bytes) : NULL;
    if (piece != NULL)
        __atomic_add_fetch(&memory_world.pieces, 1, __ATOMIC_RELAXED);
    return piece;
}

void memory_give_back(void *piece) {
    if (piece != NULL)
        __atomic_sub_fetch(&memory_world.pieces, 1, __ATOMIC_RELAXED);
    free(piece);
}

/* ---- page tables: one list of runs of 512 pages for each root; each costs a table ---- */

struct run {
    struct run *next;
    uint64_t number, table; /* of its first address, in runs; the frame that it costs */
    struct page_mapping pages[PAGE_TABLE_ENTRIES]; /* page_bytes 0: none */
};

#define RUN_BYTES (PAGE_TABLE_ENTRIES * PAGE_BYTES)

/* The root's frame holds the beginning of the list. */
static struct run **runs_of(const struct page_tables *tables) {
    return memory_view(tables->root);
}

static struct run *run_of(const struct page_tables *tables, uint64_t address) {
    struct run *run = *runs_of(tables);
    while (run != NULL && run->number != address / RUN_BYTES)
        run = run->next;
    return run;
}

static struct page_mapping *entry_of(const struct page_tables *tables, uint64_t address) {
    struct run *run = run_of(tables, address);
    return run != NULL ? &run->pages[address / PAGE_BYTES % PAGE_TABLE_ENTRIES] : NULL;
}

static struct page_mapping *find(const struct page_tables *tables, uint64_t address) {
    struct page_mapping *entry = entry_of(tables, address);
    return entry != NULL && entry->page_bytes != 0 ? entry : NULL;
}

static int make_entry(const struct page_tables *tables, uint64_t address, struct page_mapping **entry) {
    uint64_t table;
    if (run_of(tables, address) == NULL) {
        int status = tables->memory->take(tables->context, &table);
        if (status < 0)
            return status;
        struct run *run = calloc(1, sizeof(*run));
        run->number = address / RUN_BYTES;
        run->table = table;
        run->next = *runs_of(tables);
        *runs_of(tables) = run;
    }
    *entry = entry_of(tables, address);
    return 0;
}

int page_map_one(const struct page_tables *tables, uint64_t address, uint64_t physical, unsigned flags) {
    struct page_mapping *entry;
    assert_true((flags & (PAGE_WRITE | PAGE_EXECUTE)) != (PAGE_WRITE | PAGE_EXECUTE));
    int status = make_entry(tables, address, &entry);
    if (status < 0)
        return status;
    if (entry->page_bytes != 0)
        return -5; /* GROVE_EXISTS */
    *entry = (struct page_mapping){.physical = physical, .page_bytes = PAGE_BYTES, .flags = flags};
    return 0;
}

bool page_find(const struct page_tables *tables, uint64_t address, struct page_mapping *mapping) {
    const struct page_mapping *entry = find(tables, address);
    if (entry == NULL)
        return false;
    *mapping = *entry;
    mapping->physical += address % PAGE_BYTES;
    return true;
}

uint64_t page_next(const struct page_tables *tables, uint64_t start, uint64_t end) {
    while (start < end && find(tables, start) == NULL)
        start = run_of(tables, start) != NULL ? start + PAGE_BYTES : (start / RUN_BYTES + 1) * RUN_BYTES;
    return start < end ? start : end;
}

bool page_protect(const struct page_tables *tables, uint64_t address, unsigned flags) {
    struct page_mapping *entry = find(tables, address);
    assert_true((flags & (PAGE_WRITE | PAGE_EXECUTE)) != (PAGE_WRITE | PAGE_EXECUTE));
    if (entry != NULL)
        entry->flags = flags;
    return entry != NULL;
}

void page_replace(const struct page_tables *tables, uint64_t address, uint64_t physical, unsigned flags) {
    struct page_mapping *entry = find(tables, address);
    assert_non_null(entry);
    entry->physical = physical;
    entry->flags = flags;
}

uint64_t page_unmap_some(const struct page_tables *tables, uint64_t start, uint64_t end, struct page_batch *batch) {
    for (uint64_t at = page_next(tables, start, end); at < end; at = page_next(tables, at, end)) {
        struct page_mapping *entry = find(tables, at);
        if (batch->count == PAGE_BATCH)
            return at;
        if ((entry->flags & PAGE_KEPT) == 0)
            batch->pages[batch->count++] = entry->physical;
        batch->is_changed = true;
        entry->page_bytes = 0;
    }
    return end;
}

bool page_protect_range(const struct page_tables *tables, uint64_t start, uint64_t end, unsigned flags,
                        bool (*may_write)(uint64_t physical)) {
    bool is_less = false;
    for (uint64_t at = page_next(tables, start, end); at < end; at = page_next(tables, at + PAGE_BYTES, end)) {
        struct page_mapping *entry = find(tables, at);
        unsigned kept = entry->flags & (PAGE_KEPT | PAGE_UNCACHED), next = flags | kept;
        bool is_own = (flags & PAGE_WRITE) != 0 && kept == 0 && may_write(entry->physical);
        if ((entry->flags & PAGE_WRITE) == 0 && !is_own)
            next &= ~(unsigned)PAGE_WRITE;
        is_less |= (entry->flags & ~next & (PAGE_WRITE | PAGE_EXECUTE | PAGE_USER)) != 0;
        entry->flags = next;
    }
    return is_less;
}

int page_copy_range(const struct page_tables *from, const struct page_tables *to, uint64_t start, uint64_t end,
                    void (*copied)(uint64_t physical), uint64_t *count) {
    for (uint64_t at = page_next(from, start, end); at < end; at = page_next(from, at + PAGE_BYTES, end)) {
        struct page_mapping *entry = find(from, at), *target;
        int status = make_entry(to, at, &target);
        if (status < 0)
            return status;
        if ((entry->flags & PAGE_KEPT) == 0) {
            copied(entry->physical);
            ++*count;
        }
        entry->flags &= ~(unsigned)PAGE_WRITE;
        *target = *entry;
    }
    return 0;
}

int page_move_range(const struct page_tables *tables, uint64_t from, uint64_t to, uint64_t size_bytes) {
    uint64_t end = from + size_bytes;
    for (uint64_t at = page_next(tables, from, end); at < end; at = page_next(tables, at, end)) {
        struct page_mapping *entry = find(tables, at), *target;
        int status = make_entry(tables, at - from + to, &target);
        if (status < 0)
            return status;
        *target = *entry;
        entry->page_bytes = 0;
    }
    return 0;
}

int page_tables_create(struct page_tables *tables) {
    return tables->memory->take(tables->context, &tables->root);
}

void page_tables_destroy(struct page_tables *tables) {
    tables->memory->give_back(tables->context, tables->root);
}

void page_clear_lower_half(const struct page_tables *tables, void (*release)(uint64_t physical)) {
    struct run *next;
    for (struct run *run = *runs_of(tables); run != NULL; run = next) {
        for (unsigned i = 0; i < PAGE_TABLE_ENTRIES; i++)
            if (run->pages[i].page_bytes != 0 && (run->pages[i].flags & PAGE_KEPT) == 0)
                release(run->pages[i].physical);
        tables->memory->give_back(tables->context, run->table);
        next = run->next;
        free(run);
    }
    *runs_of(tables) = NULL;
}

/* ---- processors ---- */

#define REMEMBERED 16u

static struct processor {
    pthread_mutex_t lock;
    struct {
        struct space *space;
        uint64_t page;
        struct page_mapping mapping;
    } entries[REMEMBERED];
} processors[WORLD_PROCESSORS];

void translation_forget(struct space *space, uint64_t start, uint64_t end) {
    __atomic_add_fetch(&memory_world.forgets, 1, __ATOMIC_RELAXED);
    for (uint32_t i = 0; i < WORLD_PROCESSORS; i++) {
        pthread_mutex_lock(&processors[i].lock);
        for (uint32_t j = 0; j < REMEMBERED; j++)
            if (processors[i].entries[j].space == space && processors[i].entries[j].page >= start &&
                processors[i].entries[j].page < end)
                processors[i].entries[j].space = NULL;
        pthread_mutex_unlock(&processors[i].lock);
    }
}

void translation_forget_here(uint64_t address) {
    struct processor *here = &processors[memory_world_processor];
    pthread_mutex_lock(&here->lock);
    for (uint32_t i = 0; i < REMEMBERED; i++)
        if (here->entries[i].page == page_of(address))
            here->entries[i].space = NULL;
    pthread_mutex_unlock(&here->lock);
}

void translation_leave(struct space *space) {
    translation_forget(space, 0, UINT64_MAX);
}

static bool permits(const struct page_mapping *mapping, bool is_write) {
    return (mapping->flags & PAGE_USER) != 0 && (!is_write || (mapping->flags & PAGE_WRITE) != 0);
}

/* What the processor remembers goes before what the tables say; forgetting waits for the access that is going on. */
static bool access(struct space *space, uint64_t address, bool is_write, uint8_t *value) {
    struct processor *here = &processors[memory_world_processor];
    uint32_t slot = (uint32_t)(address / PAGE_BYTES % REMEMBERED);
    pthread_mutex_lock(&here->lock);
    bool is_known = here->entries[slot].space == space && here->entries[slot].page == page_of(address);
    struct page_mapping mapping = here->entries[slot].mapping;
    if (!is_known) {
        spinlock_lock(&space->tables_lock);
        is_known = page_find(&space->tables, page_of(address), &mapping) && permits(&mapping, is_write);
        spinlock_unlock(&space->tables_lock);
    }
    bool is_done = is_known && permits(&mapping, is_write);
    if (is_done) {
        uint8_t *byte = arena + mapping.physical + address % PAGE_BYTES;
        here->entries[slot].space = space;
        here->entries[slot].page = page_of(address);
        here->entries[slot].mapping = mapping;
        if ((mapping.flags & PAGE_KEPT) == 0)
            assert_int_equal(frames[mapping.physical / PAGE_BYTES].state, FRAME_USED);
        if (is_write)
            __atomic_store_n(byte, *value, __ATOMIC_RELAXED);
        else
            *value = __atomic_load_n(byte, __ATOMIC_RELAXED);
    }
    pthread_mutex_unlock(&here->lock);
    return is_done;
}

static int try_access(struct space *space, uint64_t address, bool is_write, uint8_t *value) {
    while (!access(space, address, is_write, value)) {
        struct page_mapping found;
        spinlock_lock(&space->tables_lock);
        bool is_there = page_find(&space->tables, address, &found);
        spinlock_unlock(&space->tables_lock);
        int status =
            space_fault(space, address, (is_write ? AREA_WRITE : AREA_READ) | (is_there ? SPACE_FAULT_PRESENT : 0));
        if (status != 0)
            return status;
    }
    return 0;
}

int memory_world_read(struct space *space, uint64_t address, uint8_t *value) {
    return try_access(space, address, false, value);
}

int memory_world_write(struct space *space, uint64_t address, uint8_t value) {
    return try_access(space, address, true, &value);
}

uint8_t memory_world_byte(struct space *space, uint64_t address) {
    uint8_t value = 0;
    assert_int_equal(memory_world_read(space, address, &value), 0);
    return value;
}

void memory_world_put(struct space *space, uint64_t address, uint8_t value) {
    assert_int_equal(memory_world_write(space, address, value), 0);
}

int64_t memory_world_map(struct space *space, uint64_t start, uint64_t pages, uint32_t protection, uint64_t flags) {
    return memory_call_map(space, start, pages * PAGE_BYTES, protection, flags | LINUX_MAP_ANONYMOUS, NULL, 0);
}

/* ---- threads ---- */

static struct thread everybody;

struct thread *thread_current(void) {
    return &everybody;
}

void thread_sleep_firmly(struct wait_queue *queue, struct spinlock *held) {
    (void)queue;
    spinlock_unlock(held);
    (void)sched_yield();
    spinlock_lock(held);
}

struct thread *process_thread_of(struct process *process, int32_t number) {
    (void)process;
    (void)number;
    return NULL;
}

/* ---- beginning and end ---- */

void memory_world_begin(void) {
    memory_world = (struct memory_world){.requests_left = UINT64_MAX};
    memory_world_processor = 0;
    if (arena == NULL)
        arena = aligned_alloc(PAGE_BYTES, WORLD_FRAMES * PAGE_BYTES);
    assert_non_null(arena);
    for (uint32_t i = 0; i < WORLD_PROCESSORS; i++)
        pthread_mutex_init(&processors[i].lock, NULL);
    for (uint32_t i = 0; i < WORLD_PROCESSORS; i++)
        for (uint32_t j = 0; j < REMEMBERED; j++)
            processors[i].entries[j].space = NULL;
}

void memory_world_end(void) {
    assert_int_equal(memory_world.frames, 0);
    assert_int_equal(memory_world.pieces, 0);
}
