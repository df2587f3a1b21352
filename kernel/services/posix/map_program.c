/*
 * Where a new program lies in its memory.
 *
 *     program, if it may lie anywhere   heap ...   ... mmap, downwards | interpreter | gap | stack
 *
 * Chance moves each of them: the program and what mmap gives by up to 2^28 pages, the stack by 2^22, the heap by 2^13, as on
 * Linux.
 */
#include "kernel/machine/bare/mm/areas.h"
#include "kernel/services/posix/execute.h"
#include "kernel/services/posix/inside.h"
#include "kernel/services/posix/machine.h"
#include "kernel/services/vfs/errors.h"

#define PAGE UINT64_C(4096)
#define PROGRAM_PAGES (UINT64_C(1) << 28)
#define STACK_PAGES (UINT64_C(1) << 22)
#define HEAP_PAGES (UINT64_C(1) << 13)
#define STACK_BYTES_MIN (UINT64_C(128) << 10)
#define STACK_BYTES_MAX (UINT64_C(1) << 36) /* a limit beyond this moves nothing any more */
#define GAP_BYTES (UINT64_C(128) << 20) /* the least that lies between the stack's end and mmap */

static uint64_t some_pages(uint64_t pages) {
    return machine_chance() % pages * PAGE;
}

static uint64_t stack_bytes(const struct execution *execution) {
    uint64_t bytes = process_current()->limits.of[LIMIT_STACK_BYTES].soft & ~(PAGE - 1);
    (void)execution;
    if (bytes < STACK_BYTES_MIN)
        bytes = STACK_BYTES_MIN;
    return bytes < STACK_BYTES_MAX ? bytes : STACK_BYTES_MAX;
}

static uint64_t end_of(const struct elf_program *elf) {
    return elf->count > 0 ? elf->segments[elf->count - 1].end : 0;
}

static int map_file(struct execution *execution, const struct program_file *file) {
    for (uint32_t i = 0; i < file->elf.count; i++) {
        const struct elf_segment *segment = &file->elf.segments[i];
        int status =
            machine_space_map(execution->memory->space, file->base + segment->start, file->base + segment->end,
                              segment->protection, file->path.dentry->inode, segment->file_offset, segment->file_bytes);
        if (status < 0)
            return status;
    }
    machine_space_name(&file->path);
    return 0;
}

/* The stack, and below which address mmap looks for room. */
static int map_stack(struct execution *execution, uint64_t *room_end) {
    uint64_t bytes = stack_bytes(execution), gap = bytes > GAP_BYTES ? bytes : GAP_BYTES;
    execution->stack_top = machine_layout()->end - some_pages(STACK_PAGES);
    *room_end = execution->stack_top - gap - PAGE - some_pages(PROGRAM_PAGES);
    return machine_space_map_stack(execution->memory->space, execution->stack_top, bytes);
}

static int map_interpreter(struct execution *execution, uint64_t *room_end) {
    struct program_file *file = &execution->interpreter;
    if (file->path.mount == NULL)
        return 0;
    if (file->elf.is_movable) {
        *room_end -= end_of(&file->elf);
        file->base = *room_end;
    }
    return map_file(execution, file);
}

int execution_map(struct execution *execution) {
    struct program_file *program = &execution->program;
    uint64_t room_end = 0;
    program->base = program->elf.is_movable ? machine_layout()->movable + some_pages(PROGRAM_PAGES) : 0;
    int status = map_file(execution, program);
    if (status == 0)
        status = map_stack(execution, &room_end);
    if (status == 0)
        status = map_interpreter(execution, &room_end);
    if (status < 0)
        return status;
    machine_space_set_room(execution->memory->space, program->base + end_of(&program->elf) + some_pages(HEAP_PAGES),
                           room_end);
    return machine_space_map_clock(execution->memory->space, &execution->clock_header);
}
