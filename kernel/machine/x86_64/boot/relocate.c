/* Adding to the addresses of an image: see relocate.h. */
#include "kernel/machine/x86_64/boot/relocate.h"

#include <string.h>

void relocate(uint8_t *image, const uint32_t *places_32, uint32_t count_32, const uint32_t *places_64,
              uint32_t count_64, uint64_t distance) {
    for (uint32_t i = 0; i < count_32; i++) {
        uint32_t value;
        memcpy(&value, image + places_32[i], sizeof(value));
        value += (uint32_t)distance;
        memcpy(image + places_32[i], &value, sizeof(value));
    }
    for (uint32_t i = 0; i < count_64; i++) {
        uint64_t value;
        memcpy(&value, image + places_64[i], sizeof(value));
        value += distance;
        memcpy(image + places_64[i], &value, sizeof(value));
    }
}
