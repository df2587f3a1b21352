/* Rows of single calls and of memory: see rows.h. */
#include "rows.h"

#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE 4096u
/* Smaller than a huge page, so that each page is a fault of its own on every kernel. */
#define TOUCHED_PAGES 256u
#define MAPPED_BYTES ((size_t)16 * PAGE)

int row_null_call(uint32_t count, uint64_t *cycles) {
    uint64_t begin = cycles_now();
    for (uint32_t i = 0; i < count; i++)
        (void)syscall(SYS_getpid);
    *cycles = cycles_now() - begin;
    return 0;
}

static volatile sig_atomic_t handled;

static void handle(int number) {
    (void)number;
    handled++;
}

/* To itself: sent, handled, and back where it was sent. */
int row_signal(uint32_t count, uint64_t *cycles) {
    struct sigaction action = {.sa_handler = handle};
    pid_t self = getpid();
    if (sigaction(SIGUSR1, &action, NULL) < 0)
        return -errno;
    handled = 0;
    uint64_t begin = cycles_now();
    for (uint32_t i = 0; i < count; i++)
        if (kill(self, SIGUSR1) < 0)
            return -errno;
    *cycles = cycles_now() - begin;
    return (uint32_t)handled == count ? 0 : -EIO;
}

/* First touch of pages of private memory. Pages without access on both sides keep neighbours from being joined to them. */
int row_page_fault(uint32_t count, uint64_t *cycles) {
    size_t size = (size_t)TOUCHED_PAGES * PAGE;
    *cycles = 0;
    for (uint32_t done = 0; done < count; done += TOUCHED_PAGES) {
        char *area = mmap(NULL, size + (size_t)2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (area == MAP_FAILED || mprotect(area + PAGE, size, PROT_READ | PROT_WRITE) < 0)
            return -errno;
        uint32_t pages = count - done < TOUCHED_PAGES ? count - done : TOUCHED_PAGES;
        uint64_t begin = cycles_now();
        for (uint32_t i = 0; i < pages; i++)
            *(volatile char *)(area + PAGE + (size_t)i * PAGE) = 1;
        *cycles += cycles_now() - begin;
        if (munmap(area, size + (size_t)2 * PAGE) < 0)
            return -errno;
    }
    return 0;
}

int row_mmap(uint32_t count, uint64_t *cycles) {
    uint64_t begin = cycles_now();
    for (uint32_t i = 0; i < count; i++) {
        void *area = mmap(NULL, MAPPED_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (area == MAP_FAILED || munmap(area, MAPPED_BYTES) < 0)
            return -errno;
    }
    *cycles = cycles_now() - begin;
    return 0;
}
