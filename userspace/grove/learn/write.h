/* The manifest that says what was learned. */
#ifndef GROVE_LEARN_WRITE_H
#define GROVE_LEARN_WRITE_H

#include <stdio.h>

#include "userspace/grove/learn/needs.h"

struct learned {
    const char *name; /* of the service */
    const char *executable; /* absolute */
    const char **arguments; /* of the program, itself first; ends with NULL */
    const char *folder; /* in which it was run */
    const char **environment; /* "NAME=VALUE" that it should have; ends with NULL */
    const struct needs *needs; /* reduced */
};

/* Write it as YAML, with remarks where a person should look. False if the stream failed. */
bool write_learned(const struct learned *learned, FILE *stream);

#endif
