/* Adding to the list of faults; the list itself is public (manifest.h). */
#ifndef GROVE_MANIFEST_ERRORS_H
#define GROVE_MANIFEST_ERRORS_H

#include "userspace/manifest/manifest.h"

void errors_add(struct manifest_errors *errors, const char *file, unsigned line, unsigned column, const char *field,
                const char *sentence, ...) __attribute__((format(printf, 6, 7)));

#endif
