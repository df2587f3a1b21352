/* A program's file: see elf.h. */
#include "kernel/machine/bare/process/elf.h"

#include "grove/abi/status.h"
#include "kernel/machine/bare/mm/areas.h"

#include <string.h>

#define KIND_FIXED 2u
#define KIND_MOVABLE 3u
#define SEGMENT_LOAD 1u
#define SEGMENT_INTERPRETER 3u
#define FLAG_EXECUTE 1u
#define FLAG_WRITE 2u
#define FLAG_READ 4u
#define HEADERS_MAX 64u

struct file_header {
    uint8_t identity[16];
    uint16_t kind, machine;
    uint32_t version;
    uint64_t entry, headers_offset, sections_offset;
    uint32_t flags;
    uint16_t header_bytes, program_header_bytes, program_headers;
    uint16_t section_header_bytes, section_headers, section_names;
};

struct program_header {
    uint32_t kind, flags;
    uint64_t offset, address, physical, file_bytes, memory_bytes, alignment;
};

static uint64_t round_down(uint64_t value) {
    return value & ~(ELF_PAGE_BYTES - 1);
}

static int check_header(const struct file_header *header, size_t head_bytes, uint64_t file_bytes, uint16_t machine) {
    uint64_t bytes = header->program_headers * sizeof(struct program_header);
    static const uint8_t identity[7] = {0x7f, 'E', 'L', 'F', 2, 1, 1}; /* 64 bits, little-endian, version 1 */
    if (memcmp(header->identity, identity, sizeof(identity)) != 0 || header->machine != machine)
        return GROVE_INVALID;
    if (header->kind != KIND_FIXED && header->kind != KIND_MOVABLE)
        return GROVE_INVALID;
    if (header->program_header_bytes != sizeof(struct program_header) || header->program_headers > HEADERS_MAX)
        return GROVE_INVALID;
    if (header->headers_offset > file_bytes || bytes > file_bytes - header->headers_offset)
        return GROVE_INVALID;
    if (header->headers_offset > head_bytes || bytes > head_bytes - header->headers_offset)
        return GROVE_UNSUPPORTED;
    return 0;
}

static bool is_in_file(const struct program_header *header, uint64_t size) {
    return header->offset <= size && header->file_bytes <= size - header->offset;
}

static int add_segment(const struct program_header *header, uint64_t size, uint64_t limit,
                       struct elf_program *program) {
    uint64_t within = header->address % ELF_PAGE_BYTES;
    if (header->memory_bytes == 0)
        return 0;
    if (header->file_bytes > header->memory_bytes || !is_in_file(header, size) ||
        header->offset % ELF_PAGE_BYTES != within)
        return GROVE_INVALID;
    if (header->address >= limit || header->memory_bytes > limit - header->address)
        return GROVE_INVALID;
    if ((header->flags & FLAG_WRITE) != 0 && (header->flags & FLAG_EXECUTE) != 0)
        return GROVE_DENIED;
    if (program->count == ELF_SEGMENTS_MAX)
        return GROVE_UNSUPPORTED;
    struct elf_segment segment = {.start = round_down(header->address),
                                  .end = round_down(header->address + header->memory_bytes + ELF_PAGE_BYTES - 1),
                                  .file_offset = header->offset - within,
                                  .file_bytes = header->file_bytes > 0 ? header->file_bytes + within : 0,
                                  .protection = ((header->flags & FLAG_READ) != 0 ? AREA_READ : 0u) |
                                                ((header->flags & FLAG_WRITE) != 0 ? AREA_WRITE : 0u) |
                                                ((header->flags & FLAG_EXECUTE) != 0 ? AREA_EXECUTE : 0u)};
    if (program->count > 0 && segment.start < program->segments[program->count - 1].end)
        return GROVE_INVALID;
    program->segments[program->count++] = segment;
    return 0;
}

/* Where the headers are in memory: in the segment that holds them in the file. */
static void find_headers(const struct file_header *header, const struct program_header *segment,
                         struct elf_program *program) {
    uint64_t bytes = header->program_headers * sizeof(struct program_header);
    if (header->headers_offset >= segment->offset && bytes <= segment->file_bytes &&
        header->headers_offset - segment->offset <= segment->file_bytes - bytes)
        program->headers = segment->address + (header->headers_offset - segment->offset);
}

static bool is_executable(const struct elf_program *program, uint64_t address) {
    for (uint32_t i = 0; i < program->count; i++)
        if (address >= program->segments[i].start && address < program->segments[i].end)
            return (program->segments[i].protection & AREA_EXECUTE) != 0;
    return false;
}

static int add_interpreter(const struct program_header *header, uint64_t file_bytes, struct elf_program *program) {
    if (!is_in_file(header, file_bytes) || header->file_bytes < 2 || header->file_bytes > ELF_INTERPRETER_BYTES_MAX ||
        program->interpreter_bytes > 0)
        return GROVE_INVALID;
    program->interpreter_offset = header->offset;
    program->interpreter_bytes = header->file_bytes;
    return 0;
}

int elf_read_head(const uint8_t *head, size_t head_bytes, uint64_t file_bytes, uint16_t machine, uint64_t limit,
                  struct elf_program *program) {
    struct file_header header;
    struct elf_program found = {.count = 0};
    if (head_bytes < sizeof(header) || head_bytes > file_bytes)
        return GROVE_INVALID;
    memcpy(&header, head, sizeof(header));
    int status = check_header(&header, head_bytes, file_bytes, machine);
    for (uint32_t i = 0; status == 0 && i < header.program_headers; i++) {
        struct program_header segment;
        memcpy(&segment, head + header.headers_offset + i * sizeof(segment), sizeof(segment));
        if (segment.kind == SEGMENT_INTERPRETER)
            status = add_interpreter(&segment, file_bytes, &found);
        if (segment.kind != SEGMENT_LOAD)
            continue;
        status = add_segment(&segment, file_bytes, limit, &found);
        if (status == 0)
            find_headers(&header, &segment, &found);
    }
    if (status == 0 && !is_executable(&found, header.entry))
        status = GROVE_INVALID;
    if (status < 0)
        return status;
    found.entry = header.entry;
    found.header_count = header.program_headers;
    found.is_movable = header.kind == KIND_MOVABLE;
    *program = found;
    return 0;
}

int elf_read(const uint8_t *bytes, size_t size, uint16_t machine, uint64_t limit, struct elf_program *program) {
    struct elf_program found;
    int status = elf_read_head(bytes, size, size, machine, limit, &found);
    if (status == 0 && found.interpreter_bytes > 0)
        status = GROVE_UNSUPPORTED;
    if (status == 0)
        *program = found;
    return status;
}
