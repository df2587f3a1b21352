/* Formatted text: see format.h. One directive at a time; numbers are made from their end in a small buffer. */
#include "kernel/machine/bare/text/format.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define NUMBER_BYTES 24u
#define UNLIMITED SIZE_MAX

struct directive {
    bool is_left, is_zero;
    size_t width;
    size_t precision; /* UNLIMITED when none was given */
    unsigned longs; /* how many l; z counts as two */
    char kind;
};

struct output {
    format_sink *sink;
    void *context;
};

static void put(const struct output *output, const char *text, size_t length) {
    if (length > 0)
        output->sink(output->context, text, length);
}

static void fill(const struct output *output, char filler, size_t length, size_t width) {
    while (width > length) {
        put(output, &filler, 1);
        width--;
    }
}

static void put_padded(const struct output *output, const struct directive *directive, const char *text,
                       size_t length) {
    if (!directive->is_left)
        fill(output, ' ', length, directive->width);
    put(output, text, length);
    if (directive->is_left)
        fill(output, ' ', length, directive->width);
}

/* `sign` is "-", "0x" or "": zeros go between it and the digits, spaces before it. */
static void put_number(const struct output *output, const struct directive *directive, const char *sign, uint64_t value,
                       unsigned base) {
    const char *digits = directive->kind == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
    char buffer[NUMBER_BYTES];
    size_t at = sizeof(buffer);
    do {
        buffer[--at] = digits[value % base];
        value /= base;
    } while (value != 0);
    size_t length = strlen(sign) + sizeof(buffer) - at;
    bool is_zero = directive->is_zero && !directive->is_left;
    if (!directive->is_left && !is_zero)
        fill(output, ' ', length, directive->width);
    put(output, sign, strlen(sign));
    if (is_zero)
        fill(output, '0', length, directive->width);
    put(output, buffer + at, sizeof(buffer) - at);
    if (directive->is_left)
        fill(output, ' ', length, directive->width);
}

static size_t read_decimal(const char **format) {
    size_t value = 0;
    while (**format >= '0' && **format <= '9')
        value = value * 10 + (size_t)(*(*format)++ - '0');
    return value;
}

/* A number or `*`, whose value is an argument; a negative one counts as none. */
static size_t read_size(const char **format, va_list *arguments) {
    if (**format != '*')
        return read_decimal(format);
    (*format)++;
    int value = va_arg(*arguments, int);
    return value > 0 ? (size_t)value : 0;
}

/* What stands between % and its letter, and the letter. */
static struct directive read_directive(const char **format, va_list *arguments) {
    struct directive directive = {.precision = UNLIMITED};
    for (; **format == '-' || **format == '0'; (*format)++) {
        directive.is_left |= **format == '-';
        directive.is_zero |= **format == '0';
    }
    directive.width = read_size(format, arguments);
    if (**format == '.') {
        (*format)++;
        directive.precision = read_size(format, arguments);
    }
    for (; **format == 'l' || **format == 'z'; (*format)++)
        directive.longs += **format == 'z' ? 2 : 1;
    directive.kind = **format;
    if (directive.kind != 0)
        (*format)++;
    return directive;
}

static void put_signed(const struct output *output, const struct directive *directive, va_list *arguments) {
    int64_t value = directive->longs > 0 ? va_arg(*arguments, int64_t) : va_arg(*arguments, int);
    put_number(output, directive, value < 0 ? "-" : "", value < 0 ? 0 - (uint64_t)value : (uint64_t)value, 10);
}

static void put_unsigned(const struct output *output, const struct directive *directive, va_list *arguments) {
    uint64_t value = directive->longs > 0 ? va_arg(*arguments, uint64_t) : va_arg(*arguments, unsigned);
    put_number(output, directive, "", value, directive->kind == 'u' ? 10 : 16);
}

static void put_text(const struct output *output, const struct directive *directive, const char *text) {
    size_t length = 0;
    if (text == NULL)
        text = "(null)";
    while (length < directive->precision && text[length] != 0)
        length++;
    put_padded(output, directive, text, length);
}

static void put_directive(const struct output *output, const struct directive *directive, va_list *arguments) {
    char character;
    switch (directive->kind) {
    case 'c':
        character = (char)va_arg(*arguments, int);
        put_padded(output, directive, &character, 1);
        break;
    case 's':
        put_text(output, directive, va_arg(*arguments, const char *));
        break;
    case 'd':
    case 'i':
        put_signed(output, directive, arguments);
        break;
    case 'u':
    case 'x':
    case 'X':
        put_unsigned(output, directive, arguments);
        break;
    case 'p':
        put_number(output, directive, "0x", (uint64_t)(uintptr_t)va_arg(*arguments, void *), 16);
        break;
    default:
        put(output, "%", 1);
        put(output, &directive->kind, directive->kind != 0 && directive->kind != '%' ? 1 : 0);
        break;
    }
}

void format_to(format_sink *sink, void *context, const char *format, va_list arguments) {
    struct output output = {.sink = sink, .context = context};
    va_list rest;
    va_copy(rest, arguments);
    while (*format != 0) {
        size_t plain = 0;
        while (format[plain] != 0 && format[plain] != '%')
            plain++;
        put(&output, format, plain);
        format += plain;
        if (*format == '%') {
            format++;
            struct directive directive = read_directive(&format, &rest);
            put_directive(&output, &directive, &rest);
        }
    }
    va_end(rest);
}

struct buffer {
    char *bytes;
    size_t room, length;
};

static void put_in_buffer(void *context, const char *piece, size_t length) {
    struct buffer *buffer = context;
    for (size_t i = 0; i < length; i++, buffer->length++)
        if (buffer->length + 1 < buffer->room)
            buffer->bytes[buffer->length] = piece[i];
}

size_t format_text(char *text, size_t room, const char *format, va_list arguments) {
    struct buffer buffer = {.bytes = text, .room = room};
    format_to(put_in_buffer, &buffer, format, arguments);
    if (room > 0)
        text[buffer.length < room ? buffer.length : room - 1] = 0;
    return buffer.length;
}

size_t format_print(char *buffer, size_t room_bytes, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    size_t length = format_text(buffer, room_bytes, format, arguments);
    va_end(arguments);
    return length;
}
