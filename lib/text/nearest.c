/*
 * The nearest name to a misspelt one, so that an error can say what was probably meant.
 *
 * Distance is the number of letters inserted, removed, replaced or exchanged with their neighbour (optimal string
 * alignment), case aside. Names longer than NEAREST_MAX are not compared: the work stays bounded.
 */
#include "lib/text/text.h"

#include <ctype.h>
#include <string.h>

#define NEAREST_MAX 48u

static unsigned least(unsigned a, unsigned b) {
    return a < b ? a : b;
}

static bool same_letter(char a, char b) {
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Three rows of the distance matrix suffice: an exchange looks two rows back. */
static unsigned distance(const char *a, size_t a_length, const char *b, size_t b_length) {
    unsigned rows[3][NEAREST_MAX + 1];
    for (size_t j = 0; j <= b_length; j++)
        rows[0][j] = (unsigned)j;
    for (size_t i = 1; i <= a_length; i++) {
        unsigned *row = rows[i % 3], *above = rows[(i + 2) % 3], *twice_above = rows[(i + 1) % 3];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b_length; j++) {
            unsigned replaced = above[j - 1] + (same_letter(a[i - 1], b[j - 1]) ? 0 : 1);
            row[j] = least(replaced, least(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && same_letter(a[i - 1], b[j - 2]) && same_letter(a[i - 2], b[j - 1]))
                row[j] = least(row[j], twice_above[j - 2] + 1);
        }
    }
    return rows[a_length % 3][b_length];
}

const char *text_nearest(const char *text, const char *const *names) {
    size_t length = strlen(text);
    if (!length || length > NEAREST_MAX)
        return NULL;
    const char *nearest = NULL;
    unsigned nearest_distance = (unsigned)(length / 3 + 1) + 1;
    for (; *names; names++) {
        size_t name_length = strlen(*names);
        if (name_length > NEAREST_MAX)
            continue;
        unsigned found = distance(text, length, *names, name_length);
        if (found < nearest_distance && found < name_length) {
            nearest_distance = found;
            nearest = *names;
        }
    }
    return nearest;
}
