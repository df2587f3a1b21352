/* Sentences about texts; see problem.h. */
#include "lib/text/problem.h"

#include "grove/abi/status.h"

#include <stdarg.h>
#include <stdio.h>

int problem_say(struct problem problem, const char *sentence, ...) {
    va_list arguments;
    va_start(arguments, sentence);
    if (problem.size_bytes)
        vsnprintf(problem.text, problem.size_bytes, sentence, arguments);
    va_end(arguments);
    return GROVE_INVALID;
}
