/*
 * How an instance ended, in words.
 */
#ifndef SERVERS_EXIT_TEXT_H
#define SERVERS_EXIT_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "grove/abi/port.h"

/* "exited with status 3", "was killed by signal 11 (segmentation fault)"; cut to fit. Returns `text`. */
const char *exit_text(uint32_t cause, int32_t detail, uint32_t layer, char *text, size_t text_bytes);
/* Did it end as a program that has done its work? */
bool exit_is_clean(uint32_t cause, int32_t detail);
/* "seccomp"; "unknown" for a number that is no layer. */
const char *layer_text(uint32_t layer);

#endif
