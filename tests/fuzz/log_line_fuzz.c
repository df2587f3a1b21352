/*
 * Structured lines: any bytes are read without harm, reading goes forward, and what grove_log writes is read back as it was.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <unistd.h>

#include "grove/grove.h"
#include "userspace/grove/commands/log_line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Standard error is a pipe while a line is written, and no longer: libFuzzer speaks there, too. */
static int reader = -1, writer = -1;

static int log_into_pipe(const char *text) {
    int before = dup(STDERR_FILENO);
    if (before < 0 || dup2(writer, STDERR_FILENO) < 0)
        abort();
    int status = GROVE_LOG(GROVE_LOG_INFO, text, grove_log_text("key", text));
    if (dup2(before, STDERR_FILENO) < 0)
        abort();
    (void)close(before);
    return status;
}

static void check_any(const char *text) {
    char key[16], value[32];
    int level = log_line_level(text);
    if (level < -1 || level > GROVE_LOG_ERROR)
        abort();
    for (const char *at = text, *before = text; log_line_next(&at, key, sizeof key, value, sizeof value); before = at)
        if (at <= before || at > text + strlen(text) || strlen(key) >= sizeof key || strlen(value) >= sizeof value)
            abort();
}

static void check_back(const char *text) {
    static char line[GROVE_LOG_LINE_MAX + 1], value[GROVE_LOG_LINE_MAX + 1];
    char key[16];
    if (reader < 0) {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) < 0)
            abort();
        reader = ends[0];
        writer = ends[1];
    }
    if (log_into_pipe(text) < 0)
        abort();
    ssize_t bytes = read(reader, line, sizeof line - 1);
    if (bytes <= 0 || line[bytes - 1] != '\n' || memchr(line, '\n', (size_t)bytes - 1) != NULL)
        abort();
    line[bytes - 1] = '\0';
    const char *at = line;
    if (log_line_level(line) != GROVE_LOG_INFO || !log_line_next(&at, key, sizeof key, value, sizeof value) ||
        !log_line_next(&at, key, sizeof key, value, sizeof value) || strcmp(key, "message") != 0 ||
        strcmp(value, text) != 0)
        abort();
    if (!log_line_next(&at, key, sizeof key, value, sizeof value) || strcmp(key, "key") != 0 ||
        strcmp(value, text) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char text[400]; /* written twice, four characters a byte at most, it still fits a line */
    if (size >= sizeof text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    check_any(text);
    check_back(text);
    return 0;
}
