/* A module for tests: others use what it exports. With the option `fail` its start fails. */
#include "kernel/machine/x86_64/module/exports.h"
#include "module_interface.h"

int greeter_count(void);
extern int greeter_calls;

int greeter_calls;
static const char text[] = "greeter";

int greeter_count(void) {
    return ++greeter_calls;
}

static int start(const char *options) {
    console_print("%s: started \"%s\"\n", text, options);
    return strcmp(options, "fail") == 0 ? -LINUX_EPERM : 0;
}

static void stop(void) {
    console_print("%s: stopped after %d calls\n", text, greeter_calls);
}

static const struct module_symbol exports[] = {{"greeter_count", (const void *)&greeter_count},
                                               {"greeter_calls", &greeter_calls}};

MODULE("greeter", start, stop, exports, 2);
