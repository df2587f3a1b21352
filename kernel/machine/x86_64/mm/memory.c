/*
 * The kernel's memory: see memory.h. Locks: those of the buddy allocator and of each slab cache, which take nothing else
 * while they are held (a slab cache takes pages while it is held: slab first, then buddy); `window_lock` for the places
 * of stacks and devices and the kernel's tables, with frames taken while it is held.
 */
#include "kernel/machine/x86_64/mm/memory.h"

#include "grove/abi/status.h"
#include "kernel/machine/bare/mm/slab.h"
#include "kernel/machine/x86_64/boot/layout.h"
#include "kernel/machine/x86_64/cpu/processor.h"
#include "kernel/machine/x86_64/cpu/registers.h"
#include "kernel/machine/x86_64/panic/panic.h"

#include <string.h>

#define LOW_BYTES LAYOUT_IMAGE_PHYSICAL /* the firmware's */
#define PIECE_KINDS 8u

extern const char image_start[], image_text_end[], image_rodata_end[], image_end[], boot_stack_guard[];

static struct buddy buddy;
static struct spinlock window_lock;
static uint64_t next_stack = LAYOUT_STACKS, next_device = LAYOUT_DEVICES;

/* ---- frames ---- */

void *memory_view(uint64_t physical) {
    return (void *)(LAYOUT_DIRECT + physical);
}

uint64_t memory_physical(const void *address) {
    uint64_t value = (uint64_t)address;
    return value >= LAYOUT_IMAGE ? value - LAYOUT_IMAGE : value - LAYOUT_DIRECT;
}

struct frame *memory_frame(uint64_t physical) {
    return &buddy.frames[physical / FRAME_BYTES];
}

int memory_take_frame(uint64_t *physical) {
    uint32_t frame;
    hold_begin();
    int status = frame_cache_take(&processor_here()->frames, &buddy, &frame);
    hold_end();
    if (status == 0)
        *physical = (uint64_t)frame * FRAME_BYTES;
    return status;
}

int memory_take_zeroed_frame(uint64_t *physical) {
    int status = memory_take_frame(physical);
    if (status == 0)
        memset(memory_view(*physical), 0, FRAME_BYTES);
    return status;
}

void memory_give_frame_back(uint64_t physical) {
    hold_begin();
    frame_cache_give_back(&processor_here()->frames, &buddy, (uint32_t)(physical / FRAME_BYTES));
    hold_end();
}

/* The kernel's tables come with a counter. */
static int take_table(void *context, uint64_t *physical) {
    uint64_t *count = context;
    int status = memory_take_zeroed_frame(physical);
    if (status == 0 && count != NULL)
        __atomic_fetch_add(count, 1, __ATOMIC_RELAXED);
    return status;
}

static void give_table_back(void *context, uint64_t physical) {
    uint64_t *count = context;
    if (count != NULL)
        __atomic_fetch_sub(count, 1, __ATOMIC_RELAXED);
    memory_give_frame_back(physical);
}

static uint64_t *view_table(void *context, uint64_t physical) {
    (void)context;
    return memory_view(physical);
}

const struct page_table_memory memory_table_source = {
    .take = take_table, .give_back = give_table_back, .view = view_table};
static uint64_t kernel_tables;
struct page_tables memory_kernel_tables = {.memory = &memory_table_source, .context = &kernel_tables};

/* ---- pieces ---- */

static void *take_page(void *context) {
    uint64_t physical = 0;
    (void)context;
    return memory_take_frame(&physical) == 0 ? memory_view(physical) : NULL;
}

static void give_page_back(void *context, void *page) {
    (void)context;
    memory_give_frame_back(memory_physical(page));
}

static const struct slab_pages slab_source = {.take = take_page, .give_back = give_page_back};
static const uint32_t piece_bytes[PIECE_KINDS] = {16, 32, 64, 128, 256, 512, 1008, SLAB_OBJECT_BYTES_MAX};
static struct slab_cache piece_caches[PIECE_KINDS];

static void *take_pages(size_t size) {
    unsigned order = 0;
    uint32_t first;
    while (order < BUDDY_ORDERS && ((size_t)FRAME_BYTES << order) < size)
        order++;
    return buddy_take(&buddy, order, &first) == 0 ? memory_view((uint64_t)first * FRAME_BYTES) : NULL;
}

void *memory_take(size_t size) {
    void *piece = NULL;
    unsigned kind = 0;
    while (kind < PIECE_KINDS && piece_bytes[kind] < size)
        kind++;
    piece = kind < PIECE_KINDS ? slab_take(&piece_caches[kind]) : take_pages(size);
    return piece != NULL ? memset(piece, 0, size) : NULL;
}

void memory_give_back(void *piece) {
    if (piece == NULL)
        return;
    if ((uint64_t)piece % FRAME_BYTES != 0)
        slab_give_back(piece);
    else
        buddy_give_back(&buddy, (uint32_t)(memory_physical(piece) / FRAME_BYTES));
}

void memory_usage(struct memory_usage *usage) {
    uint64_t pieces = 0;
    for (unsigned kind = 0; kind < PIECE_KINDS; kind++) {
        slab_cache_trim(&piece_caches[kind]);
        pieces += piece_caches[kind].used;
    }
    *usage = (struct memory_usage){.total_frames = buddy.total, .free_frames = buddy.free, .pieces = pieces};
    usage->tables = kernel_tables;
    for (uint32_t i = 0; i < PROCESSORS_MAX; i++)
        usage->free_frames += processors[i].frames.count;
}

bool memory_is_as_before(const struct memory_usage *before, const struct memory_usage *after) {
    return before->free_frames + before->tables == after->free_frames + after->tables &&
           before->pieces == after->pieces;
}

/* ---- the kernel's address space ---- */

static void map(uint64_t address, uint64_t physical, uint64_t size, unsigned flags, uint64_t page_max) {
    int status = page_map(&memory_kernel_tables, address, physical, size, flags | PAGE_GLOBAL, page_max);
    if (status < 0)
        panic("the kernel's memory cannot be mapped at %lx (status %d)", address, status);
}

uint64_t memory_make_stack(uint64_t size) {
    spinlock_lock(&window_lock);
    uint64_t start = next_stack + PAGE_BYTES;
    next_stack = start + size;
    for (uint64_t at = start; at < start + size; at += PAGE_BYTES) {
        uint64_t physical = 0;
        if (memory_take_zeroed_frame(&physical) < 0)
            panic("no memory for a stack");
        map(at, physical, PAGE_BYTES, PAGE_WRITE, PAGE_BYTES);
    }
    spinlock_unlock(&window_lock);
    return start + size;
}

volatile void *memory_map_device(uint64_t physical, uint64_t size) {
    uint64_t within = physical % PAGE_BYTES;
    uint64_t bytes = (within + size + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
    spinlock_lock(&window_lock);
    uint64_t start = next_device;
    next_device += bytes + PAGE_BYTES;
    map(start, physical - within, bytes, PAGE_WRITE | PAGE_UNCACHED, PAGE_BYTES);
    spinlock_unlock(&window_lock);
    return (volatile void *)(start + within);
}

/* Part of the image, from where its window begins to the physical address of the same low bits. */
static void map_image(const char *start, const char *end, unsigned flags) {
    map((uint64_t)start, memory_physical(start), (uint64_t)end - (uint64_t)start, flags, PAGE_BYTES);
}

static void map_direct(uint64_t start, uint64_t end) {
    start &= ~(PAGE_BYTES - 1);
    end = (end + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
    map(LAYOUT_DIRECT + start, start, end - start, PAGE_WRITE,
        processor_features.has_large_pages ? PAGE_BYTES_HUGE : PAGE_BYTES_LARGE);
}

/* Every table right below the root is made now, so that all address spaces share them for good. */
static void fill_upper_half(void) {
    uint64_t *root = memory_view(memory_kernel_tables.root);
    for (unsigned i = PAGE_KERNEL_ENTRY; i < PAGE_TABLE_ENTRIES; i++) {
        bool is_needed =
            i == (LAYOUT_STACKS >> 39) % PAGE_TABLE_ENTRIES || i == (LAYOUT_DEVICES >> 39) % PAGE_TABLE_ENTRIES;
        uint64_t physical = 0;
        if (!is_needed || root[i] != 0)
            continue;
        if (memory_take_zeroed_frame(&physical) < 0)
            panic("no memory for the kernel's tables");
        root[i] = physical | 3; /* present and writable */
    }
}

static void make_tables(const struct memory_map *usable, const struct memory_range *kept) {
    if (memory_take_zeroed_frame(&memory_kernel_tables.root) < 0)
        panic("no memory for the kernel's tables");
    fill_upper_half();
    map_image(image_start, image_text_end, PAGE_EXECUTE);
    map_image(image_text_end, image_rodata_end, 0);
    map_image(image_rodata_end, boot_stack_guard, PAGE_WRITE);
    map_image(boot_stack_guard + PAGE_BYTES, image_end, PAGE_WRITE);
    map_direct(LAYOUT_TRAMPOLINE, LAYOUT_TRAMPOLINE + PAGE_BYTES);
    for (uint32_t i = 0; i < usable->count; i++)
        map_direct(usable->ranges[i].start, usable->ranges[i].end);
    if (kept->start < kept->end)
        map_direct(kept->start, kept->end);
}

/* ---- the beginning ---- */

/* Take room for the table of frames out of the map. The entry's tables reach up to LAYOUT_EARLY_BYTES. */
static void *take_table_room(struct memory_map *usable, size_t size) {
    for (uint32_t i = 0; i < usable->count; i++) {
        struct memory_range range = usable->ranges[i];
        if (range.start < LAYOUT_EARLY_BYTES && range.end - range.start >= size &&
            range.start + size <= LAYOUT_EARLY_BYTES) {
            memory_map_remove(usable, range.start, size);
            return memory_view(range.start);
        }
    }
    panic("no room for the table of page frames (%lu bytes)", size);
}

static void add_ranges(const struct memory_map *usable, uint64_t from, uint64_t to) {
    for (uint32_t i = 0; i < usable->count; i++) {
        uint64_t start = usable->ranges[i].start, end = usable->ranges[i].end;
        start = start < from ? from : start;
        end = end > to ? to : end;
        if (start < end)
            buddy_add(&buddy, (uint32_t)(start / FRAME_BYTES), (uint32_t)((end - start) / FRAME_BYTES));
    }
}

void memory_start(struct memory_map *usable, const struct memory_range *kept) {
    struct memory_map all;
    memory_map_remove(usable, 0, LOW_BYTES);
    memory_map_remove(usable, LAYOUT_IMAGE_PHYSICAL, (uint64_t)image_end - (uint64_t)image_start);
    memory_map_remove(usable, (uint64_t)UINT32_MAX * FRAME_BYTES, UINT64_MAX);
    uint32_t frames = (uint32_t)(memory_map_end(usable) / FRAME_BYTES);
    all = *usable;
    struct frame *table = take_table_room(usable, buddy_table_bytes(frames));
    buddy_init(&buddy, table, frames);
    for (unsigned kind = 0; kind < PIECE_KINDS; kind++)
        slab_cache_init(&piece_caches[kind], piece_bytes[kind], &slab_source);
    add_ranges(usable, 0, LAYOUT_EARLY_BYTES);
    make_tables(&all, kept);
    write_cr3(memory_kernel_tables.root);
    add_ranges(usable, LAYOUT_EARLY_BYTES, UINT64_MAX);
}
