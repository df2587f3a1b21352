/* A module for tests: as one that was built against other headers. */
#include "kernel/machine/x86_64/module/exports.h"

#define MODULE_INTERFACE UINT64_C(0x1234)

static int start(const char *options) {
    (void)options;
    return 0;
}

MODULE("foreign", start, NULL, NULL, 0);
