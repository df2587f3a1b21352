/* Unit tests of modules: real objects of the compiler, signed here, loaded into memory near this program, refused and taken out. */
#include "kernel/machine/bare/module/module.h"

#include "kernel/core/test/unit.h"
#include "kernel/machine/bare/module/ed25519.h"
#include "kernel/machine/bare/module/object.h"
#include "kernel/machine/bare/thread/thread.h"
#include "kernel/services/vfs/errors.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define FILE_MAX 65536u
#define PAGE 4096u

struct file {
    uint8_t bytes[FILE_MAX];
    size_t object_bytes, size;
};

static struct file sample, user;
static uint8_t key[32], secret[64];
static char noted[256];
static uint64_t takes_left, held, mapped;

void thread_sleep_firmly(struct wait_queue *queue, struct spinlock *lock) {
    (void)queue;
    (void)lock;
    fail_msg("nobody has the lock");
}

/* ---- the machine ---- */

void sample_note(const char *text, int number);
void sample_note(const char *text, int number) {
    size_t length = strlen(noted);
    snprintf(noted + length, sizeof(noted) - length, "%s %d;", text, number);
}

static void *take(size_t size) {
    if (takes_left == 0)
        return NULL;
    takes_left--;
    held++;
    return calloc(1, size);
}

static void give_back(void *memory, size_t size) {
    (void)size;
    held--;
    free(memory);
}

static size_t whole_pages(uint64_t bytes) {
    return (bytes + PAGE - 1) & ~(size_t)(PAGE - 1);
}

static int map(struct module_memory *memory) {
    for (uint32_t part = 0; part < OBJECT_PARTS; part++) {
        if (memory->part_bytes[part] == 0)
            continue;
        if (takes_left == 0)
            return -LINUX_ENOMEM;
        takes_left--;
        memory->bytes[part] = mmap(NULL, whole_pages(memory->part_bytes[part]), PROT_READ | PROT_WRITE,
                                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
        assert_ptr_not_equal(memory->bytes[part], MAP_FAILED);
        memory->addresses[part] = (uint64_t)(uintptr_t)memory->bytes[part];
        mapped++;
    }
    return 0;
}

static void seal(struct module_memory *memory) {
    (void)mprotect(memory->bytes[OBJECT_TEXT], whole_pages(memory->part_bytes[OBJECT_TEXT]), PROT_READ | PROT_EXEC);
    if (memory->part_bytes[OBJECT_CONSTANTS] > 0)
        (void)mprotect(memory->bytes[OBJECT_CONSTANTS], whole_pages(memory->part_bytes[OBJECT_CONSTANTS]), PROT_READ);
}

static void unmap(struct module_memory *memory) {
    for (uint32_t part = 0; part < OBJECT_PARTS; part++)
        if (memory->bytes[part] != NULL) {
            munmap(memory->bytes[part], whole_pages(memory->part_bytes[part]));
            mapped--;
        }
}

static void print(const char *text) {
    (void)text;
}

static const struct module_symbol exports[] = {{"sample_note", (const void *)&sample_note}};
static struct module_machine machine = {.take = take,
                                        .give_back = give_back,
                                        .map = map,
                                        .seal = seal,
                                        .unmap = unmap,
                                        .exports = exports,
                                        .export_count = 1,
                                        .interface = 42,
                                        .key = key,
                                        .print = print};

/* ---- files ---- */

static void sign(struct file *file) {
    static const uint8_t trailer[MODULE_TRAILER_BYTES] = "grovemod\1";
    crypto_sign_detached(file->bytes + file->object_bytes, NULL, file->bytes, file->object_bytes, secret);
    memcpy(file->bytes + file->object_bytes + 64, trailer, sizeof(trailer));
    file->size = file->object_bytes + 64 + sizeof(trailer);
}

static void read_file(const char *name, struct file *file) {
    char path[512];
    snprintf(path, sizeof(path), "%s/%s.o", MODULE_OBJECTS, name); /* the build's folder */
    FILE *from = fopen(path, "rb");
    assert_non_null(from);
    file->object_bytes = fread(file->bytes, 1, sizeof(file->bytes) - 100, from);
    fclose(from);
    sign(file);
}

static int begin(void **state) {
    (void)state;
    noted[0] = 0;
    takes_left = UINT64_MAX;
    machine.interface = 42;
    modules_begin(&machine);
    read_file("sample", &sample);
    read_file("user", &user);
    return 0;
}

static int end(void **state) {
    (void)state;
    return modules_count() == 0 && held == 0 && mapped == 0 ? 0 : -1;
}

static int load(const struct file *file, char *sentence) {
    return module_load(file->bytes, file->size, "", sentence);
}

/* ---- tests ---- */

static void it_is_loaded_used_and_taken_out(void **state) {
    static struct module_fact fact;
    (void)state;
    for (int turn = 0; turn < 3; turn++) {
        noted[0] = 0;
        assert_int_equal(load(&sample, NULL), 0);
        assert_string_equal(noted, "started 1;");
        assert_true(module_tell(0, &fact));
        assert_string_equal(fact.name, "sample");
        assert_int_equal(fact.uses, 0);
        assert_false(module_tell(1, &fact));
        assert_int_equal(load(&sample, NULL), -LINUX_EEXIST);
        assert_int_equal(module_unload("sample"), 0);
        assert_string_equal(noted, "started 1;stopped 1;");
        assert_int_equal(module_unload("sample"), -LINUX_ENOENT);
    }
}

static void what_others_use_stays(void **state) {
    static struct module_fact fact;
    char sentence[MODULE_SENTENCE_BYTES];
    (void)state;
    assert_int_equal(load(&user, sentence), -LINUX_ENOENT);
    assert_string_equal(sentence, "module user: it needs the module sample, which is not loaded\n");
    assert_int_equal(load(&sample, NULL), 0);
    assert_int_equal(load(&user, NULL), 0);
    assert_string_equal(noted, "started 1;twice 43;");
    assert_true(module_tell(0, &fact));
    assert_int_equal(fact.user_count, 1);
    assert_string_equal(fact.users[0], "user");
    assert_int_equal(module_unload("sample"), -LINUX_EAGAIN);
    struct module *held_module = module_hold("user");
    assert_non_null(held_module);
    assert_int_equal(module_unload("user"), -LINUX_EAGAIN);
    module_let_go(held_module);
    assert_int_equal(module_unload("user"), 0);
    assert_int_equal(module_unload("sample"), 0);
    assert_null(module_hold("user"));
}

static void functions_have_names(void **state) {
    static struct module_fact fact;
    const char *module = NULL;
    uint64_t offset = 0;
    bool is_found = false;
    (void)state;
    assert_int_equal(load(&sample, NULL), 0);
    assert_true(module_tell(0, &fact));
    for (uint64_t at = fact.address; at < fact.address + 256; at++) {
        const char *name = module_find_function(at, &offset, &module);
        if (name != NULL && strcmp(name, "sample_twice") == 0)
            is_found |= offset > 0;
    }
    assert_true(is_found);
    assert_string_equal(module, "sample");
    assert_null(module_find_function(16, &offset, &module));
    assert_int_equal(module_unload("sample"), 0);
}

static void a_start_that_fails_leaves_nothing(void **state) {
    (void)state;
    assert_int_equal(module_load(sample.bytes, sample.size, "fail", NULL), -5);
    assert_int_equal(modules_count(), 0);
}

static void only_what_is_signed_is_looked_at(void **state) {
    (void)state;
    for (size_t at = 0; at < sample.object_bytes + 64; at += 101) {
        sample.bytes[at] ^= 4;
        assert_int_equal(load(&sample, NULL), -LINUX_EKEYREJECTED);
        sample.bytes[at] ^= 4;
    }
    for (size_t size = 0; size < sample.size; size += 53)
        assert_int_equal(module_load(sample.bytes, size, "", NULL), -LINUX_ENOKEY);
    sample.bytes[sample.size - 8] = 2; /* of another version */
    assert_int_equal(load(&sample, NULL), -LINUX_ENOKEY);
    sign(&sample);
    key[3] ^= 1; /* of another build */
    assert_int_equal(load(&sample, NULL), -LINUX_EKEYREJECTED);
    key[3] ^= 1;
    assert_int_equal(load(&sample, NULL), 0);
    assert_int_equal(module_unload("sample"), 0);
}

static void other_headers_and_missing_symbols_are_named(void **state) {
    char sentence[MODULE_SENTENCE_BYTES];
    (void)state;
    machine.interface = 43;
    assert_int_equal(load(&sample, sentence), -LINUX_ENOEXEC);
    assert_string_equal(sentence, "module sample: it was built against another kernel's headers\n");
    machine.interface = 42;
    machine.export_count = 0;
    assert_int_equal(load(&sample, sentence), -LINUX_ENOENT);
    assert_string_equal(sentence, "module sample: nobody has the symbol sample_note\n");
    machine.export_count = 1;
}

/* Signed by us, and no object: all lengths. */
static void objects_that_are_cut_off(void **state) {
    struct file cut = sample;
    (void)state;
    for (size_t size = 0; size < sample.object_bytes; size += 37) {
        cut.object_bytes = size;
        memcpy(cut.bytes, sample.bytes, size);
        sign(&cut);
        assert_true(load(&cut, NULL) < 0);
    }
}

static bool resolve(void *context, const char *name, uint64_t *address) {
    (void)context;
    *address = 0x1000;
    return strlen(name) < 1000;
}

/* Bytes changed by chance: whatever it says, it is read within its bounds and written within its memory. Nothing of it is run. */
static void objects_that_lie(void **state) {
    static struct object object;
    uint32_t seed = 1;
    uint32_t good = 0;
    (void)state;
    for (uint32_t turn = 0; turn < 4000; turn++) {
        uint8_t *copy = malloc(sample.object_bytes);
        memcpy(copy, sample.bytes, sample.object_bytes);
        for (uint32_t i = turn % 5; i > 0; i--) {
            seed = seed * 1664525u + 1013904223u;
            uint32_t at = (seed >> 8) % (uint32_t)sample.object_bytes;
            seed = seed * 1664525u + 1013904223u;
            if (turn % 2 == 0) /* half of them where the sections stand */
                at = (uint32_t)sample.object_bytes - 1 - at % 1300;
            copy[at] = (uint8_t)(seed >> 8);
        }
        struct object_memory memory = {.addresses = {0x10000, 0x20000, 0x30000}};
        if (object_open(&object, copy, sample.object_bytes) == 0) {
            for (uint32_t part = 0; part < OBJECT_PARTS; part++)
                memory.bytes[part] = calloc(1, object.part_bytes[part] + (object.part_bytes[part] == 0));
            good += object_place(&object, &memory, resolve, NULL) == 0;
            uint64_t offset;
            (void)object_find_function(&object, &memory, 0x10004, &offset);
            for (uint32_t part = 0; part < OBJECT_PARTS; part++)
                free(memory.bytes[part]);
        }
        free(copy);
    }
    assert_true(good > 500 && good < 4000);
}

static void memory_runs_out(void **state) {
    int status = -1;
    (void)state;
    for (uint64_t takes = 0; status != 0; takes++) {
        takes_left = takes;
        status = load(&sample, NULL);
        assert_true(status == 0 || status == -LINUX_ENOMEM);
        assert_true(status == 0 || (held == 0 && mapped == 0));
    }
    takes_left = UINT64_MAX;
    assert_int_equal(module_unload("sample"), 0);
}

int main(void) {
    uint8_t seed[32] = {9};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_is_loaded_used_and_taken_out, begin, end),
        cmocka_unit_test_setup_teardown(what_others_use_stays, begin, end),
        cmocka_unit_test_setup_teardown(functions_have_names, begin, end),
        cmocka_unit_test_setup_teardown(a_start_that_fails_leaves_nothing, begin, end),
        cmocka_unit_test_setup_teardown(only_what_is_signed_is_looked_at, begin, end),
        cmocka_unit_test_setup_teardown(other_headers_and_missing_symbols_are_named, begin, end),
        cmocka_unit_test_setup_teardown(objects_that_are_cut_off, begin, end),
        cmocka_unit_test_setup_teardown(objects_that_lie, begin, end),
        cmocka_unit_test_setup_teardown(memory_runs_out, begin, end),
    };
    if (sodium_init() < 0)
        return 1;
    crypto_sign_seed_keypair(key, secret, seed);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
