/* The operations on Linux: see differential.h. In a child process, which leaves nothing behind. */
#include "kernel/machine/bare/mm/test/differential.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE UINT64_C(4096)

static int file, read_only_file;
static sigjmp_buf way_out;
static volatile uint8_t *const window = (uint8_t *)(uintptr_t)DIFFERENTIAL_BASE;

static void leave(int signal) {
    siglongjmp(way_out, signal);
}

static void *at(uint64_t page) {
    return (void *)(uintptr_t)(DIFFERENTIAL_BASE + page * PAGE);
}

static int64_t answer(int64_t returned) {
    return returned < 0 ? -errno : returned;
}

/* ---- what the pages are ---- */

/* What /proc says may be done with each page; all bits: nothing is mapped. */
static void read_protections(uint32_t *protections) {
    char line[512];
    FILE *maps = fopen("/proc/self/maps", "r");
    memset(protections, 0xff, DIFFERENTIAL_PAGES * sizeof(*protections));
    while (maps != NULL && fgets(line, sizeof(line), maps) != NULL) {
        char *rest = line;
        uint64_t start = strtoul(rest, &rest, 16), end = strtoul(rest + 1, &rest, 16);
        const char *rights = rest + 1;
        uint32_t protection = (rights[0] == 'r' ? 1u : 0) | (rights[1] == 'w' ? 2u : 0) | (rights[2] == 'x' ? 4u : 0);
        for (uint64_t page = 0; page < DIFFERENTIAL_PAGES; page++)
            if ((uint64_t)(uintptr_t)at(page) >= start && (uint64_t)(uintptr_t)at(page) < end)
                protections[page] = protection;
    }
    if (maps != NULL)
        (void)fclose(maps);
}

/* False: it is behind the end of what is mapped. */
static bool read_bytes(uint64_t page, uint8_t *bytes) {
    if (sigsetjmp(way_out, 1) != 0)
        return false;
    bytes[0] = window[page * PAGE];
    bytes[1] = window[page * PAGE + PAGE - 1];
    return true;
}

static uint32_t state_of(uint64_t page, uint32_t protection) {
    uint8_t bytes[2] = {0};
    if (protection == UINT32_MAX)
        return PAGE_MISSING;
    if ((protection & 1) != 0 && !read_bytes(page, bytes))
        return PAGE_SIGNAL;
    return PAGE_STATE(protection, bytes[0], bytes[1]);
}

static void read_pages(uint32_t *pages) {
    uint32_t protections[DIFFERENTIAL_PAGES];
    read_protections(protections);
    for (uint64_t page = 0; page < DIFFERENTIAL_PAGES; page++)
        pages[page] = state_of(page, protections[page]);
}

/* 0, or the number of the signal. */
static int64_t write_byte(uint64_t page, uint8_t value) {
    int signal = sigsetjmp(way_out, 1);
    if (signal != 0)
        return signal;
    window[page * PAGE] = value;
    window[page * PAGE + PAGE - 1] = (uint8_t)(value + 1);
    return 0;
}

/* ---- operations ---- */

static int64_t map(const struct operation *operation) {
    int descriptor = (operation->y & WITH_FILE) != 0             ? file
                     : (operation->y & WITH_READ_ONLY_FILE) != 0 ? read_only_file
                                                                 : -1;
    return answer((int64_t)syscall(SYS_mmap, at(operation->a), operation->b * PAGE, operation->x,
                                   (int)(uint32_t)operation->y, descriptor, operation->c * PAGE));
}

/* What came to lie elsewhere, where this computer has room, is taken away again. */
static int64_t take_away(int64_t where, uint64_t pages) {
    bool is_inside =
        where >= (int64_t)DIFFERENTIAL_BASE && where < (int64_t)(DIFFERENTIAL_BASE + DIFFERENTIAL_PAGES * PAGE);
    if (where < 0 || is_inside)
        return where;
    (void)munmap((void *)(uintptr_t)where, pages * PAGE);
    return 1;
}

static int64_t fork_child(const struct operation *operation, struct result *result) {
    struct result *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t child = fork();
    int status = 0;
    if (child == 0) {
        uint32_t protections[DIFFERENTIAL_PAGES];
        read_protections(protections);
        for (uint64_t page = 0; page < DIFFERENTIAL_PAGES; page++)
            if (protections[page] != UINT32_MAX && (protections[page] & 2) != 0)
                (void)write_byte(page, (uint8_t)operation->x);
        read_pages(shared->child_pages);
        _exit(0);
    }
    (void)waitpid(child, &status, 0);
    memcpy(result->child_pages, shared->child_pages, sizeof(result->child_pages));
    (void)munmap(shared, sizeof(*shared));
    return child > 0 ? status : -errno;
}

static int64_t apply(const struct operation *operation, struct result *result) {
    size_t size = operation->b * PAGE;
    switch (operation->kind) {
    case MAP:
        return take_away(map(operation), operation->b);
    case UNMAP:
        return answer(munmap(at(operation->a), size));
    case PROTECT:
        return answer(mprotect(at(operation->a), size, (int)operation->x));
    case REMAP:
        return take_away(answer((int64_t)syscall(SYS_mremap, at(operation->a), size, operation->c * PAGE, operation->y,
                                                 at(operation->d))),
                         operation->c);
    case ADVISE:
        return answer(madvise(at(operation->a), size, (int)operation->x));
    case LOCK:
        /* The sanitizers do nothing instead of the library's functions. */
        return answer(syscall(operation->x != 0 ? SYS_munlock : SYS_mlock, at(operation->a), size));
    case SYNC:
        return answer(msync(at(operation->a), size, (int)operation->x));
    case WRITE:
        return write_byte(operation->a, (uint8_t)operation->x);
    default:
        return fork_child(operation, result);
    }
}

static void begin(void) {
    struct sigaction action = {.sa_handler = leave, .sa_flags = SA_NODEFER};
    char path[64];
    (void)sigaction(SIGSEGV, &action, NULL);
    (void)sigaction(SIGBUS, &action, NULL);
    file = memfd_create("differential", 0);
    if (file < 0 || ftruncate(file, DIFFERENTIAL_FILE_PAGES * PAGE) != 0)
        _exit(1);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
    read_only_file = open(path, O_RDONLY | O_CLOEXEC);
    if (read_only_file < 0)
        _exit(1);
}

void differential_linux(int from, int to) {
    struct operation operation;
    begin();
    while (read(from, &operation, sizeof(operation)) == sizeof(operation)) {
        struct result result = {.status = 0};
        result.status = apply(&operation, &result);
        read_pages(result.pages);
        if (write(to, &result, sizeof(result)) != sizeof(result))
            break;
    }
    _exit(0);
}
