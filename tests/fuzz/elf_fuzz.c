/* Fuzz target: a program's file. What is told of it is consistent, and lies inside of it. */
#include "kernel/machine/bare/process/elf.h"

#include "grove/abi/status.h"

#include <stdlib.h>

#define LIMIT UINT64_C(0x00007ffffffff000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

static void check(const struct elf_program *program, size_t size) {
    uint64_t last = 0;
    if (program->count == 0 || program->count > ELF_SEGMENTS_MAX)
        abort();
    for (uint32_t i = 0; i < program->count; i++) {
        const struct elf_segment *segment = &program->segments[i];
        if (segment->start < last || segment->end <= segment->start || segment->end > LIMIT ||
            segment->start % ELF_PAGE_BYTES != 0 || segment->end % ELF_PAGE_BYTES != 0)
            abort();
        if (segment->file_bytes > segment->end - segment->start ||
            (segment->file_bytes > 0 &&
             (segment->file_offset > size || segment->file_bytes > size - segment->file_offset)))
            abort();
        last = segment->end;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes) {
    struct elf_program program;
    int status = elf_read(data, size_bytes, ELF_MACHINE_X86_64, LIMIT, &program);
    if (status == 0)
        check(&program, size_bytes);
    else if (status != GROVE_INVALID && status != GROVE_UNSUPPORTED && status != GROVE_DENIED)
        abort();
    /* The same as the beginning of a longer file, which may have an interpreter. */
    if (elf_read_head(data, size_bytes, size_bytes * 2, ELF_MACHINE_X86_64, LIMIT, &program) == 0) {
        check(&program, size_bytes * 2);
        if (program.interpreter_bytes > size_bytes * 2 ||
            program.interpreter_offset > size_bytes * 2 - program.interpreter_bytes)
            abort();
    }
    return 0;
}
