/* Run what the command line asks for: see tests.h. */
#include "kernel/machine/bare/boot/options.h"
#include "kernel/machine/x86_64/console/console.h"
#include "kernel/machine/x86_64/mm/memory.h"
#include "kernel/machine/x86_64/panic/panic.h"
#include "kernel/machine/x86_64/test/tests.h"
#include "kernel/machine/x86_64/thread/machine.h"

#include <stddef.h>

#define NAME_BYTES 32u

static const struct {
    const char *name;
    self_test *run;
} self_tests[] = {
    {"tables", self_test_tables},
    {"memory", self_test_memory},
    {"processors", self_test_processors},
    {"clock", self_test_clock},
};

/* One test; the memory in use is the same before and after it. */
static const char *run(self_test *test) {
    struct memory_usage before, after;
    threads_trim();
    memory_usage(&before);
    const char *fault = test();
    threads_trim();
    memory_usage(&after);
    if (fault == NULL && !memory_is_as_before(&before, &after))
        return "memory was left over";
    return fault;
}

static _Noreturn void run_self_tests(void) {
    unsigned failed = 0;
    for (size_t i = 0; i < sizeof(self_tests) / sizeof(self_tests[0]); i++) {
        const char *fault = run(self_tests[i].run);
        console_print("self-test: %s: %s\n", self_tests[i].name, fault != NULL ? fault : "passed");
        failed += fault != NULL;
    }
    machine_exit(failed > 0 ? EXIT_FAILED : EXIT_PASSED);
}

void tests_run(const char *command_line) {
    char name[NAME_BYTES];
    if (options_text(command_line, "try", name, sizeof(name)))
        trial_run(name);
    if (options_have(command_line, "self-test"))
        run_self_tests();
    if (options_have(command_line, "unit-test"))
        unit_tests_run();
}
