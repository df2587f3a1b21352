/* Memory objects: one writer after the seal, signals to sealed memory, clones, blobs, doorbells, accounts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernel/machine/linux/memory/memory.h"
#include "tests/descriptors.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE ((size_t)4096)
#define SIZE (16 * PAGE)

static int count_before(void **state) {
    *state = (void *)(intptr_t)descriptors_open();
    return 0;
}

static int count_after(void **state) {
    assert_int_equal(descriptors_open(), (int)(intptr_t)*state);
    return 0;
}

static char *map(int descriptor, int protection) {
    return mmap(NULL, SIZE, protection, MAP_SHARED, descriptor, 0);
}

static void size_is_fixed(void **state) {
    (void)state;
    machine_object memory;
    assert_int_equal(machine_memory_create(SIZE, 0, &memory), 0);
    assert_int_equal(ftruncate(memory, 0), -1);
    assert_int_equal(ftruncate(memory, SIZE * 2), -1);
    machine_object_close(memory);
}

static void sealed_memory_has_one_writer(void **state) {
    (void)state;
    machine_object memory;
    char path[64];
    assert_int_equal(machine_memory_create(SIZE, 0, &memory), 0);
    char *owner = map(memory, PROT_READ | PROT_WRITE);
    assert_int_equal(machine_memory_seal(memory), 0);
    owner[PAGE] = 'x'; /* the mapping it has stays writable */
    assert_ptr_equal(map(memory, PROT_READ | PROT_WRITE), MAP_FAILED);
    assert_int_equal(pwrite(memory, "y", 1, 0), -1);
    snprintf(path, sizeof path, "/proc/self/fd/%d", memory);
    int again = open(path, O_RDWR | O_CLOEXEC);
    if (again >= 0) {
        assert_ptr_equal(map(again, PROT_READ | PROT_WRITE), MAP_FAILED);
        close(again);
    }
    char *reader = map(memory, PROT_READ);
    assert_int_equal(reader[PAGE], 'x');
    assert_int_equal(mprotect(reader, SIZE, PROT_READ | PROT_WRITE), -1);
    munmap(owner, SIZE);
    munmap(reader, SIZE);
    machine_object_close(memory);
}

static uint32_t word_at(int memory, unsigned index) {
    const uint32_t *words = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, memory, 0);
    uint32_t value = words[index];
    munmap((void *)(uintptr_t)words, PAGE);
    return value;
}

static void signal_works_before_and_after_the_seal(void **state) {
    (void)state;
    machine_object memory;
    assert_int_equal(machine_memory_create(SIZE, 0, &memory), 0);
    machine_memory_signal(memory, 8, 1);
    assert_int_equal(word_at(memory, 2), 1);
    assert_int_equal(machine_memory_seal(memory), 0);
    machine_memory_signal(memory, 8, GROVE_SIGNAL_CLOSED);
    assert_int_equal(word_at(memory, 2), GROVE_SIGNAL_CLOSED | 1);
    machine_memory_signal(memory, 4094, 1); /* outside: ignored */
    machine_memory_signal(memory, 3, 1);
    machine_memory_count(memory, 12);
    machine_memory_count(memory, 12);
    assert_int_equal(word_at(memory, 3), 2);
    machine_memory_count(memory, 4096);
    machine_object_close(memory);
}

static void clone_has_the_contents_and_only_the_pages_in_use(void **state) {
    (void)state;
    machine_object memory, copy;
    struct stat about;
    assert_int_equal(machine_memory_create(SIZE, 0, &memory), 0);
    char *owner = map(memory, PROT_READ | PROT_WRITE);
    memcpy(owner, "first", sizeof "first");
    memcpy(owner + 9 * PAGE, "tenth", sizeof "tenth");
    assert_int_equal(machine_memory_seal(memory), 0);
    assert_int_equal(machine_memory_clone(memory, SIZE, 0, &copy), 0);
    assert_int_equal(fstat(copy, &about), 0);
    assert_int_equal(about.st_size, SIZE);
    assert_true(about.st_blocks * 512 <= (blkcnt_t)(2 * PAGE));
    char *next = map(copy, PROT_READ | PROT_WRITE);
    assert_ptr_not_equal(next, MAP_FAILED);
    assert_memory_equal(next, owner, SIZE);
    munmap(owner, SIZE);
    munmap(next, SIZE);
    machine_object_close(copy);
    /* Larger and smaller than the source. */
    assert_int_equal(machine_memory_clone(memory, SIZE * 2, 0, &copy), 0);
    machine_object_close(copy);
    assert_int_equal(machine_memory_clone(memory, PAGE, 0, &copy), 0);
    machine_object_close(copy);
    machine_object_close(memory);
}

static void blob_must_not_be_able_to_change(void **state) {
    (void)state;
    char buffer[16];
    int blob = memfd_create("blob", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_int_equal(write(blob, "0123456789abcdef", 16), 16);
    assert_int_equal(machine_blob_read(blob, buffer, 16), GROVE_INVALID);
    assert_int_equal(fcntl(blob, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
    assert_int_equal(machine_blob_read(blob, buffer, 16), GROVE_INVALID);
    assert_int_equal(fcntl(blob, F_ADD_SEALS, F_SEAL_WRITE), 0);
    assert_int_equal(machine_blob_read(blob, buffer, 16), 0);
    assert_memory_equal(buffer, "0123456789abcdef", 16);
    assert_int_equal(machine_blob_read(blob, buffer, 17), GROVE_INVALID);
    close(blob);
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(machine_blob_read(ends[0], buffer, 1), GROVE_INVALID);
    close(ends[0]);
    close(ends[1]);
}

static void kernel_page_is_written_by_the_kernel_only(void **state) {
    (void)state;
    machine_object memory;
    struct grove_kernel_page *page;
    assert_int_equal(machine_kernel_page_create(&memory, &page), 0);
    page->notices = 7;
    machine_kernel_page_wake(page);
    assert_ptr_equal(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0), MAP_FAILED);
    const struct grove_kernel_page *seen = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, memory, 0);
    assert_int_equal(seen->notices, 7);
    munmap((void *)(uintptr_t)seen, PAGE);
    machine_kernel_page_destroy(memory, page);
}

static void bell_never_blocks(void **state) {
    (void)state;
    machine_object ends[2];
    char byte = 0;
    assert_int_equal(machine_bell_create(ends), 0);
    while (send(ends[0], &byte, 1, 0) == 1)
        continue;
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(recv(ends[1], &byte, 1, 0), 1);
    machine_object_close(ends[0]);
    machine_object_close(ends[1]);
}

static void no_descriptor_left_is_said(void **state) {
    (void)state;
    struct rlimit before, none;
    machine_object memory, copy, ends[2];
    struct grove_kernel_page *page;
    assert_int_equal(machine_memory_create(PAGE, 0, &memory), 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    int made = machine_memory_create(PAGE, 0, &copy);
    int cloned = machine_memory_clone(memory, PAGE, 0, &copy);
    int paged = machine_kernel_page_create(&copy, &page);
    int rung = machine_bell_create(ends);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(made, GROVE_NO_DESCRIPTORS);
    assert_int_equal(cloned, GROVE_NO_DESCRIPTORS);
    assert_int_equal(paged, GROVE_NO_DESCRIPTORS);
    assert_int_equal(rung, GROVE_NO_DESCRIPTORS);
    machine_object_close(memory);
}

static void impossible_size_is_refused(void **state) {
    (void)state;
    machine_object memory = -7;
    assert_int_equal(machine_memory_create(UINT64_MAX, 0, &memory), GROVE_TOO_LARGE);
    assert_int_equal(memory, -7);
}

/* Whoever made it has gone on by then, and nobody could be told. */
static void sealing_and_signalling_need_no_memory(void **state) {
    (void)state;
    machine_object memory;
    struct rlimit limit, none;
    uint32_t seen = 0;
    assert_int_equal(machine_memory_create((uint64_t)4 * GROVE_SEGMENT_PAGE, 0, &memory), 0);
    assert_int_equal(getrlimit(RLIMIT_AS, &limit), 0);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = limit.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_AS, &none), 0);
    machine_memory_signal(memory, 64, 1);
    int status = machine_memory_seal(memory);
    machine_memory_signal(memory, 64, 2);
    assert_int_equal(setrlimit(RLIMIT_AS, &limit), 0);
    assert_int_equal(status, 0);
    assert_int_equal(pread(memory, &seen, sizeof seen, 64), sizeof seen);
    assert_int_equal(seen, 3);
    machine_object_close(memory);
}

int main(void) {
#define COUNTED(test) cmocka_unit_test_setup_teardown(test, count_before, count_after)
    const struct CMUnitTest tests[] = {
        COUNTED(size_is_fixed),
        COUNTED(sealed_memory_has_one_writer),
        COUNTED(signal_works_before_and_after_the_seal),
        COUNTED(sealing_and_signalling_need_no_memory),
        COUNTED(clone_has_the_contents_and_only_the_pages_in_use),
        COUNTED(blob_must_not_be_able_to_change),
        COUNTED(kernel_page_is_written_by_the_kernel_only),
        COUNTED(bell_never_blocks),
        COUNTED(no_descriptor_left_is_said),
        COUNTED(impossible_size_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
