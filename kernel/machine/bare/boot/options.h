/*
 * The kernel's command line: words between spaces, each NAME or NAME=VALUE. The last word of a name counts.
 * What stands behind the word `--` is for the first program.
 */
#ifndef GROVE_BARE_OPTIONS_H
#define GROVE_BARE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether NAME stands there, alone or with a value. */
bool options_have(const char *line, const char *name);
/* Copy its value, terminated, into `value`. False, and nothing is changed, if there is none or it does not fit. */
bool options_text(const char *line, const char *name, char *value, size_t room_bytes);
/* Its value as a number, decimal or 0x with hexadecimal digits. False, and nothing is changed, if it is none. */
bool options_number(const char *line, const char *name, uint64_t *value);

/* What stands behind `--`, from its first word on; an empty text if there is none. */
const char *options_rest(const char *line);

#endif
