/* Adding to the addresses that an image holds in itself. */
#ifndef GROVE_X86_64_RELOCATE_H
#define GROVE_X86_64_RELOCATE_H

#include <stdint.h>

/*
 * Add `distance` to each number of 32 and of 64 bits at these places, in bytes from `image` on. Everything is in its
 * arguments, so that it may change the code that it is itself: none of its own instructions holds an address.
 */
void relocate(uint8_t *image, const uint32_t *places_32, uint32_t count_32, const uint32_t *places_64,
              uint32_t count_64, uint64_t distance);

#endif
