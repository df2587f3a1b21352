/* What the system calls on words share. */
#ifndef GROVE_BARE_THREAD_WORDS_H
#define GROVE_BARE_THREAD_WORDS_H

#include <stdint.h>

/* The negative errno of a futex function's status (futex.h); 0 for GROVE_OK. */
int64_t futex_error(int status);

#endif
