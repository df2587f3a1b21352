/*
 * Structured lines on standard error.
 *
 * A line is "level=warning message="the disk is nearly full" used=93 path=/var": words of key=value, a value in double quotes
 * where it is empty or holds a space, a quote, a backslash, an equals sign or a control character; inside quotes \" \\ \n \r
 * \t and \xHH. So a line stays one line, whatever a value holds. What does not fit GROVE_LOG_LINE_MAX bytes is cut, at the
 * end of a word, and "cut=1" says so.
 *
 * It never waits: standard error is a pipe that the log service empties, and a service must not stand still when that one
 * does. The pipe is asked for room first; with room for any it takes a whole line of at most PIPE_BUF bytes at once. A line
 * that finds none is lost and counted, and the count goes ahead of the next line. Any thread may call this: the count is
 * atomic, and a line is one write.
 */
#include "grove/grove.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

_Static_assert(GROVE_LOG_LINE_MAX <= PIPE_BUF, "a line goes into a pipe in one piece");

/* Room kept for what says that a line was cut. */
#define CUT_TEXT " cut=1"
#define NUMBER_BYTES 32u

static uint64_t lost_lines; /* atomic: not written yet, and not told */

static const char *const level_names[] = {"debug", "info", "warning", "error"};

/* ---- one line ---- */

struct line {
    char text[GROVE_LOG_LINE_MAX];
    size_t length; /* never more than GROVE_LOG_LINE_MAX - sizeof CUT_TEXT, until it is ended */
    bool is_cut;
};

static bool put(struct line *line, const char *text, size_t length) {
    if (length > sizeof line->text - sizeof CUT_TEXT - line->length)
        return false;
    memcpy(line->text + line->length, text, length);
    line->length += length;
    return true;
}

static bool needs_quotes(const char *value) {
    if (value[0] == '\0')
        return true;
    for (; *value != '\0'; value++)
        if ((unsigned char)*value <= ' ' || *value == '"' || *value == '\\' || *value == '=' || *value == 0x7f)
            return true;
    return false;
}

/* How a byte is written inside quotes; at most 4 characters. */
static size_t escape(unsigned char byte, char *text) {
    static const char plain[] = "\"\\\n\r\t", letters[] = "\"\\nrt";
    const char *found = byte != 0 ? strchr(plain, byte) : NULL;
    if (found != NULL) {
        text[0] = '\\';
        text[1] = letters[found - plain];
        return 2;
    }
    if (byte >= ' ' && byte != 0x7f) {
        text[0] = (char)byte;
        return 1;
    }
    static const char digits[] = "0123456789abcdef";
    text[0] = '\\';
    text[1] = 'x';
    text[2] = digits[byte >> 4];
    text[3] = digits[byte & 15u];
    return 4;
}

static bool put_value(struct line *line, const char *value) {
    if (!needs_quotes(value))
        return put(line, value, strlen(value));
    if (!put(line, "\"", 1))
        return false;
    for (; *value != '\0'; value++) {
        char text[4] = {0};
        if (!put(line, text, escape((unsigned char)*value, text)))
            return false;
    }
    return put(line, "\"", 1);
}

/* One letter or more, of those that need no quotes; anything else would be read as another key. */
static bool is_key(const char *key) {
    if (key == NULL || key[0] == '\0')
        return false;
    for (const char *at = key; *at != '\0'; at++)
        if (!((*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') || (*at >= '0' && *at <= '9') || *at == '_' ||
              *at == '-' || *at == '.'))
            return false;
    return true;
}

static void put_word(struct line *line, const char *key, const char *value) {
    size_t before = line->length;
    if (line->is_cut)
        return;
    if ((before == 0 || put(line, " ", 1)) && put(line, key, strlen(key)) && put(line, "=", 1) &&
        put_value(line, value != NULL ? value : ""))
        return;
    line->length = before;
    line->is_cut = true;
}

/* A message that is too long for the line is what people miss most: as much of it as there is room for. */
static void put_message(struct line *line, const char *message) {
    char part[GROVE_LOG_LINE_MAX / 8];
    put_word(line, "message", message);
    if (!line->is_cut)
        return;
    (void)snprintf(part, sizeof part, "%s", message);
    line->is_cut = false;
    put_word(line, "message", part);
    line->is_cut = true;
}

static void put_field(struct line *line, const struct grove_log_field *field) {
    char number[NUMBER_BYTES];
    const char *value = number;
    if (!is_key(field->key))
        return;
    switch (field->kind) {
    case GROVE_LOG_TEXT:
        value = field->value.text;
        break;
    case GROVE_LOG_SIGNED:
        (void)snprintf(number, sizeof number, "%lld", (long long)field->value.number);
        break;
    case GROVE_LOG_UNSIGNED:
        (void)snprintf(number, sizeof number, "%llu", (unsigned long long)field->value.count);
        break;
    case GROVE_LOG_REAL:
        (void)snprintf(number, sizeof number, "%.9g", field->value.real);
        break;
    default:
        return;
    }
    put_word(line, field->key, value);
}

static void end_line(struct line *line) {
    if (line->is_cut) {
        memcpy(line->text + line->length, CUT_TEXT, sizeof CUT_TEXT - 1);
        line->length += sizeof CUT_TEXT - 1;
    }
    line->text[line->length++] = '\n';
}

/* ---- writing ---- */

/* False: there is no room now, or nobody will ever read it. */
static bool write_line(struct line *line) {
    struct pollfd room = {.fd = STDERR_FILENO, .events = POLLOUT};
    end_line(line);
    if (poll(&room, 1, 0) != 1 || (room.revents & POLLOUT) == 0)
        return false;
    ssize_t written;
    do
        written = write(STDERR_FILENO, line->text, line->length);
    while (written < 0 && errno == EINTR);
    return written == (ssize_t)line->length;
}

static bool tell_lost(void) {
    uint64_t lost = __atomic_exchange_n(&lost_lines, 0, __ATOMIC_RELAXED);
    struct line line = {.length = 0};
    if (lost == 0)
        return true;
    put_word(&line, "level", level_names[GROVE_LOG_WARNING]);
    put_word(&line, "message", "lines were lost here: nobody read them in time");
    put_field(&line, &(struct grove_log_field){.key = "lost", .kind = GROVE_LOG_UNSIGNED, .value.count = lost});
    if (write_line(&line))
        return true;
    __atomic_fetch_add(&lost_lines, lost, __ATOMIC_RELAXED);
    return false;
}

int grove_log(enum grove_log_level level, const char *message, const struct grove_log_field *fields, size_t count) {
    int saved_errno = errno;
    struct line line = {.length = 0};
    unsigned number = (unsigned)level <= GROVE_LOG_ERROR ? (unsigned)level : GROVE_LOG_ERROR;
    put_word(&line, "level", level_names[number]);
    put_message(&line, message != NULL ? message : "");
    for (size_t index = 0; index < count && fields != NULL; index++)
        put_field(&line, &fields[index]);
    bool is_written = tell_lost() && write_line(&line);
    if (!is_written)
        __atomic_fetch_add(&lost_lines, 1, __ATOMIC_RELAXED);
    errno = saved_errno;
    return is_written ? 0 : GROVE_AGAIN;
}

uint64_t grove_log_lost(void) {
    return __atomic_load_n(&lost_lines, __ATOMIC_RELAXED);
}
