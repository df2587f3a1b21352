/*
 * Reading structured lines. See log_line.h; lib/log/log.c writes them.
 */
#include "userspace/grove/commands/log_line.h"

#include <string.h>

static const char *const names[] = {"debug", "info", "warning", "error"};

#define LEVELS ((int)(sizeof names / sizeof names[0]))

int log_level_of(const char *name) {
    for (int level = 0; level < LEVELS; level++)
        if (strcmp(names[level], name) == 0)
            return level;
    return -1;
}

const char *log_level_name(int level) {
    return level >= 0 && level < LEVELS ? names[level] : "unknown";
}

int log_line_level(const char *text) {
    static const char begin[] = "level=";
    if (strncmp(text, begin, sizeof begin - 1) != 0)
        return -1;
    const char *name = text + sizeof begin - 1;
    size_t length = strcspn(name, " ");
    for (int level = 0; level < LEVELS; level++)
        if (strlen(names[level]) == length && strncmp(names[level], name, length) == 0)
            return level;
    return -1;
}

static int digit(char letter) {
    static const char digits[] = "0123456789abcdef";
    const char *found = letter != '\0' ? strchr(digits, letter) : NULL;
    return found != NULL ? (int)(found - digits) : -1;
}

/* What stands behind a backslash at *at, which moves over it. */
static char unescape(const char **at) {
    static const char letters[] = "nrt", meant[] = "\n\r\t";
    char letter = **at;
    const char *found = letter != '\0' ? strchr(letters, letter) : NULL;
    if (letter == '\0')
        return '\\';
    ++*at;
    if (found != NULL)
        return meant[found - letters];
    if (letter == 'x' && digit((*at)[0]) >= 0 && digit((*at)[1]) >= 0) {
        int value = digit((*at)[0]) * 16 + digit((*at)[1]);
        *at += 2;
        return (char)(unsigned char)value;
    }
    return letter;
}

static void put(char *value, size_t value_bytes, size_t *length, char letter) {
    if (*length + 1 < value_bytes)
        value[(*length)++] = letter;
}

/* False: the quote is never closed. */
static bool read_quoted(const char **at, char *value, size_t value_bytes, size_t *length) {
    while (**at != '"') {
        char letter = *(*at)++;
        if (letter == '\0') {
            --*at;
            return false;
        }
        put(value, value_bytes, length, letter == '\\' ? unescape(at) : letter);
    }
    ++*at;
    return true;
}

bool log_line_next(const char **at, char *key, size_t key_bytes, char *value, size_t value_bytes) {
    size_t length = 0;
    *at += strspn(*at, " ");
    size_t key_length = strcspn(*at, "= \"\\");
    if (key_length == 0 || (*at)[key_length] != '=' || key_length >= key_bytes)
        return false;
    memcpy(key, *at, key_length);
    key[key_length] = '\0';
    *at += key_length + 1;
    if (**at == '"') {
        ++*at;
        if (!read_quoted(at, value, value_bytes, &length))
            return false;
    } else {
        while (**at != '\0' && **at != ' ')
            put(value, value_bytes, &length, *(*at)++);
    }
    value[length] = '\0';
    return **at == '\0' || **at == ' ';
}
