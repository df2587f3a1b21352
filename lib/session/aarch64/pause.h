/* Tell the processor that this is a spin. The build puts the header of its processor on the include path. */
#ifndef GROVE_SESSION_PAUSE_H
#define GROVE_SESSION_PAUSE_H

static inline void pause_processor(void) {
    __asm__ volatile("yield");
}

#endif
