/*
 * Errors as people read them: names and sentences of status codes, and the last error of each thread.
 *
 * A function of the library that fails leaves a sentence here that says what failed and how to mend it; a program prints
 * it with grove_report. A refusal names who was refused, which capability was missing and the manifest line that grants
 * it (law 9). Nothing here allocates, so that running out of memory can be reported as well.
 */
#include "lib/session/error.h"

#include "grove/grove.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ERROR_BYTES_MAX 1024u

static _Thread_local char last_error[ERROR_BYTES_MAX];

static const struct {
    int status;
    const char *name, *text;
} statuses[] = {
#define STATUS_ROW(label, number, sentence) {(number), #label, (sentence)},
    GROVE_STATUS_TABLE(STATUS_ROW)
#undef STATUS_ROW
};

const char *grove_status_text(int status) {
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
        if (statuses[i].status == status)
            return statuses[i].text;
    return "unknown status";
}

const char *grove_status_name(int status) {
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
        if (statuses[i].status == status)
            return statuses[i].name + strlen("GROVE_");
    return "UNKNOWN";
}

int error_keep(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int length_bytes = vsnprintf(last_error, sizeof last_error, format, arguments);
    va_end(arguments);
    return length_bytes;
}

int error_set_refused(const char *what, const struct grove_refused *refused) {
    char text[GROVE_ARGUMENT_TEXT_MAX + 32];
    grove_capability_format(&refused->missing, text, sizeof text);
    return error_set(GROVE_DENIED,
                     "%.63s may not %s: it lacks the capability %s; add `- %s` to `capabilities:` of the manifest, or "
                     "`--allow %s`",
                     refused->who.text, what, text, text, text);
}

const char *grove_last_error(void) {
    return last_error[0] != '\0' ? last_error : "no call of this thread has failed";
}

int grove_report(const char *program) {
    fprintf(stderr, "%s: %s\n", program, grove_last_error());
    return 1;
}

struct grove_version grove_library_version(void) {
    return (struct grove_version){.major = GROVE_VERSION_MAJOR, .minor = GROVE_VERSION_MINOR};
}
