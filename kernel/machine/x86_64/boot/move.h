/*
 * The image moves, before anything else runs, to an address that nobody outside knows (KASLR): by whole pieces of 2 MiB
 * within 1 GiB. Its physical memory stays where it is, and is seen nowhere else: see map_image in mm/memory.c.
 *
 * Linked to run at LAYOUT_IMAGE, it does so until then. While its addresses are changed one by one, the entry's tables map
 * it at both places, so that each address is good, whether it has been changed or not.
 */
#ifndef GROVE_X86_64_MOVE_H
#define GROVE_X86_64_MOVE_H

#include <stdint.h>

/* `random` chooses the place. Called once, at the old place, while no object holds an address in the image but by its making. */
void boot_move(uint64_t random);

#endif
