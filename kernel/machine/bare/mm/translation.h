/* What processors remember of page tables, and how they forget it. Each machine has these in its own mm folder. */
#ifndef GROVE_BARE_TRANSLATION_H
#define GROVE_BARE_TRANSLATION_H

#include <stdint.h>

struct space;

/*
 * Every processor that uses the space has forgotten what it knew of [start, end) when this returns. No spin lock is held
 * and interrupts may be off or on; several may call at once.
 */
void translation_forget(struct space *space, uint64_t start, uint64_t end);
/* The same for this processor alone, and one page: after a page was put where none was known to be usable. */
void translation_forget_here(uint64_t address);
/* No processor uses the space any more, not even one that idles and kept it loaded, when this returns. */
void translation_leave(struct space *space);

#endif
