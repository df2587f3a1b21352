/*
 * Children that are killed because nobody could follow them: waited for without standing still.
 *
 * A killed child ends in a moment, but not where it is inside a call that no signal interrupts (a file system that does not
 * answer). So it is waited for a short while only, and after that looked for again in later turns. Its memory, and whatever
 * else it shares with its maker, stays until it has ended: `ended` gives it back. There is room for REAPER_MAX; whoever makes
 * children asks first, and makes none while there is no room. Who keeps children for later reserves their places.
 */
#ifndef GROVE_LINUX_REAPER_H
#define GROVE_LINUX_REAPER_H

#include "kernel/machine/linux/loop/loop.h"

#include <sys/types.h>

#define REAPER_MAX 16u

/* Looks for children that have ended meanwhile. */
bool reaper_has_room(void);
/* Keep a place for a child that may have to be killed at any time; false: there is none. */
bool reaper_reserve(void);
/* Give such a place back: the child is killed next, or is somebody else's from now on. */
void reaper_release(void);
/*
 * Kill a child of this process and take its process descriptor over (-1: there is none). `ended` (NULL: nothing to do) runs
 * once, when it has been waited for: before this returns, or in a later turn of the loop. There must be room.
 */
void reaper_kill(struct loop *loop, pid_t process, int process_descriptor, void (*ended)(void *context), void *context);

#endif
