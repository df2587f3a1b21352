/* execve: what is found and refused, what lies in the new memory, what changes, and what does not when it fails. */
#include "kernel/services/posix/execute.h"

#include "kernel/services/posix/test/memory.h"
#include "kernel/services/posix/test/program_file.h"
#include "kernel/services/posix/test/world.h"

#include <string.h>

#define ENTRY 0x400100u

static void put_all(void) {
    uint8_t bytes[0x400];
    program_file_put("fixed", bytes, program_file_make(bytes, 2, 0x400000, NULL), 0755);
    program_file_put("movable", bytes, program_file_make(bytes, 3, 0, NULL), 0755);
    program_file_put("dynamic", bytes, program_file_make(bytes, 3, 0, "/movable"), 0755);
    program_file_put("lost", bytes, program_file_make(bytes, 3, 0, "/none"), 0755);
    program_file_put("plain", bytes, program_file_make(bytes, 2, 0x400000, NULL), 0644);
    program_file_put("script", "#!/fixed one word\n", 18, 0755);
    program_file_put("outer", "#! script\n", 10, 0755);
    program_file_put("circle", "#!/circle\n", 10, 0755);
    program_file_put("text", "hello\n", 6, 0755);
}

static const uint64_t lists = POSIX_DATA + 0x1000;

/* Arguments "a" and "b", environment "E=1". */
static int64_t execute(const char *path) {
    const uint64_t addresses[] = {POSIX_DATA, POSIX_DATA + 2, 0, POSIX_DATA + 4, 0};
    assert_true(process_write(POSIX_DATA, "a\0b\0E=1", 8));
    assert_true(process_write(POSIX_DATA + 64, path, strlen(path) + 1));
    assert_true(process_write(lists, addresses, sizeof(addresses)));
    return posix_do(system_call_execve, POSIX_DATA + 64, lists, lists + 24, 0);
}

static uint64_t word_at(uint64_t address) {
    uint64_t word = 0;
    assert_true(process_read(&word, address, sizeof(word)));
    return word;
}

static void assert_text(uint64_t address, const char *text) {
    char seen[32];
    assert_true(process_read_text(seen, address, sizeof(seen)) >= 0);
    assert_string_equal(seen, text);
}

static void arguments_lie_on_the_stack(void **state) {
    (void)state;
    posix_begin();
    put_all();
    assert_int_equal(execute("/fixed"), 0);
    const struct thread_registers *registers = &posix_world.current->registers;
    uint64_t stack = registers->stack;
    assert_int_equal(registers->entry, ENTRY);
    assert_int_equal(stack % 16, 0);
    assert_int_equal(word_at(stack), 2);
    assert_text(word_at(stack + 8), "a");
    assert_text(word_at(stack + 16), "b");
    assert_int_equal(word_at(stack + 24), 0);
    assert_text(word_at(stack + 32), "E=1");
    assert_int_equal(word_at(stack + 40), 0);
    bool has_path = false, has_entry = false;
    for (uint64_t at = stack + 48; word_at(at) != 0; at += 16) {
        if (word_at(at) == 31) {
            assert_text(word_at(at + 8), "/fixed");
            has_path = true;
        }
        has_entry = has_entry || (word_at(at) == 9 && word_at(at + 8) == ENTRY);
    }
    assert_true(has_path && has_entry);
    assert_string_equal(process_current()->name, "fixed");
    uint8_t byte = 1;
    assert_true(process_read(&byte, 0x400300, 1));
    assert_int_equal(byte, 0x90);
    assert_true(process_read(&byte, 0x402300, 1));
    assert_int_equal(byte, 0);
    assert_false(process_read(&byte, POSIX_DATA, 1)); /* of the old memory */
    posix_end();
}

static void an_interpreter_runs_first(void **state) {
    (void)state;
    posix_begin();
    put_all();
    assert_int_equal(execute("/dynamic"), 0);
    uint64_t base = 0, entry = 0, stack = posix_world.current->registers.stack;
    for (uint64_t at = stack + 48; word_at(at) != 0; at += 16) {
        base = word_at(at) == 7 ? word_at(at + 8) : base;
        entry = word_at(at) == 9 ? word_at(at + 8) : entry;
    }
    assert_int_equal(posix_world.current->registers.entry, base + 0x100);
    assert_true(base != 0 && entry > 0x100 && entry != base + 0x100);
    posix_end();
}

static void scripts_name_their_interpreters(void **state) {
    (void)state;
    posix_begin();
    put_all();
    assert_int_equal(execute("outer"), 0);
    uint64_t stack = posix_world.current->registers.stack;
    assert_int_equal(word_at(stack), 5);
    assert_text(word_at(stack + 8), "/fixed");
    assert_text(word_at(stack + 16), "one word");
    assert_text(word_at(stack + 24), "script");
    assert_text(word_at(stack + 32), "outer");
    assert_text(word_at(stack + 40), "b");
    posix_end();
}

static void what_cannot_be_executed_changes_nothing(void **state) {
    static const struct {
        const char *path;
        int64_t error;
    } cases[] = {{"/none", -LINUX_ENOENT},    {"/", -LINUX_EACCES},      {"/plain", -LINUX_EACCES},
                 {"/text", -LINUX_ENOEXEC},   {"/circle", -LINUX_ELOOP}, {"/lost", -LINUX_ENOENT},
                 {"/fixed/x", -LINUX_ENOTDIR}};
    (void)state;
    posix_begin();
    put_all();
    const struct process_memory *memory = process_current()->memory;
    for (size_t i = 0; i < ITEMS(cases); i++)
        assert_int_equal(execute(cases[i].path), cases[i].error);
    assert_ptr_equal(process_current()->memory, memory);
    assert_int_equal(posix_do(system_call_execve, POSIX_DATA + 64, 16, 0, 0), -LINUX_EFAULT);
    posix_end();
}

static void memory_runs_out(void **state) {
    (void)state;
    for (uint64_t requests = 0;; requests++) {
        posix_begin();
        put_all();
        posix_world.files.requests_left = requests;
        int64_t status = execute("/script");
        posix_world.files.requests_left = UINT64_MAX;
        assert_true(status == 0 || status == -LINUX_ENOMEM);
        posix_end();
        if (status == 0)
            return;
    }
}

static void handlers_and_marked_descriptors_go(void **state) {
    uint32_t kept, closed;
    bool mark;
    (void)state;
    posix_begin();
    put_all();
    posix_handle(LINUX_SIGUSR1, 0x1000, 0);
    posix_handle(LINUX_SIGUSR2, SIGNAL_IGNORE, 0);
    struct descriptors *table = &process_current()->descriptors;
    struct open_file *file = world_open(&posix_world.files, "text", 0);
    file_ref(file);
    assert_int_equal(descriptors_add(table, file, 0, false, &kept), 0);
    assert_int_equal(descriptors_add(table, file, 0, true, &closed), 0);
    assert_int_equal(execute("/fixed"), 0);
    assert_int_equal(process_current()->actions[LINUX_SIGUSR1 - 1].handler, SIGNAL_DEFAULT);
    assert_int_equal(process_current()->actions[LINUX_SIGUSR2 - 1].handler, SIGNAL_IGNORE);
    assert_int_equal(descriptors_read_mark(table, kept, &mark), 0);
    assert_int_equal(descriptors_read_mark(table, closed, &mark), -LINUX_EBADF);
    posix_end();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arguments_lie_on_the_stack),
        cmocka_unit_test(an_interpreter_runs_first),
        cmocka_unit_test(scripts_name_their_interpreters),
        cmocka_unit_test(what_cannot_be_executed_changes_nothing),
        cmocka_unit_test(memory_runs_out),
        cmocka_unit_test(handlers_and_marked_descriptors_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
