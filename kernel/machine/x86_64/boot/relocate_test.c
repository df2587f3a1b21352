/* Unit tests of adding to the addresses of an image. */
#include "kernel/machine/x86_64/boot/relocate.h"

#include "kernel/core/test/unit.h"

#include <string.h>

#define IMAGE_BYTES 64u
#define DISTANCE UINT64_C(0x12200000)

static void only_the_places_change(void **state) {
    static const uint32_t places_32[] = {1, 9}, places_64[] = {16, 33}; /* at any alignment */
    uint8_t image[IMAGE_BYTES], expected[IMAGE_BYTES];
    (void)state;
    for (unsigned i = 0; i < IMAGE_BYTES; i++)
        image[i] = (uint8_t)(i * 7);
    memcpy(expected, image, sizeof(image));
    for (unsigned i = 0; i < 2; i++) {
        uint32_t low = 0x80100000u + i;
        uint64_t address = UINT64_C(0xffffffff80100000) + i;
        memcpy(image + places_32[i], &low, sizeof(low));
        memcpy(image + places_64[i], &address, sizeof(address));
        low += (uint32_t)DISTANCE;
        address += DISTANCE;
        memcpy(expected + places_32[i], &low, sizeof(low));
        memcpy(expected + places_64[i], &address, sizeof(address));
    }
    relocate(image, places_32, 2, places_64, 2, DISTANCE);
    assert_memory_equal(image, expected, sizeof(image));
}

static void without_places_nothing_changes(void **state) {
    uint8_t image[4] = {1, 2, 3, 4};
    (void)state;
    relocate(image, NULL, 0, NULL, 0, DISTANCE);
    assert_int_equal(image[0] + image[3], 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_places_change),
        cmocka_unit_test(without_places_nothing_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
