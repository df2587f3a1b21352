/* Lines of words, and options by table; see lines.h. Pure but for lines_parse_file. */
#include "examples/grid/common/lines.h"

#include "grove/abi/status.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPTIONS_MAX 32u

int line_fail(const struct line *line, struct problem *problem, const char *sentence, ...) {
    int length = snprintf(problem->sentence, sizeof problem->sentence, "%s:%u: ", line->source, line->number);
    if (length < 0 || (size_t)length >= sizeof problem->sentence)
        return GROVE_INVALID;
    va_list arguments;
    va_start(arguments, sentence);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): va_start is right above */
    vsnprintf(problem->sentence + length, sizeof problem->sentence - (size_t)length, sentence, arguments);
    va_end(arguments);
    return GROVE_INVALID;
}

static bool is_blank(char byte) {
    return byte == ' ' || byte == '\t' || byte == '\r';
}

/* Bytes that no format of ours has a use for: they would garble messages and terminals. */
static bool is_printable(char byte) {
    return byte > 0x20 && byte < 0x7f;
}

/* Copy one word that starts at `text`; *taken_bytes is its length. */
static int word_cut(struct line *line, const char *text, size_t length_bytes, size_t *taken_bytes,
                    struct problem *problem) {
    size_t length = 0;
    while (length < length_bytes && !is_blank(text[length])) {
        if (!is_printable(text[length]))
            return line_fail(line, problem, "byte 0x%02x is not allowed; write plain text",
                             (unsigned)(unsigned char)text[length]);
        length++;
    }
    if (length > LINES_WORD_BYTES_MAX)
        return line_fail(line, problem, "a word is longer than %u characters", LINES_WORD_BYTES_MAX);
    if (line->count == LINES_WORDS_MAX)
        return line_fail(line, problem, "more than %u words", LINES_WORDS_MAX);
    memcpy(line->word[line->count], text, length);
    line->word[line->count][length] = 0;
    line->count++;
    *taken_bytes = length;
    return 0;
}

/* Cut one line, without its end, into words. */
static int line_cut(struct line *line, const char *text, size_t length_bytes, struct problem *problem) {
    line->count = 0;
    const char *comment = memchr(text, '#', length_bytes);
    if (comment != NULL)
        length_bytes = (size_t)(comment - text);
    for (size_t at = 0; at < length_bytes;) {
        if (is_blank(text[at])) {
            at++;
            continue;
        }
        size_t taken = 0;
        int status = word_cut(line, text + at, length_bytes - at, &taken, problem);
        if (status < 0)
            return status;
        at += taken;
    }
    return 0;
}

int lines_parse(const char *source, const char *text, size_t length_bytes, line_handler *handler, void *context,
                struct problem *problem) {
    struct line line = {.source = source};
    for (size_t at = 0; at < length_bytes;) {
        const char *end = memchr(text + at, '\n', length_bytes - at);
        size_t length = end == NULL ? length_bytes - at : (size_t)(end - (text + at));
        line.number++;
        int status = line_cut(&line, text + at, length, problem);
        if (status == 0 && line.count > 0)
            status = handler(&line, context, problem);
        if (status < 0)
            return status;
        at += length + 1;
    }
    return 0;
}

static int file_problem(const char *path, struct problem *problem, int status) {
    snprintf(problem->sentence, sizeof problem->sentence, "%s: %s", path, strerror(errno));
    return status;
}

int lines_parse_file(const char *path, line_handler *handler, void *context, struct problem *problem) {
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return file_problem(path, problem, errno == ENOENT ? GROVE_NOT_FOUND : GROVE_IO);
    char *text = malloc(LINES_FILE_BYTES_MAX + 1);
    size_t length = text == NULL ? 0 : fread(text, 1, LINES_FILE_BYTES_MAX + 1, file);
    int status = 0;
    if (text == NULL || ferror(file)) {
        status = file_problem(path, problem, text == NULL ? GROVE_NO_MEMORY : GROVE_IO);
    } else if (length > LINES_FILE_BYTES_MAX) {
        snprintf(problem->sentence, sizeof problem->sentence, "%s: larger than %u bytes", path, LINES_FILE_BYTES_MAX);
        status = GROVE_TOO_LARGE;
    } else {
        status = lines_parse(path, text, length, handler, context, problem);
    }
    free(text);
    fclose(file);
    return status;
}

/* Parse the number at the start of a word; *rest is what follows it. Hexadecimal, "inf" and "nan" are no numbers. */
static bool number_read(const char *word, double *value, const char **rest) {
    if (strspn(word, "+-.0123456789") == 0 || strpbrk(word, "xXnNiI") != NULL)
        return false;
    char *end;
    double number = strtod(word, &end);
    if (end == word || !isfinite(number))
        return false;
    *value = number;
    *rest = end;
    return true;
}

int line_number(const struct line *line, unsigned index, double least, double most, double *value,
                struct problem *problem) {
    if (index >= line->count)
        return line_fail(line, problem, "a number is missing at the end of the line");
    const char *rest;
    double number;
    if (!number_read(line->word[index], &number, &rest) || *rest != 0)
        return line_fail(line, problem, "'%s' is not a number", line->word[index]);
    if (number < least || number > most)
        return line_fail(line, problem, "%s is out of range: write %g to %g", line->word[index], least, most);
    *value = number;
    return 0;
}

static const struct {
    const char *suffix;
    double scale_ns;
} duration_units[] = {{"us", 1e3}, {"ms", 1e6}, {"s", 1e9}};

int line_duration(const struct line *line, unsigned index, uint64_t *value_ns, struct problem *problem) {
    if (index >= line->count)
        return line_fail(line, problem, "a duration is missing at the end of the line");
    const char *word = line->word[index];
    /* The unit is cut off first: "1.5ms" holds an 'm' and an 's', and no number does. */
    char digits[LINES_WORD_BYTES_MAX + 1];
    size_t length = strspn(word, "+.0123456789");
    memcpy(digits, word, length);
    digits[length] = 0;
    const char *rest;
    double number;
    if (number_read(digits, &number, &rest) && *rest == 0) {
        for (unsigned i = 0; i < sizeof duration_units / sizeof duration_units[0]; i++) {
            if (strcmp(word + length, duration_units[i].suffix) != 0)
                continue;
            if (number * duration_units[i].scale_ns > 86400e9)
                return line_fail(line, problem, "'%s' is longer than a day", word);
            *value_ns = (uint64_t)(number * duration_units[i].scale_ns);
            return 0;
        }
    }
    return line_fail(line, problem, "'%s' is not a duration: write a number with us, ms or s, as in 20ms", word);
}

/* A whole number of bytes, "4194304", "4M", "1G", inside the rule's range. */
static int line_size(const struct line *line, unsigned index, const struct option_rule *rule, uint64_t *value,
                     struct problem *problem) {
    static const char units[] = "KMG";
    const char *word = line->word[index];
    char digits[LINES_WORD_BYTES_MAX + 1];
    size_t length = strspn(word, "0123456789");
    memcpy(digits, word, length);
    digits[length] = 0;
    const char *rest, *unit = word[length] == 0 ? NULL : strchr(units, word[length]);
    double number;
    if (!number_read(digits, &number, &rest) || (word[length] != 0 && (unit == NULL || word[length + 1] != 0)))
        return line_fail(line, problem, "'%s' is not a size: write a number of bytes, or with K, M or G, as in 4M",
                         word);
    double bytes = ldexp(number, unit == NULL ? 0 : 10 * (int)(unit - units + 1));
    if (bytes < rule->least || bytes > rule->most)
        return line_fail(line, problem, "%s is %.0f to %.0f bytes, not %s", rule->key, rule->least, rule->most, word);
    *value = (uint64_t)bytes;
    return 0;
}

/* Store the value at word `index` as the rule says. */
static int option_store(const struct line *line, unsigned index, const struct option_rule *rule, void *field,
                        struct problem *problem) {
    double number = 0;
    int status;
    switch (rule->kind) {
    case OPTION_FLAG:
        *(bool *)field = true;
        return 0;
    case OPTION_DURATION:
        return line_duration(line, index, field, problem);
    case OPTION_SIZE:
        return line_size(line, index, rule, field, problem);
    case OPTION_TEXT:
        memcpy(field, line->word[index], LINES_WORD_BYTES_MAX + 1);
        return 0;
    case OPTION_NUMBER:
        return line_number(line, index, rule->least, rule->most, field, problem);
    case OPTION_WHOLE:
        status = line_number(line, index, rule->least, rule->most, &number, problem);
        if (status < 0)
            return status;
        if (number != floor(number))
            return line_fail(line, problem, "%s takes a whole number, not %s", rule->key, line->word[index]);
        *(uint64_t *)field = (uint64_t)number;
        return 0;
    }
    return GROVE_INVALID;
}

static int option_find(const struct line *line, unsigned index, const struct option_rule *rules, unsigned rule_count,
                       unsigned *rule, struct problem *problem) {
    for (unsigned i = 0; i < rule_count; i++)
        if (strcmp(rules[i].key, line->word[index]) == 0) {
            *rule = i;
            return 0;
        }
    char known[160] = "";
    for (unsigned i = 0; i < rule_count; i++) {
        size_t used = strlen(known);
        snprintf(known + used, sizeof known - used, "%s%s", i == 0 ? "" : ", ", rules[i].key);
    }
    return line_fail(line, problem, "'%s' is unknown here; known are: %s", line->word[index], known);
}

int line_options(const struct line *line, unsigned first, const struct option_rule *rules, unsigned rule_count,
                 void *structure, struct problem *problem) {
    bool seen[OPTIONS_MAX] = {false};
    for (unsigned at = first; at < line->count;) {
        unsigned rule = 0;
        int status = option_find(line, at, rules, rule_count, &rule, problem);
        if (status < 0)
            return status;
        if (seen[rule])
            return line_fail(line, problem, "%s is given twice", rules[rule].key);
        seen[rule] = true;
        bool takes_value = rules[rule].kind != OPTION_FLAG;
        if (takes_value && at + 1 >= line->count)
            return line_fail(line, problem, "%s needs a value", rules[rule].key);
        status = option_store(line, at + 1, &rules[rule], (char *)structure + rules[rule].offset, problem);
        if (status < 0)
            return status;
        at += takes_value ? 2 : 1;
    }
    for (unsigned i = 0; i < rule_count; i++)
        if (rules[i].is_required && !seen[i])
            return line_fail(line, problem, "%s is missing", rules[i].key);
    return 0;
}
