/* Run what the command line asks for: see tests.h. */
#include "kernel/machine/bare/boot/options.h"
#include "kernel/machine/x86_64/console/console.h"
#include "kernel/machine/x86_64/hold/trace.h"
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
    {"tables", self_test_tables},         {"memory", self_test_memory},
    {"processors", self_test_processors}, {"clock", self_test_clock},
    {"switching", self_test_switching},   {"sleeping", self_test_sleeping},
    {"preemption", self_test_preemption}, {"lateness", self_test_lateness},
    {"storm", self_test_storm},           {"interrupting", self_test_interrupting},
    {"random", self_test_random},         {"disk", self_test_disk},
};

/* One test; the memory in use is the same before and after it. */
static const char *run(self_test *test) {
    struct memory_usage before, after;
    threads_trim();
    uint32_t count = __atomic_load_n(&threads_count, __ATOMIC_RELAXED);
    memory_usage(&before);
    const char *fault = test();
    threads_wait(count);
    threads_trim();
    memory_usage(&after);
    if (fault == NULL && !memory_is_as_before(&before, &after))
        return "memory was left over";
    return fault;
}

static _Noreturn void run_self_tests(void) {
    unsigned failed = 0;
    hold_trace_reset();
    for (size_t i = 0; i < sizeof(self_tests) / sizeof(self_tests[0]); i++) {
        const char *fault = run(self_tests[i].run);
        console_print("self-test: %s: %s\n", self_tests[i].name, fault != NULL ? fault : "passed");
        failed += fault != NULL;
    }
    console_print("self-test: ");
    hold_trace_print();
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
    if (options_have(command_line, "echo"))
        echo_run();
    freeze_loop_start(command_line);
    late_panic_start(command_line);
}

void tests_end(void) {
    freeze_loop_end();
}
