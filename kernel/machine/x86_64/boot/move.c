/* Moving the image: see move.h. */
#include "kernel/machine/x86_64/boot/move.h"

#include "kernel/machine/x86_64/boot/layout.h"
#include "kernel/machine/x86_64/boot/relocate.h"
#include "kernel/machine/x86_64/panic/symbol_table.h"

#define PIECE_BYTES (UINT64_C(2) << 20)
#define PIECES 512u
#define PLACES (PIECES - 2 * LAYOUT_IMAGE_PIECES)

/* What LAYOUT_IMAGE and the 1 GiB behind it are mapped by. */
extern uint64_t boot_image_directory[PIECES];
extern char image_start[];

/* The old and the new place do not overlap. */
void boot_move(uint64_t random) {
    uint64_t place = LAYOUT_IMAGE_PIECES + random % PLACES;
    for (uint64_t i = 0; i < LAYOUT_IMAGE_PIECES; i++)
        boot_image_directory[place + i] = boot_image_directory[i];
    relocate((uint8_t *)image_start, move_places_32, move_count_32, move_places_64, move_count_64, place * PIECE_BYTES);
}
