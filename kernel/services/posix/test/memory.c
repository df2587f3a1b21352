/* Memory for unit tests: see memory.h. */
#include "kernel/services/posix/test/memory.h"

#include "kernel/machine/bare/mm/areas.h"
#include "kernel/machine/bare/process/user_memory.h"
#include "kernel/services/posix/test/world.h"

#include <stdlib.h>
#include <string.h>

uint32_t test_spaces;

static const struct test_area *area_of(const struct space *space, uint64_t address) {
    for (uint32_t i = 0; i < space->area_count; i++)
        if (address >= space->areas[i].start && address < space->areas[i].end)
            return &space->areas[i];
    return NULL;
}

static uint8_t *page_of(struct space *space, uint64_t page) {
    for (uint32_t i = 0; i < space->page_count; i++)
        if (space->pages[i].address == page)
            return space->pages[i].bytes;
    assert_true(space->page_count < TEST_PAGES);
    struct test_page *made = &space->pages[space->page_count++];
    *made = (struct test_page){.address = page, .bytes = calloc(1, TEST_PAGE_BYTES)};
    assert_non_null(made->bytes);
    return made->bytes;
}

uint8_t *test_view(struct space *space, uint64_t address) {
    if (area_of(space, address) == NULL)
        return NULL;
    return page_of(space, address & ~(uint64_t)(TEST_PAGE_BYTES - 1)) + address % TEST_PAGE_BYTES;
}

static bool copy(uint64_t user, void *to, const void *from, size_t size, uint32_t access) {
    struct space *space = process_current()->memory->space;
    for (size_t i = 0; i < size; i++) {
        const struct test_area *area = area_of(space, user + i);
        if (area == NULL || (area->protection & access) == 0)
            return false;
        uint8_t *at = test_view(space, user + i);
        if (access == AREA_READ)
            ((uint8_t *)to)[i] = *at;
        else
            *at = ((const uint8_t *)from)[i];
    }
    return true;
}

bool process_read(void *to, uint64_t from, size_t size) {
    return copy(from, to, NULL, size, AREA_READ);
}

bool process_write(uint64_t to, const void *from, size_t size) {
    return copy(to, NULL, from, size, AREA_WRITE);
}

int process_read_text(char *to, uint64_t from, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (!process_read(to + i, from + i, 1))
            return -LINUX_EFAULT;
        if (to[i] == 0)
            return (int)i;
    }
    return -LINUX_ENAMETOOLONG;
}

/* ---- spaces ---- */

const struct machine_layout *machine_layout(void) {
    static const struct machine_layout layout = {.start = 0x10000,
                                                 .end = UINT64_C(0x7ffffffff000),
                                                 .movable = UINT64_C(0x555555554000),
                                                 .elf_machine = 62,
                                                 .capabilities = 0x123,
                                                 .platform = "x86_64"};
    return &layout;
}

int machine_space_create(struct memory_account *account, struct space **space) {
    (void)account;
    *space = calloc(1, sizeof(**space));
    assert_non_null(*space);
    test_spaces++;
    return 0;
}

int machine_space_fork(struct space *from, struct space **to) {
    assert_int_equal(machine_space_create(NULL, to), 0);
    **to = *from;
    for (uint32_t i = 0; i < from->page_count; i++) {
        (*to)->pages[i].bytes = malloc(TEST_PAGE_BYTES);
        assert_non_null((*to)->pages[i].bytes);
        memcpy((*to)->pages[i].bytes, from->pages[i].bytes, TEST_PAGE_BYTES);
    }
    return 0;
}

void machine_space_destroy(struct space *space) {
    for (uint32_t i = 0; i < space->page_count; i++)
        free(space->pages[i].bytes);
    free(space);
    test_spaces--;
}

static void fill(struct space *space, uint64_t start, struct inode *file, uint64_t offset, uint64_t bytes) {
    for (uint64_t done = 0; done < bytes;) {
        struct transfer_segment segment = {.base = test_view(space, start + done), .size_bytes = TEST_PAGE_BYTES};
        struct transfer transfer;
        size_t size = 0;
        if (segment.size_bytes > bytes - done)
            segment.size_bytes = bytes - done;
        transfer_init(&transfer, &segment, 1);
        assert_int_equal(file->operations->read(file, offset + done, &transfer, &size), 0);
        assert_int_equal(size, segment.size_bytes);
        done += size;
    }
}

int machine_space_map(struct space *space, uint64_t start, uint64_t end, uint32_t protection, struct inode *file,
                      uint64_t offset, uint64_t bytes) {
    assert_true(space->area_count < TEST_AREAS);
    assert_true(start < end && start % TEST_PAGE_BYTES == 0 && end % TEST_PAGE_BYTES == 0);
    space->areas[space->area_count++] = (struct test_area){.start = start, .end = end, .protection = protection};
    if (file != NULL)
        fill(space, start, file, offset, bytes);
    return 0;
}

int machine_space_map_stack(struct space *space, uint64_t top, uint64_t bytes) {
    return machine_space_map(space, top - bytes, top, AREA_READ | AREA_WRITE, NULL, 0, 0);
}

void machine_space_set_room(struct space *space, uint64_t break_start, uint64_t room_end) {
    space->break_start = break_start;
    space->room_end = room_end;
}

void machine_space_set_limits(struct space *space, const struct limits *limits) {
    (void)space;
    (void)limits;
}

int machine_space_map_clock(struct space *space, uint64_t *header) {
    (void)space;
    *header = 0;
    return 0;
}
