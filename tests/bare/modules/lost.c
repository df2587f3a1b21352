/* A module for tests: it wants a symbol that nobody has. */
#include "kernel/machine/x86_64/module/exports.h"
#include "module_interface.h"

int nobody_has_this(void);

static int start(const char *options) {
    (void)options;
    return nobody_has_this();
}

MODULE("lost", start, NULL, NULL, 0);
