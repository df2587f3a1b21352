/* Real sleeping for host.c, in a file of its own: the C library's <sched.h> and our scheduler's header share names. */
#ifndef GROVE_POSIX_FILES_TEST_CONDITION_H
#define GROVE_POSIX_FILES_TEST_CONDITION_H

#include <stdbool.h>

/* Until *is_woken, which somebody sets before condition_tell. */
void condition_wait(const bool *is_woken);
void condition_tell(void);

#endif
