/* A program's memory for unit tests: areas, and pages that are filled in when they are touched. */
#ifndef GROVE_POSIX_TEST_MEMORY_H
#define GROVE_POSIX_TEST_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#define TEST_AREAS 16u
#define TEST_PAGES 256u
#define TEST_PAGE_BYTES 4096u

struct test_area {
    uint64_t start, end;
    uint32_t protection;
};

struct test_page {
    uint64_t address;
    uint8_t *bytes;
};

struct space {
    struct test_area areas[TEST_AREAS];
    struct test_page pages[TEST_PAGES];
    uint32_t area_count, page_count;
    uint64_t break_start, room_end;
};

extern uint32_t test_spaces; /* that are not given back */
/* The address as the test can use it; NULL: nothing is there. */
uint8_t *test_view(struct space *space, uint64_t address);

#endif
