/* Ask for a cache line to write to. The build puts the header of its processor on the include path. */
#ifndef GROVE_CHANNEL_PREFETCH_H
#define GROVE_CHANNEL_PREFETCH_H

static inline void prefetch_to_write(const void *place) {
    __builtin_prefetch(place, 1);
}

#endif
