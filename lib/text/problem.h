/* What is wrong with a text, said to whoever gave a buffer for it. */
#ifndef GROVE_TEXT_PROBLEM_H
#define GROVE_TEXT_PROBLEM_H

#include <stddef.h>

struct problem {
    char *text;
    size_t size_bytes; /* 0: nobody wants to know */
};

/* Returns GROVE_INVALID, for `return problem_say(...)`. */
int problem_say(struct problem problem, const char *sentence, ...) __attribute__((format(printf, 2, 3)));

#endif
