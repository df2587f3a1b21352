/* Ask for a cache line to write to. The build puts the header of its processor on the include path. */
#ifndef GROVE_CHANNEL_PREFETCH_H
#define GROVE_CHANNEL_PREFETCH_H

/* Compilers take a line to write to for one to read unless the processor is known to have this instruction; all have. */
static inline void prefetch_to_write(const void *place) {
    __asm__ volatile("prefetchw %0" : : "m"(*(const char *)place));
}

#endif
