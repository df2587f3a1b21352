/* The kernel's command line: see options.h. */
#include "kernel/machine/bare/boot/options.h"

#include <string.h>

struct word {
    const char *text; /* NULL: not there */
    size_t length;
};

/* The next word of the line, which is moved behind it; text is NULL at the end. */
static struct word next_word(const char **line) {
    while (**line == ' ')
        (*line)++;
    struct word word = {.text = **line != 0 ? *line : NULL};
    while (**line != 0 && **line != ' ') {
        (*line)++;
        word.length++;
    }
    return word;
}

static bool is_separator(const struct word *word) {
    return word->length == 2 && memcmp(word->text, "--", 2) == 0;
}

/* The value of the last word of this name: without `=`, an empty text. */
static struct word find(const char *line, const char *name) {
    struct word found = {0};
    size_t length = strlen(name);
    for (struct word word = next_word(&line); word.text != NULL && !is_separator(&word); word = next_word(&line)) {
        if (word.length < length || memcmp(word.text, name, length) != 0)
            continue;
        if (word.length == length)
            found = (struct word){.text = word.text + length};
        else if (word.text[length] == '=')
            found = (struct word){.text = word.text + length + 1, .length = word.length - length - 1};
    }
    return found;
}

bool options_have(const char *line, const char *name) {
    return find(line, name).text != NULL;
}

bool options_text(const char *line, const char *name, char *value, size_t room) {
    struct word word = find(line, name);
    if (word.length == 0 || word.length >= room)
        return false;
    memcpy(value, word.text, word.length);
    value[word.length] = 0;
    return true;
}

static int digit_value(char digit) {
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    return 16;
}

bool options_number(const char *line, const char *name, uint64_t *value) {
    struct word word = find(line, name);
    bool is_hexadecimal = word.length > 2 && word.text[0] == '0' && word.text[1] == 'x';
    uint64_t base = is_hexadecimal ? 16 : 10, sum = 0;
    if (word.length == 0)
        return false;
    for (size_t i = is_hexadecimal ? 2 : 0; i < word.length; i++) {
        uint64_t digit = (uint64_t)digit_value(word.text[i]);
        if (digit >= base || sum > (UINT64_MAX - digit) / base)
            return false;
        sum = sum * base + digit;
    }
    *value = sum;
    return true;
}

const char *options_rest(const char *line) {
    for (struct word word = next_word(&line); word.text != NULL; word = next_word(&line)) {
        if (!is_separator(&word))
            continue;
        while (*line == ' ')
            line++;
        return line;
    }
    return "";
}
