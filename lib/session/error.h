/*
 * The calling thread's last error: one sentence that a person understands, kept until the thread's next failure.
 */
#ifndef GROVE_SESSION_ERROR_H
#define GROVE_SESSION_ERROR_H

#include "grove/abi/port.h"

/* Remember a sentence and return `status`, for `return error_set(GROVE_INVALID, "...")`. Cut at 1023 bytes. */
int error_set(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The sentence of a refusal: who, what was asked, which capability is missing, and the line that would grant it. */
int error_set_refused(const char *what, const struct grove_refused *refused);

#endif
