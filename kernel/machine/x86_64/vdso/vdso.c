/* The time for programs: see vdso.h. */
#include "kernel/machine/x86_64/vdso/vdso.h"

#include "kernel/machine/bare/mm/space.h"
#include "kernel/machine/x86_64/cpu/processor.h"
#include "kernel/machine/x86_64/mm/memory.h"
#include "kernel/machine/x86_64/panic/panic.h"
#include "kernel/machine/x86_64/vdso/clock_page.h"

#include <string.h>

static union {
    struct clock_page clock;
    uint8_t bytes[PAGE_BYTES]; /* nothing else of the kernel lies in it */
} page __attribute__((aligned(4096)));
static struct spinlock lock; /* of whoever writes it */
static struct memory_object *clock_object, *text_object;

void vdso_init(void) {
    uint64_t text;
    if (memory_take_zeroed_frame(&text) < 0)
        panic("no memory for the functions that programs read the time by");
    memcpy(memory_view(text), vdso_image, vdso_image_bytes);
    if (memory_fixed_create(memory_physical(&page), 1, 0, &clock_object) != 0 ||
        memory_fixed_create(text, 1, 0, &text_object) != 0)
        panic("no memory for the clock of programs");
    page.clock.has_number = processor_features.has_number;
}

void vdso_set_clock(uint64_t first_cycle, uint64_t ns_per_cycle, int64_t began_ns) {
    struct clock_page *clock = &page.clock;
    spinlock_lock(&lock);
    uint32_t sequence = clock->sequence;
    __atomic_store_n(&clock->sequence, sequence + 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE); /* odd before anything changes; pairs with the loads in program.c */
    __atomic_store_n(&clock->first_cycle, first_cycle, __ATOMIC_RELAXED);
    __atomic_store_n(&clock->ns_per_cycle, ns_per_cycle, __ATOMIC_RELAXED);
    __atomic_store_n(&clock->began_ns, began_ns, __ATOMIC_RELAXED);
    __atomic_store_n(&clock->sequence, sequence + 2, __ATOMIC_RELEASE);
    spinlock_unlock(&lock);
}

int vdso_map(struct space *space, uint64_t *header) {
    struct space_wish wishes[] = {
        {.place = SPACE_ANYWHERE, .size_bytes = 2 * PAGE_BYTES}, /* room for both */
        {.place = SPACE_REPLACE,
         .size_bytes = PAGE_BYTES,
         .protection = AREA_READ | AREA_MAY(AREA_READ),
         .flags = AREA_SHARED,
         .object = clock_object},
        {.place = SPACE_REPLACE,
         .size_bytes = PAGE_BYTES,
         .protection = AREA_READ | AREA_EXECUTE | AREA_MAY(AREA_READ | AREA_EXECUTE),
         .flags = AREA_SHARED,
         .object = text_object},
    };
    uint64_t start = 0, at = 0;
    int status = space_map_wish(space, &wishes[0], &start);
    for (unsigned i = 1; status == 0 && i < sizeof(wishes) / sizeof(wishes[0]); i++) {
        wishes[i].start = start + (i - 1) * PAGE_BYTES;
        status = space_map_wish(space, &wishes[i], &at);
    }
    if (status == 0)
        *header = start + PAGE_BYTES;
    return status;
}
