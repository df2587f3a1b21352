/*
 * The folder of boot specs, RUN/boot: one binary spec, NAME.spec, for each system service. `grove up` writes it before the
 * kernel starts, and nothing changes it while the kernel runs.
 */
#ifndef SERVERS_BOOT_SPECS_H
#define SERVERS_BOOT_SPECS_H

#include <stdbool.h>

#include "grove/abi/spec.h"

/*
 * A checked spec, malloc'ed, which is the handler's from then on. NULL: `problem` says, as a constant, why the file is none.
 * Returns whether to go on.
 */
typedef bool boot_spec_handler(const char *file, struct grove_spec *spec, const char *problem, void *context);
/* Every file of the folder that is named as a spec, in no order. GROVE_NOT_FOUND: the folder cannot be read. */
int boot_specs_each(const char *path, boot_spec_handler *handler, void *context);
/* The spec of the service with this full name, malloc'ed. GROVE_NOT_FOUND. */
int boot_spec_find(const char *path, const char *service, struct grove_spec **spec);

#endif
