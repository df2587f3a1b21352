/* A program's buffers: see memory.h. */
#include "kernel/services/posix/files/memory.h"

static size_t copy(void *to, const void *from, size_t size_bytes) {
    return process_copy_present(to, from, size_bytes);
}

static int bring_in_for_writing(const void *address) {
    return process_bring_in((uint64_t)(uintptr_t)address, true) ? 0 : -LINUX_EFAULT;
}

static int bring_in_for_reading(const void *address) {
    return process_bring_in((uint64_t)(uintptr_t)address, false) ? 0 : -LINUX_EFAULT;
}

static void begin(struct buffers *buffers, const struct transfer_segment *segments, uint32_t count, bool to_program) {
    transfer_init(&buffers->transfer, segments, count);
    buffers->transfer.copy = copy;
    buffers->transfer.bring_in = to_program ? bring_in_for_writing : bring_in_for_reading;
}

void buffers_begin(struct buffers *buffers, uint64_t address, uint64_t size_bytes, bool to_program) {
    buffers->many = NULL;
    buffers->few[0] =
        (struct transfer_segment){.base = (uint8_t *)(uintptr_t)address,
                                  .size_bytes = size_bytes < MEMORY_BYTES_MAX ? size_bytes : MEMORY_BYTES_MAX};
    begin(buffers, buffers->few, 1, to_program);
}

/* Addresses and sizes as they are read are the segments already. */
static int check_sizes(struct transfer_segment *segments, uint32_t count) {
    size_t left = MEMORY_BYTES_MAX;
    for (uint32_t i = 0; i < count; i++) {
        if (segments[i].size_bytes > INT64_MAX)
            return -LINUX_EINVAL;
        if (segments[i].size_bytes > left)
            segments[i].size_bytes = left;
        left -= segments[i].size_bytes;
    }
    return 0;
}

int buffers_begin_vector(const struct files *files, struct buffers *buffers, uint64_t address, uint64_t count,
                         bool to_program) {
    struct transfer_segment *segments = buffers->few;
    buffers->many = NULL;
    if (count > MEMORY_SEGMENTS_MAX)
        return -LINUX_EINVAL;
    buffers->count = (uint32_t)count;
    if (count > MEMORY_FEW_SEGMENTS) {
        segments = machine_take(files->vfs->machine, count * sizeof(*segments));
        if (segments == NULL)
            return -LINUX_ENOMEM;
        buffers->many = segments;
    }
    int status = process_read(segments, address, count * sizeof(*segments)) ? 0 : -LINUX_EFAULT;
    if (status == 0)
        status = check_sizes(segments, buffers->count);
    if (status != 0)
        buffers_end(files, buffers);
    else
        begin(buffers, segments, buffers->count, to_program);
    return status;
}

void buffers_end(const struct files *files, struct buffers *buffers) {
    if (buffers->many != NULL)
        machine_give_back(files->vfs->machine, buffers->many, buffers->count * sizeof(*buffers->many));
    buffers->many = NULL;
}
