/* How processors forget what they remember of page tables (Intel's manual, volume 3, section 4.10): translation.c. */
#ifndef GROVE_X86_64_TRANSLATION_H
#define GROVE_X86_64_TRANSLATION_H

#include "kernel/machine/bare/mm/translation.h"

/* Called by the interrupt with VECTOR_FORGET. */
void translation_interrupt(void);

#endif
