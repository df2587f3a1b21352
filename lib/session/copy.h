/*
 * Copying a message. Most are small, and some C libraries copy with a string instruction whose start costs more than
 * copying 64 bytes word by word: that is a good part of a call.
 */
#ifndef GROVE_SESSION_COPY_H
#define GROVE_SESSION_COPY_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define COPY_SMALL_BYTES 256u

static inline void copy_bytes(void *to, const void *from, size_t length_bytes) {
    uint8_t *target = to;
    const uint8_t *source = from;
    if (length_bytes > COPY_SMALL_BYTES) {
        memcpy(to, from, length_bytes);
        return;
    }
    for (; length_bytes >= 16; length_bytes -= 16, target += 16, source += 16)
        __builtin_memcpy(target, source, 16);
    for (; length_bytes > 0; length_bytes--)
        *target++ = *source++;
}

#endif
