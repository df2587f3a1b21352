/*
 * System calls on files with whatever arguments: the input is what lies in the program's memory (texts and structures), then
 * calls of 8 bytes each: which one, and six codes for arguments, most of them for what tends to hurt. Nothing but an answer comes
 * of any of them, and all memory comes back.
 */
#include "kernel/services/posix/files/test/host.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

#define MEMORY_BYTES 256u
#define CALL_BYTES 8u
#define CALLS_MAX 64u
#define PLACES 16u /* of the input's memory, 16 bytes apart */

static int64_t (*const calls[])(const uint64_t arguments[6]) = {
#define FUZZ_CALL(name) system_call_##name,
    FILE_CALLS(FUZZ_CALL)
#undef FUZZ_CALL
};

static uint64_t argument(uint8_t code) {
    static const uint64_t edges[] = {0,
                                     1,
                                     8,
                                     (uint64_t)-1,
                                     (uint64_t)-100, /* the caller's folder */
                                     UINT32_MAX,
                                     INT64_MAX,
                                     UINT64_C(1) << 63,
                                     4096,
                                     ARENA_ADDRESS + ARENA_BYTES - 1,
                                     ARENA_ADDRESS + ARENA_BYTES,
                                     UINT64_C(0xffff800000000000),
                                     LINUX_O_CREAT | LINUX_O_RDWR,
                                     LINUX_O_NONBLOCK,
                                     LINUX_S_IFIFO | 0644,
                                     100};
    if (code < 64)
        return code % 16; /* descriptors, commands, small sizes */
    if (code < 128)
        return edges[code % ITEMS(edges)];
    if (code < 224)
        return ARENA_ADDRESS + code % PLACES * (uint64_t)(MEMORY_BYTES / PLACES);
    return UINT64_C(1) << (code - 224); /* flags */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes) {
    if (size_bytes < MEMORY_BYTES)
        return 0;
    host_begin(&(struct tmpfs_limits){.mode = 0777, .pages_max = 32, .inodes_max = 24});
    memcpy(host_arena(), data, MEMORY_BYTES);
    for (size_t at = MEMORY_BYTES, i = 0; at + CALL_BYTES <= size_bytes && i < CALLS_MAX; at += CALL_BYTES, i++) {
        uint64_t arguments[6];
        for (unsigned j = 0; j < 6; j++)
            arguments[j] = argument(data[at + 1 + j]);
        if (data[at + 7] % 8 == 0)
            host_evict();
        host_fire_timers();
        (void)calls[data[at] % ITEMS(calls)](arguments);
    }
    host_end();
    return 0;
}
