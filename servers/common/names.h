/*
 * Names that come from outside, and patterns over them.
 */
#ifndef SERVERS_NAMES_H
#define SERVERS_NAMES_H

#include <stdbool.h>

#include "grove/abi/port.h"

/* Is the field terminated, and a name of tokens of [A-Za-z0-9_-] between single dots? An empty one is not. */
bool service_name_is_valid(const struct grove_name *name);
/* Copy a text into a field, cut to fit and zero-filled. */
void name_set(struct grove_name *name, const char *text);
/* Shell-like: "*" is any run of characters, "?" any one. Takes time proportional to pattern x text at most. */
bool name_matches(const char *pattern, const char *text);
/* Copy of a text into a fixed field of a message, cut to fit and zero-filled. */
void text_set(char *field, unsigned field_bytes, const char *text);
/* Is the field terminated? */
bool text_is_terminated(const char *field, unsigned field_bytes);

#endif
