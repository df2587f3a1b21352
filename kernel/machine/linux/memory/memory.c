/*
 * Memory that containers share, as Linux memory files (memfd), and what the kernel does to it.
 *
 * Law 3 rests on three seals. F_SEAL_SHRINK and F_SEAL_GROW are set at creation, so that a mapping never loses its pages
 * under a reader (no SIGBUS) and never gains any. F_SEAL_FUTURE_WRITE is set by machine_memory_seal: from then on write(2)
 * and every new writable mapping fail, whoever tries and through whichever descriptor or /proc link, while the mapping
 * that the owner already has stays. F_SEAL_SEAL makes it final.
 *
 * The kernel itself must still set the closed bit of a dead owner's segment, so it maps the first page when it makes the
 * object (control_page.c), and not when it seals it: then there would be nobody left to tell that no memory is left, since
 * the owner has gone on and sends already. One page of address space, and none of memory until it is used.
 *
 * Contents are hostile: cloning copies bytes and reads no meaning into them. A crash of the kernel leaves nothing: a
 * memory file ends with its last descriptor and mapping.
 */
#include "kernel/machine/linux/memory/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Newer than the headers this is built with; older kernels answer EINVAL. */
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

#define PAGE_BYTES GROVE_SEGMENT_PAGE

int memory_status(int error) {
    switch (error) {
    case EMFILE:
    case ENFILE:
        return GROVE_NO_DESCRIPTORS;
    case ENOMEM:
    case ENOSPC:
        return GROVE_NO_MEMORY;
    case EFBIG:
    case EOVERFLOW:
        return GROVE_TOO_LARGE;
    default:
        return GROVE_IO;
    }
}

static int create_unsized(const char *name) {
    unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
    int descriptor = memfd_create(name, flags | MFD_NOEXEC_SEAL);
    return descriptor < 0 && errno == EINVAL ? memfd_create(name, flags) : descriptor;
}

int memory_descriptor(const char *name, uint64_t size_bytes, int *descriptor) {
    if (size_bytes > INT64_MAX)
        return GROVE_TOO_LARGE;
    int made = create_unsized(name);
    if (made < 0)
        return memory_status(errno);
    if (ftruncate(made, (off_t)size_bytes) < 0 || fcntl(made, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) < 0) {
        int status = memory_status(errno);
        close(made);
        return status;
    }
    *descriptor = made;
    return 0;
}

static int keep_first_page(int descriptor) {
    void *page = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    if (page == MAP_FAILED)
        return memory_status(errno);
    int status = control_keep(descriptor, page);
    if (status < 0)
        munmap(page, PAGE_BYTES);
    return status;
}

int machine_memory_create(uint64_t size_bytes, machine_container charge, machine_object *memory) {
    (void)charge; /* Linux charges each page to the cgroup of whoever touches it first, which is the owner. */
    machine_object made;
    int status = memory_descriptor("grove", size_bytes, &made);
    if (status < 0)
        return status;
    status = keep_first_page(made);
    if (status < 0) {
        close(made);
        return status;
    }
    *memory = made;
    return 0;
}

/* Copy one run of data; `source` is the mapping of the whole object, whose size is sealed. */
static int copy_run(const char *source, int target, off_t from, off_t to) {
    while (from < to) {
        ssize_t copied = pwrite(target, source + from, (size_t)(to - from), from);
        if (copied < 0 && errno == EINTR)
            continue;
        if (copied <= 0)
            return copied < 0 ? memory_status(errno) : GROVE_IO;
        from += copied;
    }
    return 0;
}

static int copy_data(int from, const char *source, int target, off_t size) {
    off_t position = 0;
    while (position < size) {
        off_t start = lseek(from, position, SEEK_DATA);
        if (start < 0)
            return errno == ENXIO ? 0 : GROVE_IO; /* ENXIO: nothing but holes from here on */
        off_t end = lseek(from, start, SEEK_HOLE);
        if (end < 0)
            return GROVE_IO;
        if (start >= size)
            return 0;
        position = end < size ? end : size;
        int status = copy_run(source, target, start, position);
        if (status < 0)
            return status;
    }
    return 0;
}

static int clone_into(int from, uint64_t size_bytes, int target) {
    struct stat about;
    if (fstat(from, &about) < 0)
        return GROVE_IO;
    uint64_t bytes = (uint64_t)about.st_size < size_bytes ? (uint64_t)about.st_size : size_bytes;
    if (bytes == 0)
        return 0;
    void *source = mmap(NULL, bytes, PROT_READ, MAP_SHARED, from, 0);
    if (source == MAP_FAILED)
        return memory_status(errno);
    int status = copy_data(from, source, target, (off_t)bytes);
    munmap(source, bytes);
    return status;
}

int machine_memory_clone(machine_object from, uint64_t size_bytes, machine_container charge, machine_object *memory) {
    machine_object made;
    int status = machine_memory_create(size_bytes, charge, &made);
    if (status < 0)
        return status;
    status = clone_into(from, size_bytes, made);
    if (status < 0) {
        machine_object_close(made);
        return status;
    }
    *memory = made;
    return 0;
}

int machine_memory_seal(machine_object memory) {
    return fcntl(memory, F_ADD_SEALS, F_SEAL_FUTURE_WRITE | F_SEAL_SEAL) < 0 ? GROVE_IO : 0;
}

void memory_wake(uint32_t *word) {
    (void)syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

/* Pairs with the acquiring load of a peer that looks at the word before it sleeps on it. */
static void set_bits(uint32_t *word, uint32_t bits) {
    __atomic_fetch_or(word, bits, __ATOMIC_SEQ_CST);
}

static void add(uint32_t *word, uint32_t amount) {
    __atomic_fetch_add(word, amount, __ATOMIC_SEQ_CST);
}

/* Change a word of the first page and wake whoever sleeps on it. */
static void change_word(machine_object memory, uint64_t offset_bytes, void change(uint32_t *, uint32_t),
                        uint32_t argument) {
    if (offset_bytes > PAGE_BYTES - sizeof(uint32_t) || offset_bytes % sizeof(uint32_t) != 0)
        return;
    char *page = control_find(memory);
    if (page == NULL)
        return;
    uint32_t *word = (uint32_t *)(void *)(page + offset_bytes);
    change(word, argument);
    memory_wake(word);
}

void machine_memory_signal(machine_object memory, uint64_t offset_bytes, uint32_t bits) {
    change_word(memory, offset_bytes, set_bits, bits);
}

void machine_memory_count(machine_object memory, uint64_t offset_bytes) {
    change_word(memory, offset_bytes, add, 1);
}

/*
 * A spec is read once and then believed, so it must not change meanwhile: it has to be a memory file sealed against
 * writing and against changing its size. Copying twice and comparing would prove less and cost more.
 */
int machine_blob_read(machine_object blob, void *buffer, uint64_t size_bytes) {
    const int needed = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW;
    int seals = fcntl(blob, F_GET_SEALS);
    struct stat about;
    if (seals < 0 || (seals & needed) != needed || fstat(blob, &about) < 0 || (uint64_t)about.st_size < size_bytes)
        return GROVE_INVALID;
    uint64_t done = 0;
    while (done < size_bytes) {
        ssize_t got = pread(blob, (char *)buffer + done, size_bytes - done, (off_t)done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return GROVE_INVALID;
        done += (uint64_t)got;
    }
    return 0;
}

void machine_object_close(machine_object object) {
    if (object < 0)
        return;
    control_drop(object);
    close(object);
}
