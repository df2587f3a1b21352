/*
 * The calling thread's last error: one sentence that a person understands, kept until the thread's next failure.
 */
#ifndef GROVE_SESSION_ERROR_H
#define GROVE_SESSION_ERROR_H

#include "grove/abi/port.h"

/*
 * Remember a sentence and return `status`, for `return error_set(GROVE_INVALID, "...")`. Cut at 1023 bytes. It is a macro, so that
 * compilers and the static analysis see in the caller which status comes back: after a failure no result is used.
 */
#define error_set(status, ...) error_after((status), error_keep(__VA_ARGS__))
/* The two halves of error_set; error_keep returns the length of the whole sentence. */
int error_keep(const char *format, ...) __attribute__((format(printf, 1, 2)));
static inline int error_after(int status, int length_bytes) {
    (void)length_bytes;
    return status;
}
/* The sentence of a refusal: who, what was asked, which capability is missing, and the line that would grant it. */
int error_set_refused(const char *what, const struct grove_refused *refused);

#endif
