/*
 * Files of /proc about a process's memory: its arguments and environment, and what lies where. See proc.h and proc(5).
 *
 * The memory is held while it is looked at, whatever the process does meanwhile; it may end, or become another program.
 */
#include "kernel/machine/bare/mm/space_look.h"
#include "kernel/services/posix/inside.h"
#include "kernel/services/posix/proc/proc.h"
#include "kernel/services/vfs/errors.h"
#include "kernel/services/vfs/mapping.h"

#include <string.h>

#define STEP 512u
#define KIB 1024u
#define PATH_BYTES 512u
#define PATH_COLUMN 73u /* where Linux writes it */

/* ---- texts of the program ---- */

/* What the program took away since is left out. */
static void print_bytes(struct space *space, struct proc_text *text, uint64_t start, uint64_t end) {
    char bytes[STEP];
    while (start < end) {
        size_t size = end - start < STEP ? (size_t)(end - start) : STEP;
        if (space_read(space, start, bytes, size) != 0)
            return;
        proc_print_bytes(text, bytes, size);
        start += size;
    }
}

/* Nothing is held of one that is ending, which is no error: Linux shows an empty file then. */
int proc_print_arguments(const struct proc_place *place, struct proc_text *text) {
    struct process_memory *memory;
    int status = proc_hold_memory(place->process, false, &memory);
    if (memory == NULL)
        return status;
    print_bytes(memory->space, text, memory->arguments_start, memory->arguments_end);
    process_memory_unref(memory);
    return 0;
}

int proc_print_environment(const struct proc_place *place, struct proc_text *text) {
    struct process_memory *memory;
    int status = proc_hold_memory(place->process, true, &memory);
    if (memory == NULL)
        return status;
    print_bytes(memory->space, text, memory->environment_start, memory->environment_end);
    process_memory_unref(memory);
    return 0;
}

int proc_print_auxiliary(const struct proc_place *place, struct proc_text *text) {
    struct process_memory *memory;
    int status = proc_hold_memory(place->process, true, &memory);
    if (memory == NULL)
        return status;
    print_bytes(memory->space, text, memory->auxiliary_start, memory->auxiliary_start + memory->auxiliary_bytes);
    process_memory_unref(memory);
    return 0;
}

/* ---- what lies where ---- */

/* What an area is called that is no file. */
static const char *name_of(const struct process_memory *memory, const struct space_sums *sums,
                           const struct area *area) {
    if (area->start < sums->break_end && area->end > sums->break_start && area->object == NULL)
        return "[heap]";
    /* The auxiliary vector lies at the stack's end. */
    if (area->start <= memory->auxiliary_start && memory->auxiliary_start < area->end)
        return "[stack]";
    if (area->object == NULL || (area->object->flags & PAGE_KEPT) == 0)
        return "";
    return (area->protection & AREA_EXECUTE) != 0 ? "[vdso]" : "[vvar]";
}

/* The file's device, number and path. */
struct mapped {
    uint64_t device, number;
    char path[PATH_BYTES];
};

static void find_mapped(const struct area *area, struct mapped *mapped) {
    mapped->device = mapped->number = 0;
    mapped->path[0] = 0;
    if (area->object != NULL)
        mapping_tell(area->object, &process_current()->caller.root, &mapped->device, &mapped->number, mapped->path,
                     sizeof(mapped->path));
}

static void print_area(const struct process_memory *memory, const struct space_sums *sums, const struct area *area,
                       struct proc_text *text) {
    struct mapped mapped;
    size_t before = text->size_bytes;
    find_mapped(area, &mapped);
    proc_print(text, "%08llx-%08llx %c%c%c%c %08llx %02x:%02x %llu ", (unsigned long long)area->start,
               (unsigned long long)area->end, (area->protection & AREA_READ) != 0 ? 'r' : '-',
               (area->protection & AREA_WRITE) != 0 ? 'w' : '-', (area->protection & AREA_EXECUTE) != 0 ? 'x' : '-',
               (area->flags & AREA_SHARED) != 0 ? 's' : 'p', (unsigned long long)area->offset,
               vfs_device_major(mapped.device), vfs_device_minor(mapped.device), (unsigned long long)mapped.number);
    const char *name = mapped.path[0] != 0 ? mapped.path : name_of(memory, sums, area);
    while (name[0] != 0 && !text->is_short && text->size_bytes - before < PATH_COLUMN)
        proc_print(text, " ");
    proc_print(text, "%s\n", name);
}

static void print_sizes(struct space *space, const struct area *area, struct proc_text *text) {
    uint64_t present = space_count_present(space, area->start, area->end) * PAGE_BYTES / KIB;
    proc_print(text, "Size:           %8llu kB\nKernelPageSize:        4 kB\nMMUPageSize:           4 kB\n",
               (unsigned long long)((area->end - area->start) / KIB));
    proc_print(text, "Rss:            %8llu kB\n", (unsigned long long)present);
    proc_print(text, "Locked:         %8llu kB\nVmFlags: %s%s%s%s\n",
               (unsigned long long)((area->flags & AREA_LOCKED) != 0 ? present : 0),
               (area->protection & AREA_READ) != 0 ? "rd " : "", (area->protection & AREA_WRITE) != 0 ? "wr " : "",
               (area->protection & AREA_EXECUTE) != 0 ? "ex " : "", (area->flags & AREA_SHARED) != 0 ? "sh " : "");
}

static int print_areas(const struct proc_place *place, bool has_sizes, struct proc_text *text) {
    struct process_memory *memory;
    struct space_sums sums;
    struct area area;
    int status = proc_hold_memory(place->process, true, &memory);
    if (memory == NULL)
        return status;
    space_sums(memory->space, &sums);
    for (uint64_t from = 0; !text->is_short && space_look(memory->space, from, &area); from = area.end) {
        print_area(memory, &sums, &area, text);
        if (has_sizes)
            print_sizes(memory->space, &area, text);
        memory_object_unref(area.object);
    }
    process_memory_unref(memory);
    return 0;
}

int proc_print_maps(const struct proc_place *place, struct proc_text *text) {
    return print_areas(place, false, text);
}

int proc_print_sized_maps(const struct proc_place *place, struct proc_text *text) {
    return print_areas(place, true, text);
}

/* ---- sums ---- */

int proc_memory_sums(int32_t id, struct proc_memory_sums *sums) {
    struct process_memory *memory;
    int status = proc_hold_memory(id, false, &memory);
    memset(sums, 0, sizeof(*sums));
    if (memory == NULL)
        return status;
    space_sums(memory->space, &sums->space);
    sums->is_there = true;
    sums->arguments_start = memory->arguments_start;
    sums->arguments_end = memory->arguments_end;
    sums->environment_start = memory->environment_start;
    sums->environment_end = memory->environment_end;
    process_memory_unref(memory);
    return 0;
}

/* Pages in all; in memory; of these shared, of text, of libraries, which nobody counts; of data. */
int proc_print_memory_sums(const struct proc_place *place, struct proc_text *text) {
    struct proc_memory_sums sums;
    int status = proc_memory_sums(place->process, &sums);
    if (status == 0)
        proc_print(text, "%llu %llu 0 0 0 %llu 0\n", (unsigned long long)(sums.space.bytes / PAGE_BYTES),
                   (unsigned long long)(sums.space.resident_bytes / PAGE_BYTES),
                   (unsigned long long)(sums.space.data_bytes / PAGE_BYTES));
    return status;
}
