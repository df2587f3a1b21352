/*
 * Collecting faults, so that one run of the compiler reports several.
 */
#include "userspace/manifest/errors.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static char *copy_or_null(const char *text) {
    return strdup(text ? text : "");
}

void errors_add(struct manifest_errors *errors, const char *file, unsigned line, unsigned column, const char *field,
                const char *sentence, ...) {
    if (errors->count == MANIFEST_ERRORS_MAX) {
        errors->dropped++;
        return;
    }
    struct manifest_error *error = &errors->list[errors->count++];
    char *text = NULL;
    va_list arguments;
    va_start(arguments, sentence);
    if (vasprintf(&text, sentence, arguments) < 0)
        text = NULL;
    va_end(arguments);
    *error = (struct manifest_error){copy_or_null(file), line, column, copy_or_null(field), text};
}

/* Text from the file may stand in the sentence; it must not reach a terminal as control characters. */
static void print_safely(const char *text, FILE *stream) {
    for (; text && *text; text++)
        fputc((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text, stream);
}

void manifest_errors_print(const struct manifest_errors *errors, FILE *stream) {
    for (unsigned i = 0; i < errors->count; i++) {
        const struct manifest_error *error = &errors->list[i];
        print_safely(error->file, stream);
        if (error->line)
            fprintf(stream, ":%u", error->line);
        fputs(": ", stream);
        if (error->field && *error->field) {
            print_safely(error->field, stream);
            fputs(": ", stream);
        }
        print_safely(error->sentence ? error->sentence : "memory is exhausted", stream);
        fputc('\n', stream);
    }
    if (errors->dropped)
        fprintf(stream, "... and %u more\n", errors->dropped);
}

void manifest_errors_deinit(struct manifest_errors *errors) {
    for (unsigned i = 0; i < errors->count; i++) {
        free(errors->list[i].file);
        free(errors->list[i].field);
        free(errors->list[i].sentence);
    }
    *errors = (struct manifest_errors){0};
}
