/* What holding a spin lock does to interrupts: nothing where the code runs as a program on this computer. */
#ifndef GROVE_BARE_HOLD_H
#define GROVE_BARE_HOLD_H

#include <stdint.h>

static inline void hold_begin(void) {
}

static inline void hold_end(void) {
}

static inline uint32_t hold_count(void) {
    return 0;
}

#endif
