/*
 * What a command is doing, on standard error: one changing line on a terminal, otherwise only what is done.
 */
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "userspace/grove/command.h"

static bool line_is_shown;

static bool is_live(void) {
    return isatty(STDERR_FILENO);
}

void progress_end(const struct invocation *invocation) {
    (void)invocation;
    if (line_is_shown)
        fputs("\r\033[K", stderr);
    line_is_shown = false;
}

void progress_show(const struct invocation *invocation, const char *sentence, ...) {
    if (invocation->json || !is_live())
        return;
    progress_end(invocation);
    va_list arguments;
    va_start(arguments, sentence);
    vfprintf(stderr, sentence, arguments);
    va_end(arguments);
    fflush(stderr);
    line_is_shown = true;
}

static const char *error_colour(const struct invocation *invocation, enum output_colour colour) {
    static const char *const codes[] = {"", "\033[32m", "\033[33m", "\033[31m", "\033[2m", "\033[1m"};
    return invocation->colour_error ? codes[colour] : "";
}

void progress_done(const struct invocation *invocation, enum output_colour colour, const char *sentence, ...) {
    if (invocation->json)
        return;
    progress_end(invocation);
    va_list arguments;
    va_start(arguments, sentence);
    fputs(error_colour(invocation, colour), stderr);
    vfprintf(stderr, sentence, arguments);
    va_end(arguments);
    fputs(invocation->colour_error ? "\033[0m\n" : "\n", stderr);
}
