/*
 * What a program of grove run was refused, kept after it and its kernel are gone, for grove why.
 *
 * STATE/runs/NAME holds audit records as the kernel wrote them (docs/formats.md), those of the latest program of that
 * name. A program that was refused nothing leaves no file, and only the latest files stay. Where the state folder cannot
 * be written nothing is kept: the refusals were printed.
 */
#ifndef GROVE_RUN_RECORD_H
#define GROVE_RUN_RECORD_H

#include <stddef.h>

#include "grove/abi/audit.h"

#define RUN_RECORDS_MAX 256u
#define RUN_RECORD_FILES_MAX 64u

/* The name is one of a service: it holds no slash. */
void run_record_write(const char *state_folder, const char *name, const struct grove_audit_record *records,
                      unsigned count);
/* Up to RUN_RECORDS_MAX records; returns how many, 0 if nothing is known. Damaged ones are passed over. */
unsigned run_record_read(const char *state_folder, const char *name, struct grove_audit_record *records);

#endif
