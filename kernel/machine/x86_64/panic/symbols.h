/* Names of the kernel's functions, put into the image by the build: see symbols.py. */
#ifndef GROVE_X86_64_SYMBOLS_H
#define GROVE_X86_64_SYMBOLS_H

#include <stdint.h>

/* The function that holds `address`, and how far into it that is; NULL if there is none. */
const char *symbols_find(uint64_t address, uint64_t *offset);

#endif
