/*
 * What commands ask of their invocation: options as values, and errors in one form.
 */
#include "userspace/grove/command.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "userspace/grove/help.h"
#include "userspace/manifest/manifest.h"

const char *command_next(const struct invocation *invocation, const char *option, unsigned *cursor) {
    while (*cursor < invocation->given_count) {
        const struct command_given *given = &invocation->given[(*cursor)++];
        if (!strcmp(given->option->name, option))
            return given->value ? given->value : "";
    }
    return NULL;
}

const char *command_value(const struct invocation *invocation, const char *option) {
    unsigned cursor = 0;
    const char *last = NULL, *value;
    while ((value = command_next(invocation, option, &cursor)))
        last = value;
    return last;
}

const char *command_optional_layers(const struct invocation *invocation) {
    const char *given = command_value(invocation, "optional");
    return given != NULL ? given : getenv("GROVE_OPTIONAL_LAYERS");
}

bool command_has(const struct invocation *invocation, const char *option) {
    return command_value(invocation, option) != NULL;
}

int command_number(const struct invocation *invocation, const char *option, uint64_t minimum, uint64_t maximum,
                   uint64_t absent, uint64_t *value) {
    const char *text = command_value(invocation, option);
    uint64_t number = absent;
    if (text && (value_number(text, &number) < 0 || number < minimum || number > maximum))
        return command_misused(invocation, "--%s is a whole number from %llu to %llu, not \"%s\"", option,
                               (unsigned long long)minimum, (unsigned long long)maximum, text);
    *value = number;
    return 0;
}

typedef int value_reader(const char *text, uint64_t *value);

static int read_value(const struct invocation *invocation, const char *option, value_reader *reader, const char *right,
                      uint64_t absent, uint64_t *value) {
    const char *text = command_value(invocation, option);
    uint64_t number = absent;
    if (text && reader(text, &number) < 0)
        return command_misused(invocation, "--%s is %s, not \"%s\"", option, right, text);
    *value = number;
    return 0;
}

int command_duration(const struct invocation *invocation, const char *option, uint64_t absent_ns, uint64_t *value_ns) {
    return read_value(invocation, option, value_duration, "a time like 250ms, 5s or 2m", absent_ns, value_ns);
}

int command_size(const struct invocation *invocation, const char *option, uint64_t absent, uint64_t *bytes) {
    return read_value(invocation, option, value_size, "a size like 512K, 64M or 2G", absent, bytes);
}

int command_share(const struct invocation *invocation, const char *option, uint64_t absent, uint64_t *ppm) {
    return read_value(invocation, option, value_share, "a share of one processor like 50% or 200%", absent, ppm);
}

/* The program's name and the command's, as far as it is known. */
static const char *origin(const struct invocation *invocation, char *text, size_t size_bytes) {
    snprintf(text, size_bytes, invocation->command ? "grove %s" : "grove%s",
             invocation->command ? invocation->command->name : "");
    return text;
}

static void print_error(const struct invocation *invocation, const char *sentence) {
    char name[64];
    if (invocation->json) {
        json_t *error = json_pack("{s:s, s:s}", "command", origin(invocation, name, sizeof(name)), "error", sentence);
        if (error) {
            json_dumpf(error, stderr, 0);
            fputc('\n', stderr);
            json_decref(error);
            return;
        }
    }
    progress_end(invocation);
    fprintf(stderr, "%s%s:%s %s\n", invocation->colour_error ? "\033[31m" : "", origin(invocation, name, sizeof(name)),
            invocation->colour_error ? "\033[0m" : "", sentence);
}

__attribute__((format(printf, 2, 0))) static void
print_formatted(const struct invocation *invocation, const char *sentence, va_list arguments, const char *cause) {
    char *text = NULL, *whole = NULL;
    if (vasprintf(&text, sentence, arguments) < 0)
        text = NULL;
    if (text && cause && asprintf(&whole, "%s: %s", text, cause) < 0)
        whole = NULL;
    print_error(invocation, whole ? whole : text ? text : "memory is exhausted");
    free(text);
    free(whole);
}

int command_fail(const struct invocation *invocation, const char *sentence, ...) {
    va_list arguments;
    va_start(arguments, sentence);
    print_formatted(invocation, sentence, arguments, NULL);
    va_end(arguments);
    return COMMAND_FAILED;
}

int command_misused(const struct invocation *invocation, const char *sentence, ...) {
    va_list arguments;
    va_start(arguments, sentence);
    print_formatted(invocation, sentence, arguments, NULL);
    va_end(arguments);
    if (invocation->command && !invocation->json)
        help_usage(invocation->command, stderr);
    return COMMAND_MISUSED;
}

/* What the library said last, or, where that is so, what explains it better; malloc'ed. */
static char *kernel_cause(const char *cause) {
    char *copy = strdup(cause); /* asking the kernel may change what the library said last */
    if (!command_kernel_has_ended())
        return copy;
    free(copy);
    return strdup("the kernel has ended meanwhile; \"grove up\" starts it again");
}

int command_fail_library(const struct invocation *invocation, const char *sentence, ...) {
    char *cause = kernel_cause(grove_last_error());
    va_list arguments;
    va_start(arguments, sentence);
    print_formatted(invocation, sentence, arguments, cause);
    va_end(arguments);
    free(cause);
    return COMMAND_FAILED;
}

int command_fail_kernel(const struct invocation *invocation) {
    char *cause = kernel_cause(grove_last_error());
    command_fail(invocation, "%s", cause ? cause : "memory is exhausted");
    free(cause);
    return COMMAND_FAILED;
}

void command_remark(const struct invocation *invocation, const char *sentence, ...) {
    if (invocation->json)
        return;
    progress_end(invocation);
    va_list arguments;
    va_start(arguments, sentence);
    vfprintf(stderr, sentence, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}
