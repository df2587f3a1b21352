/* The first line of a script: see script.h. */
#include "kernel/services/posix/script.h"

static bool is_blank(char character) {
    return character == ' ' || character == '\t';
}

/* The line's end, without the blanks before it. */
static size_t end_of(const char *line, size_t end) {
    while (end > 2 && is_blank(line[end - 1]))
        end--;
    return end;
}

bool script_read(char *line, size_t size, const char **interpreter, const char **argument) {
    size_t end = 0, at = 2;
    if (size < 2 || line[0] != '#' || line[1] != '!')
        return false;
    while (end < size && line[end] != '\n' && line[end] != 0)
        end++;
    bool is_whole = end < size || size < SCRIPT_LINE_BYTES;
    size_t trimmed = end_of(line, end);
    while (at < trimmed && is_blank(line[at]))
        at++;
    size_t name = at;
    while (at < trimmed && !is_blank(line[at]))
        at++;
    if (at == name || (at == end && !is_whole))
        return false; /* it may go on where we do not see it */
    *interpreter = line + name;
    *argument = NULL;
    size_t name_end = at;
    while (at < trimmed && is_blank(line[at]))
        at++;
    line[trimmed] = 0;
    line[name_end] = 0;
    if (at < trimmed)
        *argument = line + at;
    return true;
}
