/* What every program has in its memory to read the time by: a page that the kernel writes, and a page of functions. */
#ifndef GROVE_X86_64_VDSO_H
#define GROVE_X86_64_VDSO_H

#include <stddef.h>
#include <stdint.h>

struct space;

/* Made by the build: a small ELF file, see program.c. Of internal use. */
extern const unsigned char vdso_image[];
extern const size_t vdso_image_bytes;

/* Once, on the first processor, with memory. Panics without. */
void vdso_init(void);
/* What programs work the time out by, from now on. Any processor; also before vdso_init. */
void vdso_set_clock(uint64_t first_cycle, uint64_t ns_per_cycle, int64_t began_ns);
/*
 * Map both pages where there is room. *header is the address of the ELF header, for AT_SYSINFO_EHDR. Errors of space_map;
 * without the space's lock.
 */
int vdso_map(struct space *space, uint64_t *header);

#endif
