/* The first line of a script: what is found lies in the line and ends there. */
#include "kernel/services/posix/script.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *line, size_t size, const char *text) {
    if (text < line || text > line + size || strlen(text) > (size_t)(line + size - text))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *interpreter, *argument;
    if (size > SCRIPT_LINE_BYTES)
        size = SCRIPT_LINE_BYTES;
    char *line = malloc(size + 1);
    if (line == NULL)
        return 0;
    memcpy(line, data, size);
    line[size] = 'x'; /* nobody promises that it is zero */
    if (script_read(line, size, &interpreter, &argument)) {
        check(line, size, interpreter);
        if (argument != NULL)
            check(line, size, argument);
        if (interpreter[0] == 0)
            abort();
    }
    free(line);
    return 0;
}
