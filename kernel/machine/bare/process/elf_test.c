/* Programs made here, whole, cut at every place, and wrong in one way each. */
#include "kernel/machine/bare/process/elf.h"

#include "grove/abi/status.h"
#include "kernel/core/test/unit.h"
#include "kernel/machine/bare/mm/areas.h"

#include <stdlib.h>
#include <string.h>

#define LIMIT (UINT64_C(1) << 47)
#define FILE_BYTES 0x1800u

struct header {
    uint8_t identity[16];
    uint16_t kind, machine;
    uint32_t version;
    uint64_t entry, headers_offset, sections_offset;
    uint32_t flags;
    uint16_t header_bytes, program_header_bytes, program_headers, rest[3];
};

struct segment {
    uint32_t kind, flags;
    uint64_t offset, address, physical, file_bytes, memory_bytes, alignment;
};

struct file {
    struct header header;
    struct segment segments[3];
    uint8_t rest[FILE_BYTES - sizeof(struct header) - 3 * sizeof(struct segment)];
};

static struct file example(void) {
    struct file file = {
        .header = {.identity = {0x7f, 'E', 'L', 'F', 2, 1, 1},
                   .kind = 2,
                   .machine = ELF_MACHINE_X86_64,
                   .entry = 0x400100,
                   .headers_offset = sizeof(struct header),
                   .program_header_bytes = sizeof(struct segment),
                   .program_headers = 3},
        .segments = {{.kind = 1, .flags = 5, .address = 0x400000, .file_bytes = 0x1000, .memory_bytes = 0x1000},
                     {.kind = 0x6474e551, .flags = 6},
                     {.kind = 1,
                      .flags = 6,
                      .offset = 0x1100,
                      .address = 0x402100,
                      .file_bytes = 0x700,
                      .memory_bytes = 0x3000}}};
    return file;
}

static int read(const struct file *file, struct elf_program *program) {
    return elf_read((const uint8_t *)file, sizeof(*file), ELF_MACHINE_X86_64, LIMIT, program);
}

static void segments_are_whole_pages(void **state) {
    (void)state;
    struct file file = example();
    struct elf_program program;
    assert_int_equal(read(&file, &program), 0);
    assert_int_equal(program.count, 2);
    assert_int_equal(program.entry, 0x400100);
    assert_int_equal(program.headers, 0x400000 + sizeof(struct header));
    assert_int_equal(program.header_count, 3);
    assert_false(program.is_movable);
    assert_int_equal(program.segments[0].protection, AREA_READ | AREA_EXECUTE);
    assert_int_equal(program.segments[1].start, 0x402000);
    assert_int_equal(program.segments[1].end, 0x406000);
    assert_int_equal(program.segments[1].file_offset, 0x1000);
    assert_int_equal(program.segments[1].file_bytes, 0x800);
    assert_int_equal(program.segments[1].protection, AREA_READ | AREA_WRITE);
}

static void a_cut_program_is_refused(void **state) {
    (void)state;
    struct file file = example();
    for (size_t size = 0; size < sizeof(file); size++) {
        uint8_t *bytes = malloc(size > 0 ? size : 1);
        struct elf_program program;
        assert_non_null(bytes);
        memcpy(bytes, &file, size);
        assert_int_equal(elf_read(bytes, size, ELF_MACHINE_X86_64, LIMIT, &program), GROVE_INVALID);
        free(bytes);
    }
}

static void what_is_wrong_is_refused(void **state) {
    (void)state;
    for (unsigned i = 0; i < 10; i++) {
        struct file file = example();
        struct elf_program program = {.entry = 77};
        struct segment *text = &file.segments[0], *data = &file.segments[2];
        int expected = GROVE_INVALID;
        switch (i) {
        case 0:
            file.header.machine = ELF_MACHINE_AARCH64;
            break;
        case 1:
            file.header.entry = 0x402000; /* not executable */
            break;
        case 2:
            text->flags = 7;
            expected = GROVE_DENIED;
            break;
        case 3:
            file.segments[1].kind = 3;
            file.segments[1].offset = 8;
            file.segments[1].file_bytes = 20;
            expected = GROVE_UNSUPPORTED;
            break;
        case 4:
            data->address = 0x400f00; /* in a page of the text */
            data->offset = 0x1f00 - 0x1000;
            break;
        case 5:
            data->offset += 8; /* does not fit its address */
            break;
        case 6:
            data->memory_bytes = LIMIT - data->address + 1;
            break;
        case 7:
            data->file_bytes = data->memory_bytes + 1;
            break;
        case 8:
            data->offset = UINT64_MAX - 0xeff;
            break;
        default:
            file.header.headers_offset = UINT64_MAX - 8;
            break;
        }
        assert_int_equal(read(&file, &program), expected);
        assert_int_equal(program.entry, 77);
    }
}

static void an_interpreter_is_told_of(void **state) {
    struct file file = example();
    struct elf_program program;
    (void)state;
    file.segments[1].kind = 3;
    file.segments[1].offset = 8;
    file.segments[1].file_bytes = 20;
    assert_int_equal(read(&file, &program), GROVE_UNSUPPORTED);
    const uint8_t *head = (const uint8_t *)&file;
    assert_int_equal(elf_read_head(head, sizeof(file), 0x10000, ELF_MACHINE_X86_64, LIMIT, &program), 0);
    assert_int_equal(program.interpreter_offset, 8);
    assert_int_equal(program.interpreter_bytes, 20);
    assert_int_equal(elf_read_head(head, 100, 0x10000, ELF_MACHINE_X86_64, LIMIT, &program), GROVE_UNSUPPORTED);
    file.segments[1].file_bytes = ELF_INTERPRETER_BYTES_MAX + 1;
    assert_int_equal(elf_read_head(head, sizeof(file), 0x10000, ELF_MACHINE_X86_64, LIMIT, &program), GROVE_INVALID);
    file.segments[1].file_bytes = 20;
    file.segments[1].offset = 0x10000 - 19;
    assert_int_equal(elf_read_head(head, sizeof(file), 0x10000, ELF_MACHINE_X86_64, LIMIT, &program), GROVE_INVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(segments_are_whole_pages),
        cmocka_unit_test(a_cut_program_is_refused),
        cmocka_unit_test(what_is_wrong_is_refused),
        cmocka_unit_test(an_interpreter_is_told_of),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
