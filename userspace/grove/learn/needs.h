/*
 * What a program was seen to use, reduced to the few capabilities that a person would write down.
 *
 * Pure code: capabilities go in one by one, a short list comes out. The rules:
 *   - a need that another one covers goes: FS_WRITE and FS_EXEC include reading, a folder includes what is below it;
 *   - a look at a folder like /var goes when something below it is needed anyway;
 *   - NEEDS_CROWD or more needs of one kind directly below one folder become that folder, again and again upwards, but
 *     never so high that much else would be in it: /etc, /var/lib, somebody's home;
 *   - addresses that differ only in the host, or only in the port, NEEDS_CROWD or more of them, become one.
 */
#ifndef GROVE_LEARN_NEEDS_H
#define GROVE_LEARN_NEEDS_H

#include <stdbool.h>

#include "grove/abi/capability.h"

#define NEEDS_CROWD 4u

struct needs;

struct needs *needs_create(void); /* NULL without memory */
void needs_destroy(struct needs *needs);
/* Remember a need; one seen already counts once. False without memory, or when 2,048 are left even after
 * reducing. */
bool needs_add(struct needs *needs, const struct grove_capability *capability);
void needs_reduce(struct needs *needs);
/* After needs_reduce: in the order of kinds, then of their texts. */
unsigned needs_count(const struct needs *needs);
const struct grove_capability *needs_at(const struct needs *needs, unsigned index);
/* Is it so wide that a person should look at it: a folder in which much of the system lies? */
bool needs_is_wide(const struct grove_capability *capability);

#endif
