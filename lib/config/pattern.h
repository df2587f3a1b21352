/*
 * Regular expressions for values, matched in time proportional to pattern times text whatever either holds: the usual
 * operators ( ) | * + ? {m} {m,n} {m,} . [a-z] [^a-z], with \ before a character that is meant as it is, and \d \w \s.
 * A pattern matches a whole text or not; ^ at its beginning and $ at its end are allowed and mean nothing more. Bytes are
 * compared, so a "." is one byte. No allocation.
 */
#ifndef GROVE_CONFIG_PATTERN_H
#define GROVE_CONFIG_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

/* NULL if the text is a pattern, else a constant sentence that says what is wrong with it. */
const char *config_pattern_fault(const char *pattern);
/* Does it match all of the text? False for what is no pattern. */
bool config_pattern_matches(const char *pattern, const char *text);

#endif
