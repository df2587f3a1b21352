/* How futexes read and change words of a program on this machine: see struct futex_memory. */
#ifndef GROVE_X86_64_WORDS_H
#define GROVE_X86_64_WORDS_H

#include "kernel/machine/bare/futex/futex.h"

extern const struct futex_memory space_words;

#endif
