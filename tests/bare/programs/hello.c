/*
 * A static program for Linux, with nothing of Grove in it: what a C library needs (output, memory, time) works. It says
 * its arguments and ends with 0, or with the number of what was wrong.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define BLOCKS 200u
#define PAGE ((size_t)4096)
#define BREAK_PAGES 6000u

/* Blocks from a few bytes to a megabyte, each filled with its own number. */
static int check_memory(void) {
    unsigned char *blocks[BLOCKS];
    for (unsigned i = 0; i < BLOCKS; i++) {
        size_t size = (size_t)16 << (i % 17);
        blocks[i] = malloc(size);
        if (blocks[i] == NULL)
            return 2;
        memset(blocks[i], (int)i, size);
    }
    for (unsigned i = 0; i < BLOCKS; i++) {
        size_t size = (size_t)16 << (i % 17);
        if (blocks[i][0] != (unsigned char)i || blocks[i][size - 1] != (unsigned char)i)
            return 3;
        free(blocks[i]);
    }
    return 0;
}

static int check_pages(void) {
    unsigned char *pages = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED || pages[4096] != 0)
        return 4;
    pages[4096] = 7;
    if (mprotect(pages + 4096, 4096, PROT_READ) != 0 || pages[4096] != 7)
        return 5;
    if (munmap(pages, PAGE) != 0 || munmap(pages + 2 * PAGE, PAGE) != 0 || pages[4096] != 7)
        return 6;
    if (mprotect(pages, 4096, PROT_READ) == 0 || mprotect(pages + 4096, 4096, PROT_WRITE | PROT_EXEC) == 0)
        return 7;
    /* What the program may not read, the kernel does not read for it either; and it is still there afterwards. */
    if (mprotect(pages + 4096, 4096, PROT_NONE) != 0 || write(1, pages + 4096, 1) != -1 || write(1, pages, 1) != -1)
        return 8;
    return mprotect(pages + 4096, 4096, PROT_READ) == 0 && pages[4096] == 7 && write(9, "x", 1) == -1 ? 0 : 8;
}

/* The heap by the system call itself, page by page, further than there may be areas. */
static int check_break(void) {
    uint64_t start = (uint64_t)syscall(SYS_brk, 0), end = start;
    for (unsigned i = 0; i < BREAK_PAGES; i++) {
        end += 4096;
        if ((uint64_t)syscall(SYS_brk, end) != end)
            return 12;
    }
    *(volatile char *)(uintptr_t)(end - 1) = 1;
    return (uint64_t)syscall(SYS_brk, start) == start ? 0 : 13;
}

static int check_time(void) {
    struct timespec first, second;
    if (clock_gettime(CLOCK_MONOTONIC, &first) != 0 || clock_gettime(CLOCK_MONOTONIC, &second) != 0)
        return 9;
    return second.tv_sec > first.tv_sec || (second.tv_sec == first.tv_sec && second.tv_nsec >= first.tv_nsec) ? 0 : 10;
}

/* Vector registers are the program's own, and clean when it begins. */
static int check_numbers(void) {
    volatile double value = 1.5;
    for (int i = 0; i < 20; i++)
        value = value * 1.5 + 0.25;
    return value > 6649.0 && value < 6651.0 ? 0 : 11;
}

int main(int count, char **arguments) {
    int (*const checks[])(void) = {check_memory, check_pages, check_break, check_time, check_numbers};
    printf("hello from %s, %d arguments\n", arguments[0], count);
    for (int i = 1; i < count; i++)
        printf("argument %d is %s\n", i, arguments[i]);
    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
        int fault = checks[i]();
        if (fault != 0)
            return fault;
    }
    return count > 1 && strcmp(arguments[1], "fail") == 0 ? 42 : 0;
}
