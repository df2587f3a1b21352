/*
 * The unit tests of kernel/core and kernel/machine/bare, inside the kernel: the same sources as on the host, over what
 * they use of the C library and of cmocka. They run on the first processor, on a stack as large as they are used to.
 */
#include "kernel/machine/bare/test/cmocka.h"
#include "kernel/machine/bare/text/format.h"
#include "kernel/machine/x86_64/console/console.h"
#include "kernel/machine/x86_64/mm/memory.h"
#include "kernel/machine/x86_64/panic/panic.h"
#include "kernel/machine/x86_64/test/tests.h"

#include "unit_test_names.h" /* made by the build: UNIT_TESTS(X), with X(name) for each */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STACK_BYTES (UINT64_C(1) << 20)
#define SENTENCE_BYTES 200u
#define SLAB_ALIGNMENT 16u

_Noreturn void boot_switch_stack(uint64_t end, void (*function)(void));

/* Each test program's main under a name of its own. */
#define DECLARE(name) int unit_main_##name(void);
UNIT_TESTS(DECLARE)
#undef DECLARE

static const struct {
    const char *name;
    int (*run)(void);
} programs[] = {
#define ROW(name) {#name, unit_main_##name},
    UNIT_TESTS(ROW)
#undef ROW
};

static const char *current = "";

int unit_run(const struct CMUnitTest *tests, size_t count) {
    for (size_t i = 0; i < count; i++) {
        void *state = NULL;
        current = tests[i].name;
        tests[i].run(&state);
    }
    console_print("%lu passed\n", count);
    return 0;
}

void unit_fail(const char *file, int line, const char *format, ...) {
    char sentence[SENTENCE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    format_text(sentence, sizeof(sentence), format, arguments);
    va_end(arguments);
    console_print("failed in %s, %s:%d: %s\n", current, file, line, sentence);
    machine_exit(EXIT_FAILED);
}

static void run_all(void) {
    struct memory_usage before, after;
    memory_usage(&before);
    for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
        console_print("unit-test: %s: ", programs[i].name);
        (void)programs[i].run();
    }
    memory_usage(&after);
    bool is_even = memory_is_as_before(&before, &after);
    console_print("unit-test: memory is %s\n", is_even ? "as before" : "left over");
    machine_exit(is_even ? EXIT_PASSED : EXIT_FAILED);
}

void unit_tests_run(void) {
    boot_switch_stack(memory_make_stack(STACK_BYTES), run_all);
}

/* ---- the C library, as far as the tests use it ---- */

FILE *stderr;

int snprintf(char *buffer, size_t room, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    size_t length = format_text(buffer, room, format, arguments);
    va_end(arguments);
    return (int)length;
}

/* Without a C library clang does not know by itself that this is one. */
int fprintf(FILE *file, const char *format, ...) __attribute__((format(printf, 2, 3)));
int fprintf(FILE *file, const char *format, ...) {
    char sentence[SENTENCE_BYTES];
    va_list arguments;
    (void)file;
    va_start(arguments, format);
    size_t length = format_text(sentence, sizeof(sentence), format, arguments);
    va_end(arguments);
    console_print("%s", sentence);
    return (int)length;
}

void *malloc(size_t size) {
    return memory_take(size);
}

void *calloc(size_t count, size_t size) {
    return memory_take(count * size); /* the tests ask for nothing that would wrap around */
}

void *aligned_alloc(size_t alignment, size_t size) {
    return memory_take(alignment > SLAB_ALIGNMENT && size < PAGE_BYTES ? PAGE_BYTES : size);
}

void free(void *piece) {
    memory_give_back(piece);
}

void abort(void) {
    panic("a test gave up");
}
