/* The first line of a script: execve(2), "Interpreter scripts". */
#ifndef GROVE_POSIX_SCRIPT_H
#define GROVE_POSIX_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>

#define SCRIPT_LINE_BYTES 256u /* what counts of a file's beginning */

/*
 * `line` is the beginning of a file, `size_bytes` of it (at most SCRIPT_LINE_BYTES) and one byte of room behind; it is cut
 * into texts. False: it is no script, or its interpreter's name is missing or does not fit. *argument is NULL if there is
 * none: all behind the name is one.
 */
bool script_read(char *line, size_t size_bytes, const char **interpreter, const char **argument);

#endif
