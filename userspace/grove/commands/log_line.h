/*
 * Lines as grove_log writes them: level=info message="it is so" key=value. Pure text, no allocation; any bytes may come.
 */
#ifndef GROVE_LOG_LINE_H
#define GROVE_LOG_LINE_H

#include <stdbool.h>
#include <stddef.h>

/* Of a line, as enum grove_log_level; -1: it states none, and is not such a line. */
int log_line_level(const char *text);
/* The level with this name; -1: there is none. */
int log_level_of(const char *name);
const char *log_level_name(int level);
/*
 * The next key and value at *at, which moves on; the value without quotes and escapes, cut to fit. False at the end, and at
 * whatever is no such word.
 */
bool log_line_next(const char **at, char *key, size_t key_bytes, char *value, size_t value_bytes);

#endif
