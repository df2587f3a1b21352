/*
 * Structured lines of log: a message, a level, and fields that programs can look for. Included by grove.h.
 */
#ifndef GROVE_LOG_H
#define GROVE_LOG_H

#include "grove/grove.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 *     GROVE_LOG(GROVE_LOG_WARNING, "the disk is nearly full", grove_log_unsigned("used", 93), grove_log_text("path", path));
 *
 * writes one line to standard error, level=warning message="the disk is nearly full" used=93 path=/var, which `grove logs`
 * filters by level and gives as fields with --json. It never waits: a line that finds no room, because nobody empties the
 * pipe, is lost and counted, and the count is written ahead of the next line. A line has at most GROVE_LOG_LINE_MAX bytes;
 * what does not fit is left out, and cut=1 says so. Keys are letters, digits, "_", "-" and "."; a field with another key is
 * left out. Any thread may call it, with or without a session.
 */
#define GROVE_LOG_LINE_MAX 4096u

enum grove_log_level { GROVE_LOG_DEBUG = 0, GROVE_LOG_INFO = 1, GROVE_LOG_WARNING = 2, GROVE_LOG_ERROR = 3 };
enum grove_log_kind { GROVE_LOG_TEXT = 1, GROVE_LOG_SIGNED = 2, GROVE_LOG_UNSIGNED = 3, GROVE_LOG_REAL = 4 };
struct grove_log_field {
    const char *key;
    enum grove_log_kind kind;
    union {
        const char *text; /* NULL is written as an empty one */
        int64_t number;
        uint64_t count;
        double real;
    } value;
};
/* 0, or GROVE_AGAIN: the line was lost. */
GROVE_PUBLIC int grove_log(enum grove_log_level level, const char *message, const struct grove_log_field *fields,
                           size_t count);
/* Lines lost and not told yet. */
GROVE_PUBLIC uint64_t grove_log_lost(void);

static inline struct grove_log_field grove_log_text(const char *key, const char *text) {
    struct grove_log_field field;
    field.key = key;
    field.kind = GROVE_LOG_TEXT;
    field.value.text = text;
    return field;
}
static inline struct grove_log_field grove_log_signed(const char *key, int64_t number) {
    struct grove_log_field field;
    field.key = key;
    field.kind = GROVE_LOG_SIGNED;
    field.value.number = number;
    return field;
}
static inline struct grove_log_field grove_log_unsigned(const char *key, uint64_t count) {
    struct grove_log_field field;
    field.key = key;
    field.kind = GROVE_LOG_UNSIGNED;
    field.value.count = count;
    return field;
}
static inline struct grove_log_field grove_log_real(const char *key, double real) {
    struct grove_log_field field;
    field.key = key;
    field.kind = GROVE_LOG_REAL;
    field.value.real = real;
    return field;
}
/* With one field or more; without any, grove_log(level, message, NULL, 0). Its value is that of grove_log. */
#ifdef __cplusplus
#define GROVE_LOG(level, message, ...) \
    ([&] { \
        const struct grove_log_field grove_log_fields[] = {__VA_ARGS__}; \
        return grove_log((level), (message), grove_log_fields, sizeof grove_log_fields / sizeof grove_log_fields[0]); \
    }())
#else
#define GROVE_LOG(level, message, ...) \
    grove_log((level), (message), (const struct grove_log_field[]){__VA_ARGS__}, \
              sizeof((const struct grove_log_field[]){__VA_ARGS__}) / sizeof(struct grove_log_field))
#endif

#ifdef __cplusplus
}
#endif

#endif
