/* The Multiboot2 information: see facts.h. A size, then tags of a kind, a size and contents, each on 8 bytes. */
#include "grove/abi/status.h"
#include "kernel/machine/x86_64/boot/facts.h"

#include <stddef.h>
#include <string.h>

#define INFORMATION_BYTES_MAX (1u << 20)
#define TAG_BYTES 8u
#define TAG_END 0u
#define TAG_COMMAND_LINE 1u
#define TAG_MODULE 3u
#define TAG_MAP 6u
#define TAG_ROOT_POINTER_OLD 14u
#define TAG_ROOT_POINTER 15u
#define MAP_FIXED_BYTES 16u
#define MAP_ENTRY_BYTES 24u
#define KIND_USABLE 1u

struct tag {
    uint32_t kind, size_bytes;
    const uint8_t *bytes; /* of the whole tag */
    uint64_t address;
};

static uint32_t read32(const uint8_t *bytes) {
    uint32_t value;
    memcpy(&value, bytes, sizeof(value));
    return value;
}

static uint64_t read64(const uint8_t *bytes) {
    uint64_t value;
    memcpy(&value, bytes, sizeof(value));
    return value;
}

/* Usable entries in the first pass, all others in the second, as for PVH. */
static void read_map(const struct tag *tag, bool is_first_pass, struct boot_facts *facts) {
    uint32_t entry_bytes = tag->size_bytes >= MAP_FIXED_BYTES ? read32(tag->bytes + 8) : 0;
    if (entry_bytes < MAP_ENTRY_BYTES)
        return;
    for (uint64_t at = MAP_FIXED_BYTES; at + entry_bytes <= tag->size_bytes; at += entry_bytes) {
        uint64_t start = read64(tag->bytes + at), size = read64(tag->bytes + at + 8);
        bool is_usable = read32(tag->bytes + at + 16) == KIND_USABLE;
        if (is_first_pass && is_usable)
            memory_map_add(&facts->memory, start, size);
        else if (!is_first_pass && !is_usable)
            memory_map_remove(&facts->memory, start, size);
    }
}

static void read_tag(const struct tag *tag, bool is_first_pass, struct boot_facts *facts) {
    if (tag->kind == TAG_MAP)
        read_map(tag, is_first_pass, facts);
    else if (is_first_pass)
        return; /* what lies in memory is removed once all of it was added */
    else if (tag->kind == TAG_COMMAND_LINE)
        facts_set_command_line(facts, (const char *)tag->bytes + TAG_BYTES, tag->size_bytes - TAG_BYTES);
    else if (tag->kind == TAG_MODULE && tag->size_bytes >= TAG_BYTES + 8) {
        uint32_t start = read32(tag->bytes + 8), end = read32(tag->bytes + 12);
        facts_add_module(facts, start, end > start ? end - start : 0);
    } else if (tag->kind == TAG_ROOT_POINTER || (tag->kind == TAG_ROOT_POINTER_OLD && facts->root_pointer == 0))
        facts->root_pointer = tag->address + TAG_BYTES; /* the tag holds a copy of it */
}

static int read_tags(const uint8_t *bytes, uint32_t size, uint64_t info, bool is_first_pass, struct boot_facts *facts) {
    for (uint64_t at = 8; at + TAG_BYTES <= size;) {
        struct tag tag = {.kind = read32(bytes + at), .size_bytes = read32(bytes + at + 4)};
        tag.bytes = bytes + at;
        tag.address = info + at;
        if (tag.kind == TAG_END)
            return 0;
        if (tag.size_bytes < TAG_BYTES || tag.size_bytes > size - at)
            return GROVE_INVALID;
        read_tag(&tag, is_first_pass, facts);
        at = (at + tag.size_bytes + 7) & ~UINT64_C(7);
    }
    return GROVE_INVALID;
}

int facts_read_multiboot(const struct physical_memory *memory, uint64_t info, struct boot_facts *facts) {
    const uint8_t *bytes = info != 0 ? memory->view(memory->context, info, 8) : NULL;
    uint32_t size = bytes != NULL ? read32(bytes) : 0;
    if (size < 16 || size > INFORMATION_BYTES_MAX)
        return GROVE_INVALID;
    bytes = memory->view(memory->context, info, size);
    if (bytes == NULL)
        return GROVE_INVALID;
    int status = read_tags(bytes, size, info, true, facts);
    if (status == 0)
        status = read_tags(bytes, size, info, false, facts);
    memory_map_remove(&facts->memory, info, size);
    return status;
}
