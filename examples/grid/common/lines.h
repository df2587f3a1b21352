/*
 * Text files of the grid (configuration, profile): lines of words.
 *
 * A file is read whole, cut into lines and words, and each line is handed to a function of the format's own. Words are
 * separated by blanks; '#' starts a comment. Whatever is wrong is said once, with file and line and what would be right.
 * The files are input: nothing in them may do more than produce such a sentence.
 */
#ifndef GRID_COMMON_LINES_H
#define GRID_COMMON_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LINES_WORDS_MAX 48u
#define LINES_WORD_BYTES_MAX 63u
#define LINES_FILE_BYTES_MAX (1u << 20)

struct problem {
    char sentence[320];
};

struct line {
    const char *source; /* file name, for messages */
    unsigned number; /* from 1 */
    unsigned count;
    char word[LINES_WORDS_MAX][LINES_WORD_BYTES_MAX + 1];
};

/* Returns 0 or, after line_fail, its status; a negative status ends the reading. */
typedef int line_handler(const struct line *line, void *context, struct problem *problem);

/* Write "source:line: sentence"; returns GROVE_INVALID, for `return line_fail(...)`. */
int line_fail(const struct line *line, struct problem *problem, const char *sentence, ...)
    __attribute__((format(printf, 3, 4)));

/* Cut `text` and call the handler for every line that has a word. GROVE_INVALID with *problem set. */
int lines_parse(const char *source, const char *text, size_t length_bytes, line_handler *handler, void *context,
                struct problem *problem);
/* The same for a file. GROVE_NOT_FOUND, GROVE_IO, GROVE_TOO_LARGE, GROVE_INVALID. */
int lines_parse_file(const char *path, line_handler *handler, void *context, struct problem *problem);

/* A decimal number in [least, most]. GROVE_INVALID with *problem set. */
int line_number(const struct line *line, unsigned index, double least, double most, double *value,
                struct problem *problem);
/* "250us", "20ms", "1.5s" in nanoseconds, at most a day. */
int line_duration(const struct line *line, unsigned index, uint64_t *value_ns, struct problem *problem);

/* ---- options: KEY VALUE pairs, described by a table ---- */

enum option_kind {
    OPTION_TEXT, /* char[LINES_WORD_BYTES_MAX + 1] */
    OPTION_NUMBER, /* double in [least, most] */
    OPTION_WHOLE, /* uint64_t in [least, most] */
    OPTION_SIZE, /* uint64_t, bytes in [least, most]; written with K, M or G for powers of 1024, or without */
    OPTION_DURATION, /* uint64_t, nanoseconds */
    OPTION_FLAG, /* bool; the key alone */
};
struct option_rule {
    const char *key;
    enum option_kind kind;
    bool is_required;
    double least, most;
    size_t offset; /* of the field in the structure filled in */
};
/* Read the options from word `first` on into `structure`. Keys left out leave their field as it is. */
int line_options(const struct line *line, unsigned first, const struct option_rule *rules, unsigned rule_count,
                 void *structure, struct problem *problem);

#endif
