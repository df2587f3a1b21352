/*
 * Formatted text for a kernel without a C library: what the console, a panic and the self tests print.
 *
 * Understands %c %s %d %i %u %x %X %p %%, the lengths l, ll and z, a width (also *), the flags 0 and -, and a precision
 * for %s (also *). Anything else is printed as it stands, so that a mistake shows.
 */
#ifndef GROVE_BARE_FORMAT_H
#define GROVE_BARE_FORMAT_H

#include <stdarg.h>
#include <stddef.h>

/* Takes one piece of the text; pieces are not terminated. */
typedef void format_sink(void *context, const char *piece, size_t length_bytes);

void format_to(format_sink *sink, void *context, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));

/*
 * Into `room_bytes` bytes at `buffer`, always terminated unless room_bytes is 0. Returns the length of the whole text,
 * which is room_bytes or more when it was cut.
 */
size_t format_text(char *buffer, size_t room_bytes, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));
/* The same with its arguments at hand. */
size_t format_print(char *buffer, size_t room_bytes, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
