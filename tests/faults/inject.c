/*
 * Loaded before a program with LD_PRELOAD: makes calls of the program that ask for memory or for a descriptor fail, as
 * they do on a machine that has none left. Calls from inside libraries (cmocka, the C library) succeed.
 *
 *   FAULT_PROGRAM=NAME     only in this program; others that inherit the environment run as ever
 *   FAULT_KIND=KIND        memory or descriptor: which calls are meant
 *   FAULT_LOG=FILE         append the place of each call that is meant: one hexadecimal line, relative to the program;
 *                          with FAULT_WHILE only of those that failed
 *   FAULT_SITE=HEX         with FAULT_AT: calls from this place fail,
 *   FAULT_AT=N             the Nth of them in each process, and no other
 *   FAULT_WHILE=FILE       instead: as long as this file exists, every Nth call fails, N being what stands in it
 *
 * A place is a return address, so the driver can tell calls of the product from calls of its tests. Any thread may come
 * through here; the counters are atomic and nothing else is written after the constructor.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#define SHOWN __attribute__((visibility("default")))
#define CALLER ((uintptr_t)__builtin_return_address(0))

enum kind { NONE, MEMORY, DESCRIPTOR };

static enum kind wanted;
static uintptr_t base, end, site;
static unsigned long at;
static const char *while_path;
static int log_file = -1;
static unsigned long count;

static int take_program(struct dl_phdr_info *info, size_t size, void *context) {
    (void)size;
    (void)context;
    base = info->dlpi_addr;
    for (unsigned i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_LOAD &&
            base + info->dlpi_phdr[i].p_vaddr + info->dlpi_phdr[i].p_memsz > end)
            end = base + info->dlpi_phdr[i].p_vaddr + info->dlpi_phdr[i].p_memsz;
    return 1; /* the first is the program itself */
}

static unsigned long number(const char *name, int radix) {
    const char *text = getenv(name);
    return text == NULL ? 0 : strtoul(text, NULL, radix);
}

__attribute__((constructor)) static void begin(void) {
    const char *kind = getenv("FAULT_KIND"), *program = getenv("FAULT_PROGRAM"), *path = getenv("FAULT_LOG");
    if (kind == NULL || (program != NULL && strcmp(program, program_invocation_short_name) != 0))
        return;
    (void)dl_iterate_phdr(take_program, NULL);
    site = number("FAULT_SITE", 16);
    at = number("FAULT_AT", 10);
    while_path = getenv("FAULT_WHILE");
    if (path != NULL)
        log_file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    wanted = strcmp(kind, "memory") == 0 ? MEMORY : DESCRIPTOR;
}

static void note(uintptr_t place) {
    char line[32];
    int length = snprintf(line, sizeof line, "%lx\n", (unsigned long)place);
    if (log_file >= 0)
        (void)!write(log_file, line, (size_t)length);
}

/* What stands in the file: 0 without one. */
static unsigned long every_now(void) {
    char text[16] = "";
    int file = (int)syscall(SYS_openat, AT_FDCWD, while_path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return 0;
    (void)!read(file, text, sizeof text - 1);
    (void)close(file);
    return strtoul(text, NULL, 10);
}

/* Whether this call is to fail; says so in errno. */
static bool is_due(enum kind kind, uintptr_t caller) {
    if (kind != wanted || caller < base || caller >= end)
        return false;
    int error = errno;
    unsigned long every = while_path == NULL ? 0 : every_now();
    if (while_path == NULL)
        note(caller - base);
    errno = error;
    if (every == 0 && (while_path != NULL || caller - base != site))
        return false;
    unsigned long now = __atomic_add_fetch(&count, 1, __ATOMIC_RELAXED);
    if (every != 0 ? now % every != 0 : now != at)
        return false;
    if (while_path != NULL)
        note(caller - base);
    errno = kind == MEMORY ? ENOMEM : EMFILE;
    return true;
}

/* What comes next in the order of loading: the sanitizer's function, or the C library's. */
#define REAL(type, name) \
    static type *real; \
    if (real == NULL) \
    real = (type *)dlsym(RTLD_NEXT, name)

/* ---- memory ---- */

SHOWN void *malloc(size_t bytes) {
    REAL(__typeof__(void *(size_t)), "malloc");
    return is_due(MEMORY, CALLER) ? NULL : real(bytes);
}

SHOWN void *calloc(size_t many, size_t bytes) {
    REAL(__typeof__(void *(size_t, size_t)), "calloc");
    return is_due(MEMORY, CALLER) ? NULL : real(many, bytes);
}

SHOWN void *realloc(void *old, size_t bytes) {
    REAL(__typeof__(void *(void *, size_t)), "realloc");
    return is_due(MEMORY, CALLER) ? NULL : real(old, bytes);
}

SHOWN void *aligned_alloc(size_t alignment, size_t bytes) {
    REAL(__typeof__(void *(size_t, size_t)), "aligned_alloc");
    return is_due(MEMORY, CALLER) ? NULL : real(alignment, bytes);
}

SHOWN char *strdup(const char *text) {
    REAL(__typeof__(char *(const char *)), "strdup");
    return is_due(MEMORY, CALLER) ? NULL : real(text);
}

SHOWN char *strndup(const char *text, size_t bytes) {
    REAL(__typeof__(char *(const char *, size_t)), "strndup");
    return is_due(MEMORY, CALLER) ? NULL : real(text, bytes);
}

SHOWN int asprintf(char **text, const char *format, ...) {
    if (is_due(MEMORY, CALLER))
        return -1; /* and *text is undefined, as the manual says */
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(text, format, arguments);
    va_end(arguments);
    return length;
}

SHOWN FILE *open_memstream(char **text, size_t *bytes) {
    REAL(__typeof__(FILE * (char **, size_t *)), "open_memstream");
    return is_due(MEMORY, CALLER) ? NULL : real(text, bytes);
}

SHOWN void *mmap(void *address, size_t bytes, int protection, int flags, int file, off_t offset) {
    REAL(__typeof__(void *(void *, size_t, int, int, int, off_t)), "mmap");
    return is_due(MEMORY, CALLER) ? MAP_FAILED : real(address, bytes, protection, flags, file, offset);
}

/* ---- descriptors ---- */

SHOWN int open(const char *path, int flags, ...) {
    REAL(__typeof__(int(const char *, int, ...)), "open");
    va_list arguments;
    va_start(arguments, flags);
    unsigned mode = (flags & (O_CREAT | __O_TMPFILE)) != 0 ? va_arg(arguments, unsigned) : 0;
    va_end(arguments);
    return is_due(DESCRIPTOR, CALLER) ? -1 : real(path, flags, mode);
}

SHOWN int openat(int folder, const char *path, int flags, ...) {
    REAL(__typeof__(int(int, const char *, int, ...)), "openat");
    va_list arguments;
    va_start(arguments, flags);
    unsigned mode = (flags & (O_CREAT | __O_TMPFILE)) != 0 ? va_arg(arguments, unsigned) : 0;
    va_end(arguments);
    return is_due(DESCRIPTOR, CALLER) ? -1 : real(folder, path, flags, mode);
}

SHOWN int socket(int family, int type, int protocol) {
    REAL(__typeof__(int(int, int, int)), "socket");
    return is_due(DESCRIPTOR, CALLER) ? -1 : real(family, type, protocol);
}

SHOWN int socketpair(int family, int type, int protocol, int ends[2]) {
    REAL(__typeof__(int(int, int, int, int *)), "socketpair");
    return is_due(DESCRIPTOR, CALLER) ? -1 : real(family, type, protocol, ends);
}

SHOWN int accept4(int listener, struct sockaddr *address, socklen_t *bytes, int flags) {
    REAL(__typeof__(int(int, struct sockaddr *, socklen_t *, int)), "accept4");
    return is_due(DESCRIPTOR, CALLER) ? -1 : real(listener, address, bytes, flags);
}

SHOWN int pipe2(int ends[2], int flags) {
    REAL(__typeof__(int(int *, int)), "pipe2");
    return is_due(DESCRIPTOR, CALLER) ? -1 : real(ends, flags);
}

SHOWN int eventfd(unsigned value, int flags) {
    REAL(__typeof__(int(unsigned, int)), "eventfd");
    return is_due(DESCRIPTOR, CALLER) ? -1 : real(value, flags);
}

SHOWN int epoll_create1(int flags) {
    REAL(__typeof__(int(int)), "epoll_create1");
    return is_due(DESCRIPTOR, CALLER) ? -1 : real(flags);
}

SHOWN int memfd_create(const char *name, unsigned flags) {
    REAL(__typeof__(int(const char *, unsigned)), "memfd_create");
    return is_due(DESCRIPTOR, CALLER) ? -1 : real(name, flags);
}

SHOWN int dup(int descriptor) {
    REAL(__typeof__(int(int)), "dup");
    return is_due(DESCRIPTOR, CALLER) ? -1 : real(descriptor);
}

SHOWN int fcntl(int descriptor, int command, ...) {
    REAL(__typeof__(int(int, int, ...)), "fcntl");
    va_list arguments;
    va_start(arguments, command);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    bool is_new = command == F_DUPFD || command == F_DUPFD_CLOEXEC;
    return is_new && is_due(DESCRIPTOR, CALLER) ? -1 : real(descriptor, command, argument);
}
