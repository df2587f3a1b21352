/* Programs for unit tests: see program_file.h. */
#include "kernel/services/posix/test/program_file.h"

#include "kernel/services/posix/test/world.h"

#include <string.h>

#define HEADER_BYTES 64u
#define SEGMENT_BYTES 56u

size_t program_file_make(uint8_t *bytes, uint16_t kind, uint64_t address, const char *interpreter) {
    static const uint8_t identity[7] = {0x7f, 'E', 'L', 'F', 2, 1, 1};
    uint16_t halves[] = {kind, 62};
    uint64_t longs[] = {address + 0x100, HEADER_BYTES, 0};
    uint16_t rest[] = {HEADER_BYTES, SEGMENT_BYTES, interpreter != NULL ? 2 : 1, 0, 0, 0};
    uint32_t load[] = {1, 5}, name[] = {3, 4};
    uint64_t load_longs[] = {0, address, 0, 0x400, 0x2400, 0x1000};
    memset(bytes, 0x90, 0x400);
    memset(bytes, 0, 0x100);
    memcpy(bytes, identity, sizeof(identity));
    memcpy(bytes + 16, halves, sizeof(halves));
    memcpy(bytes + 24, longs, sizeof(longs));
    memcpy(bytes + 52, rest, sizeof(rest));
    memcpy(bytes + 64, load, sizeof(load));
    memcpy(bytes + 72, load_longs, sizeof(load_longs));
    if (interpreter != NULL) {
        uint64_t name_longs[] = {0x200, 0, 0, strlen(interpreter) + 1, strlen(interpreter) + 1, 1};
        memcpy(bytes + 120, name, sizeof(name));
        memcpy(bytes + 128, name_longs, sizeof(name_longs));
        memcpy(bytes + 0x200, interpreter, strlen(interpreter) + 1);
    }
    return 0x400;
}

void program_file_put(const char *path, const void *bytes, size_t size, uint32_t mode) {
    struct walk_path at = world_at(path);
    assert_int_equal(vfs_make_node(&posix_world.files.caller, &at, mode, 0), 0);
    assert_int_equal(world_write(&posix_world.files, path, 0, bytes, size), (int64_t)size);
}
